import Foundation
import Testing

/// Python with nibabel: the oracle for NIfTI files. Tests that need it are skipped, with a message, where it is absent.
enum Nibabel {
    static let isPresent = (try? run("import nibabel, numpy", [])) != nil
    static let absence: Comment = "python3 with nibabel is not installed"

    /// Runs a script and returns what it prints.
    @discardableResult
    static func run(_ script: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let printed = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw OracleFailure(message: String(decoding: complaints, as: UTF8.self))
        }
        return String(decoding: printed, as: UTF8.self)
    }

    struct OracleFailure: Error { let message: String }
}
