import ArgumentParser
import Federation
import Files

/// Results, on standard output.
enum Console {
    /// Prints a text, and a line's end unless `terminator` says another.
    /// - Throws: where it cannot be written: the result is lost, and the command fails.
    static func print(_ text: String, terminator: String = "\n") throws {
        do { try StandardOutput.write(text + terminator) } catch {
            throw FederationError(
                attempted: "write the result to", subject: "standard output", reason: error.description,
                remedy: error.isLackOfSpace
                    ? "free space on that disk, or write elsewhere" : "give the command an output that can be written")
        }
    }

    /// Prints one JSON object.
    static func json(_ value: MetricsValue) throws { try print(value.json) }
}

/// What a command line may not hold, whichever command it is of.
enum CommandLineCheck {
    /// Why the arguments cannot be meant so; nil where they can.
    static func complaint(_ arguments: [String]) -> String? {
        for (index, argument) in arguments.enumerated() {
            let before = index > 0 ? arguments[index - 1] : ""
            if argument.isEmpty {
                return "an argument is empty" + (before.hasPrefix("-") ? ", that of \(before)" : "")
            }
            if argument.hasPrefix("--"), argument.hasSuffix("="), argument.count(where: { $0 == "=" }) == 1 {
                return "\(argument) is given nothing"
            }
        }
        return nil
    }

    /// The first argument of the process that is not UTF-8, with its other bytes as \xNN; nil where all are.
    ///
    /// Swift replaces such bytes, so that a folder of another name would be read or made.
    static func argumentInOtherEncoding() -> String? {
        for index in 0..<Int(CommandLine.argc) {
            guard let pointer = CommandLine.unsafeArgv[index] else { continue }
            guard String(validatingCString: pointer) == nil else { continue }
            var bytes: [UInt8] = []
            var place = 0
            while pointer[place] != 0 {
                bytes.append(UInt8(bitPattern: pointer[place]))
                place += 1
            }
            return bytes.map { byte in
                byte >= 0x20 && byte < 0x7F
                    ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }
        return nil
    }
}
