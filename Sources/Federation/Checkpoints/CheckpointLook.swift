import Files
import Foundation

/// What a look at all files of a checkpoint shows.
package struct CheckpointLook {
    /// The checkpoint's folder.
    package let folder: String
    /// Number and bytes of its files, as its manifest lists them.
    package let files, bytes: Int
    /// What is wrong, a sentence each.
    package let damages: [String]

    /// Looks at all checkpoints of a run, or at the one whose folder is given.
    /// - Throws: where there is none.
    package static func all(_ path: String) throws(FederationError) -> [CheckpointLook] {
        let isCheckpoint = FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)")
        let run = isCheckpoint ? RunFolder(ofCheckpoint: path) : RunFolder(path)
        let listed = isCheckpoint ? [path] : run.positions.sorted().map { run.checkpoint($0) }
        var looks = listed.compactMap { CheckpointLook($0, of: run) }
        // A job that trains may have removed all that were listed, and made others.
        if looks.isEmpty, !isCheckpoint {
            looks = run.positions.sorted().compactMap { CheckpointLook(run.checkpoint($0), of: run) }
        }
        guard !looks.isEmpty else {
            throw FederationError(
                attempted: "verify", subject: path, reason: "it has no complete checkpoint",
                remedy: "give the folder of a run or of a checkpoint")
        }
        return looks
    }

    /// - Returns: nil where the checkpoint was removed meanwhile, by a job that trains.
    private init?(_ folder: String, of run: RunFolder) {
        self.folder = folder
        do {
            let manifest = try Manifest.read(folder: folder)
            (files, bytes) = (manifest.files.count, manifest.files.values.reduce(0) { $0 + $1.size })
            damages = manifest.damages(run: run)
        } catch {
            (files, bytes) = (0, 0)
            damages = [error.description]
        }
        if !damages.isEmpty, !FileManager.default.fileExists(atPath: "\(folder)/\(Manifest.fileName)") {
            // Its manifest goes with its folder, in one step; a folder that is still there lost it otherwise.
            guard FileManager.default.fileExists(atPath: folder) else { return nil }
        }
    }
}
