internal import CHDF5

/// The messages that the library left about its last failure, the innermost (most specific) first.
struct ErrorStack {
    let messages: [String]

    /// Reads the stack and clears it. Call it under the library's lock, right after the call that failed.
    static func take() -> ErrorStack {
        var messages: [String] = []
        withUnsafeMutablePointer(to: &messages) { collected in
            _ = H5Ewalk2(
                CHDF5_E_DEFAULT(), H5E_WALK_UPWARD,
                { _, entry, context in
                    guard let context, let text = entry?.pointee.desc else { return 0 }
                    context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: text))
                    return 0
                }, collected)
        }
        _ = H5Eclear2(CHDF5_E_DEFAULT())
        return ErrorStack(messages: messages)
    }

    /// The failure in words for users, with what they can do. The library's own words unless the case is well known.
    var diagnosis: (reason: String, remedy: String) {
        if contains("Fletcher32") {
            return (
                "the data are damaged: their checksum (Fletcher32) does not match",
                "restore the file or use an earlier one"
            )
        }
        if let systemMessage {
            let remedy =
                switch systemMessage {
                case "No space left on device", "Disk quota exceeded", "File too large": "free some space and try again"
                case "No such file or directory": "check the path"
                case "Permission denied", "Read-only file system": "check the permissions"
                default: "check the path and the file system"
                }
            return (systemMessage.lowercasedFirst, remedy)
        }
        if let message = messages.first(where: { $0.hasPrefix("required filter") }) {
            return (message, "write the dataset without this filter")
        }
        if contains("file signature not found") {
            return ("it is not an HDF5 file", "check that the path names the right file")
        }
        if contains("truncated file") || contains("addr overflow") {
            return ("the file is truncated", "restore the file or use an earlier one")
        }
        if contains("name already exists") {
            return ("the name is taken", "choose another name or write to a new file")
        }
        if contains("object header message is too large") {
            return ("it is too large for an attribute (64 KiB at most)", "write it as a dataset")
        }
        // The first message is the most specific one; the second often tells where that happened.
        let reason = messages.prefix(2).joined(separator: ", in: ")
        return (reason.isEmpty ? "the HDF5 library gave no reason" : reason, "check the file with h5dump")
    }

    private func contains(_ words: String) -> Bool {
        messages.contains { $0.firstRange(of: words) != nil }
    }

    /// The operating system's number, which the library quotes as `errno = …`.
    var systemCode: Int32? {
        for message in messages {
            guard let start = message.firstRange(of: "errno = ")?.upperBound else { continue }
            if let code = Int32(message[start...].prefix { $0.isNumber }), code != 0 { return code }
        }
        return nil
    }

    /// The operating system's message, which the library quotes as `error message = '…'`.
    private var systemMessage: String? {
        for message in messages {
            guard let start = message.firstRange(of: "error message = '")?.upperBound else { continue }
            let quoted = message[start...].prefix { $0 != "'" }
            if !quoted.isEmpty, quoted != "Success" { return String(quoted) }
        }
        return nil
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
