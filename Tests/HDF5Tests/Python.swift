import Foundation

/// Python with h5py, the other program that reads and writes these files.
enum Python {
    static let hasH5py = (try? run("import h5py, numpy")) != nil

    struct Failure: Error {
        let output: String
    }

    /// Runs a script with arguments (in `sys.argv[1:]`) and returns what it prints.
    @discardableResult
    static func run(_ script: String, _ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(output: output) }
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
