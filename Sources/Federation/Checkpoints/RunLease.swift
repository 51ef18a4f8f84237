import Dispatch
import Foundation

/// The right to write into a run, which one job has at a time: the file `RUN/running` names it, and is touched every few
/// seconds while it lives.
///
/// Locks of file systems are not needed, which parallel ones often lack. A job that was killed leaves the file behind: on
/// the same machine one sees that its process is gone, on another one that the file is touched no more.
package final class RunLease {
    /// Who holds it.
    private struct Holder: Codable, Equatable {
        var host = ProcessInfo.processInfo.hostName
        var process = ProcessInfo.processInfo.processIdentifier
        var job = ProcessInfo.processInfo.environment["SLURM_JOB_ID"]
        var since = Date.now.formatted(.iso8601)

        var description: String {
            "process \(process) on \(host)" + (job.map { " (Slurm job \($0))" } ?? "") + ", since \(since)"
        }

        /// Whether it has ended for sure; nil where that cannot be told from here.
        var hasEnded: Bool? {
            let here = Holder()
            // A requeued job's earlier self.
            if let job, job == here.job, process != here.process || host != here.host { return true }
            guard host == here.host else { return nil }
            if process == here.process { return false }
            guard kill(process, 0) == 0 || errno == EPERM else { return true }
            guard let other = Holder.status(of: "\(process)"), let own = Holder.status(of: "self") else { return nil }
            // One that ended may wait for its parent to notice, and its number may be another program's by now.
            return "ZX".contains(other.state) || other.name != own.name
        }

        /// Name and state of a process; nil where there is no table of them, or not this one.
        private static func status(of process: String) -> (name: Substring, state: Character)? {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let start = text.firstIndex(of: "("), let end = text.lastIndex(of: ")"),
                let state = text[end...].dropFirst(2).first
            else { return nil }
            return (text[start...end], state)
        }
    }

    private let path: String
    private let timer: any DispatchSourceTimer

    /// Seconds between two touches.
    private static let interval = 5.0

    /// Takes it.
    /// - Throws: where another job has it and lives.
    package init(_ folder: RunFolder) throws(FederationError) {
        path = folder.path + "/running"
        let path = path
        let own = Holder()
        if let holder = Self.holder(path), holder != own {
            guard holder.hasEnded ?? Self.isSilent(path) else {
                throw FederationError(
                    kind: .configuration, attempted: "write into", subject: folder.path,
                    reason: "another job does: \(holder.description)",
                    remedy: "wait for it, or stop it (remove \(path) only if you know that it is gone)")
            }
        }
        let content = (try? JSONEncoder().encode(own)) ?? Data()
        try DurableFile.write(content, to: path)
        timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.schedule(deadline: .now() + Self.interval, repeating: Self.interval)
        timer.setEventHandler { utimes(path, nil) }
        timer.resume()
    }

    deinit { release() }

    /// Gives it back.
    package func release() {
        timer.cancel()
        if Self.holder(path)?.process == ProcessInfo.processInfo.processIdentifier { unlink(path) }
    }

    private static func holder(_ path: String) -> Holder? {
        FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(Holder.self, from: $0) }
    }

    /// Whether nobody touches the file while one looks on.
    private static func isSilent(_ path: String) -> Bool {
        func touched() -> [Int] {
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            return [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
        let before = touched()
        // Network file systems tell of a change a little later.
        for _ in 0..<Int(4 * interval) {
            sleep(1)
            if touched() != before { return touched().isEmpty }
        }
        return true
    }
}
