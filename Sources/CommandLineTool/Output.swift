import Federation
import Files
import Foundation

/// Files that a command is about to write.
enum Output {
    /// Refuses to write over what is read: by device and inode, whatever the names, before anything is started.
    static func refuseInputs(_ outputs: [String], inputs: [String]) throws {
        guard let found = FileIdentity.collision(outputs: outputs, inputs: inputs) else { return }
        throw FederationError(
            kind: .configuration, attempted: "write", subject: found.output,
            reason: found.isInput
                ? "it is \(found.output == found.other ? "what" : "\(found.other), which") is to be read"
                : "two outputs would be this file",
            remedy: "choose another output; nothing was changed")
    }

    /// Makes a folder for outputs.
    static func makeFolder(_ path: String) throws {
        do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
            throw FederationError(
                attempted: "make the folder", subject: path, reason: error.localizedDescription,
                remedy: "check that the folder above it exists and may be written")
        }
    }
}
