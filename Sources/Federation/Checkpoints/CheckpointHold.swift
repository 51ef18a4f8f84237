import Files
import Foundation

/// Keeps a checkpoint from being removed while somebody reads it beside a job that trains.
///
/// It is a file of the run's folder that names the checkpoint, as long as the hold lives. Pruning spares what such files
/// name, unless they are old: their reader was killed. Who may not write there holds nothing, and tries again where the
/// checkpoint vanishes.
package final class CheckpointHold: Sendable {
    private let path: String?

    /// Seconds without a sign of life after which a hold counts for nothing.
    private static let patience = 900.0

    /// Holds a checkpoint of a run.
    package init(_ folder: RunFolder, _ position: RunPosition) {
        let path = "\(folder.readers)/\(position.name)@\(UUID().uuidString)"
        // A run that nobody trains in any more is left as it is.
        guard FileManager.default.fileExists(atPath: folder.lease),
            mkdir(folder.readers, 0o777) == 0 || errno == EEXIST,
            FileManager.default.createFile(atPath: path, contents: nil)
        else {
            self.path = nil
            return
        }
        self.path = path
    }

    deinit {
        guard let path else { return }
        unlink(path)
        rmdir(Path.parent(of: path))
    }

    /// Shows that the reader lives.
    package func touch() {
        if let path { utimes(path, nil) }
    }

    /// The positions that readers of a run hold. What is too old is removed.
    static func positions(_ folder: RunFolder) -> Set<RunPosition> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.readers)) ?? []
        return names.reduce(into: []) { positions, name in
            let path = "\(folder.readers)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else { return }
            guard Date.now.timeIntervalSince1970 - Double(status.st_mtim.tv_sec) < patience else {
                unlink(path)
                return
            }
            if let position = RunPosition(named: String(name.prefix { $0 != "@" })) { positions.insert(position) }
        }
    }
}
