import Dispatch
import Files
import Foundation

/// The right to write into a run, which one job has at a time: the file `RUN/running` names it, and is touched every few
/// seconds while it lives.
///
/// Locks of file systems are not needed, which parallel ones often lack. Where the holder's process can be seen from
/// here (the same boot of the same machine, the same process namespace) it is looked at; its start time tells it from
/// another one of its number. Everywhere else, as in another container, only the file's being touched tells.
package final class RunLease: @unchecked Sendable {
    private let path: String
    private let run: String
    private let own: Holder
    private let timer: any DispatchSourceTimer

    /// Seconds between two touches.
    static let interval = 5.0

    /// Takes it.
    /// - Throws: where another job has it and lives, or takes it in the same moment.
    package convenience init(_ folder: RunFolder) throws(FederationError) {
        try self.init(folder, as: Holder(), silence: Int(4 * Self.interval))
    }

    /// Takes it for a job.
    /// - Parameter silence: seconds without a touch after which a holder that cannot be seen counts as gone.
    package init(_ folder: RunFolder, as own: Holder, silence: Int) throws(FederationError) {
        run = folder.path
        path = folder.lease
        self.own = own
        try Self.take(path, run: run, own, silence: silence)
        timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        timer.schedule(deadline: .now() + Self.interval, repeating: Self.interval)
        timer.setEventHandler { [path] in
            // What another job took meanwhile is its own to touch.
            if Self.holder(path) == own { utimes(path, nil) }
        }
        timer.resume()
    }

    deinit { release() }

    /// Gives it back.
    package func release() {
        timer.cancel()
        if Self.holder(path) == own { unlink(path) }
    }

    /// Makes sure that this job still has it: one that was suspended for long may have been taken for dead.
    package func confirm() throws(FederationError) {
        let found = Self.holder(path)
        guard found != own else { return }
        throw FederationError(
            attempted: "go on writing into", subject: run,
            reason: found.map { "another job has taken it over: \($0.description)" }
                ?? "\(path), which says that this job may, is gone",
            remedy: "leave the run to that job; this one was suspended, or could not reach the disk, for too long")
    }

    // MARK: Looking at it

    /// The job that has a run, and whether it lives: where its process cannot be seen from here, whether it touches the file,
    /// which takes some seconds to see where that has just stopped.
    package static func look(_ folder: RunFolder) -> (holder: Holder, lives: Bool)? {
        guard let holder = holder(folder.lease) else { return nil }
        if let hasEnded = holder.hasEnded(seenFrom: Holder()) { return (holder, !hasEnded) }
        return (holder, !isSilent(folder.lease, seconds: Int(2 * interval)))
    }

    // MARK: Taking it

    /// Makes the file, which succeeds for one job only, or takes a dead one's place; and looks at it again.
    private static func take(_ path: String, run: String, _ own: Holder, silence: Int) throws(FederationError) {
        let draft = "\(path).\(UUID().uuidString)"
        try DurableFile.write((try? JSONEncoder().encode(own)) ?? Data(), to: draft)
        defer { unlink(draft) }
        for _ in 0..<20 {
            if try create(path, draft) { break }
            let found = holder(path)
            guard found != own else { break }
            guard found?.hasEnded(seenFrom: own) ?? isSilent(path, seconds: silence) else {
                throw FederationError(
                    kind: .configuration, attempted: "write into", subject: run,
                    reason: "another job does: \(found?.description ?? "one that does not say its name")",
                    remedy: "wait for it, or stop it (remove \(path) only if you know that it is gone)")
            }
            if takePlace(of: found, path, draft, silence: silence) { break }
            // Another job takes it over just now.
            usleep(50_000)
        }
        // On network file systems the look tells whether it is this job's in other machines' eyes, too.
        guard holder(path) == own else {
            throw FederationError(
                kind: .configuration, attempted: "write into", subject: run,
                reason: "another job has begun to at the same time"
                    + (holder(path).map { ": \($0.description)" } ?? ""),
                remedy: "let that one go on")
        }
    }

    /// Gives the draft the name, unless there is a file of it.
    private static func create(_ path: String, _ draft: String) throws(FederationError) -> Bool {
        if link(draft, path) == 0 { return true }
        guard errno != EEXIST else { return false }
        // A file system without hard links: the content comes a moment after the file.
        guard makeEmpty(path) else {
            guard errno != EEXIST else { return false }
            throw FederationError(
                attempted: "make", subject: path, reason: SystemFailure().description,
                remedy: "check the folder's permissions and the disk's free space")
        }
        try DurableFile.rename(draft, to: path)
        return true
    }

    /// Puts the draft into the place of a job that has ended, if it still has it. One job does so at a time.
    private static func takePlace(of ended: Holder?, _ path: String, _ draft: String, silence: Int) -> Bool {
        let turn = path + ".takeover"
        guard makeEmpty(turn) else {
            // One that was killed in its turn leaves the file behind.
            if isSilent(turn, seconds: min(silence, 2)) { unlink(turn) }
            return false
        }
        defer { unlink(turn) }
        guard holder(path) == ended else { return false }
        return (try? DurableFile.rename(draft, to: path)) != nil
    }

    /// Makes an empty file, unless there is one.
    private static func makeEmpty(_ path: String) -> Bool {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }

    private static func holder(_ path: String) -> Holder? {
        FileManager.default.contents(atPath: path).flatMap { try? JSONDecoder().decode(Holder.self, from: $0) }
    }

    /// Whether nobody touches the file while one looks on.
    private static func isSilent(_ path: String, seconds: Int) -> Bool {
        func touched() -> [Int] {
            var status = stat()
            guard stat(path, &status) == 0 else { return [] }
            return [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
        }
        let before = touched()
        // Network file systems tell of a change a little later.
        for _ in 0..<seconds {
            sleep(1)
            if touched() != before { return touched().isEmpty }
        }
        return true
    }
}

extension RunLease {
    /// Who holds it.
    package struct Holder: Codable, Equatable, Sendable {
        /// The machine.
        package var host = ProcessInfo.processInfo.hostName
        /// Which start of which machine, where the system says so.
        package var boot = Holder.line(of: "/proc/sys/kernel/random/boot_id")
        /// Which namespace the process's number counts in: containers have their own.
        package var namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        /// The process's number there.
        package var process = ProcessInfo.processInfo.processIdentifier
        /// When it was started, in the kernel's ticks since the machine was.
        package var started = Holder.status(of: "self")?.started
        /// The Slurm job, if it is one.
        package var job = ProcessInfo.processInfo.environment["SLURM_JOB_ID"]
        /// How often Slurm had put the job back into its queue.
        package var restarts = ProcessInfo.processInfo.environment["SLURM_RESTART_COUNT"].flatMap(Int.init) ?? 0
        /// When it was taken.
        package var since = Date.now.formatted(.iso8601)
        /// Tells two of one process apart.
        package var token: String? = UUID().uuidString

        /// This process, now.
        package init() {}

        package var description: String {
            "process \(process) on \(host)" + (job.map { " (Slurm job \($0))" } ?? "") + ", since \(since)"
        }

        /// Whether it has ended for sure, or lives for sure; nil where that cannot be told from where `own` runs.
        func hasEnded(seenFrom own: Holder) -> Bool? {
            // Slurm starts a job again only when its earlier run is over.
            if let job, job == own.job, own.restarts > restarts { return true }
            guard let boot, let namespace, let started, boot == own.boot, namespace == own.namespace else { return nil }
            guard let status = Holder.status(of: "\(process)") else { return true }
            // One that has ended may wait for its parent to notice, and its number may be another's by now.
            return "ZX".contains(status.state) || status.started != started
        }

        /// State and start of a process; nil where there is none of this number.
        private static func status(of process: String) -> (state: Character, started: Int)? {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")")
            else { return nil }
            // From the third field on; the second, the name, may hold anything.
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 19, let state = fields[0].first, let started = Int(fields[19]) else { return nil }
            return (state, started)
        }

        private static func line(of path: String) -> String? {
            (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}
