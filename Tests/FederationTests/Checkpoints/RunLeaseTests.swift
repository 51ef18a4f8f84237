import Federation
import Foundation
import Synchronization
import Testing

@Suite("Run lease")
struct RunLeaseTests {
    /// Writes that a job has the run: this process's own words, changed.
    @discardableResult
    private static func write(_ folder: TemporaryFolder, _ change: (inout RunLease.Holder) -> Void) throws
        -> RunLease.Holder
    {
        var holder = RunLease.Holder()
        change(&holder)
        try folder.write(String(decoding: try JSONEncoder().encode(holder), as: UTF8.self), to: "running")
        return holder
    }

    /// Takes the run as a job that looks on for a second at one that it cannot see.
    @discardableResult
    private static func take(
        _ folder: TemporaryFolder, as holder: RunLease.Holder = RunLease.Holder(), silence: Int = 1
    ) throws -> RunLease {
        try RunLease(RunFolder(folder.path), as: holder, silence: silence)
    }

    /// Touches the file, on a thread of its own, as long as `body` runs.
    private static func touching(_ folder: TemporaryFolder, _ body: () throws -> Void) rethrows {
        let path = folder.path + "/running"
        let thread = Thread {
            while !Thread.current.isCancelled {
                utimes(path, nil)
                usleep(50_000)
            }
        }
        thread.start()
        defer { thread.cancel() }
        try body()
    }

    @Test("is the file that names the process, as long as it is held")
    func file() throws {
        let folder = try TemporaryFolder()
        let lease = try RunLease(RunFolder(folder.path))
        let text = try String(contentsOfFile: folder.path + "/running", encoding: .utf8)
        #expect(text.contains("\"process\":\(ProcessInfo.processInfo.processIdentifier)"))
        try lease.confirm()
        lease.release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("of a process that is gone, or of another one of its number, is free at once")
    func gone() throws {
        let folder = try TemporaryFolder()
        try Self.write(folder) { $0.process = 0x3FFF_FFF0 }
        try Self.take(folder, silence: 60).release()
        // A process of another run's program that has the number of the one that was killed.
        try Self.write(folder) { $0.started = ($0.started ?? 0) - 1 }
        try Self.take(folder, silence: 60).release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("of a process that lives is refused at once, with its name")
    func living() throws {
        let folder = try TemporaryFolder()
        let held = try RunLease(RunFolder(folder.path))
        let error = #expect(throws: FederationError.self) { try Self.take(folder, silence: 60) }
        #expect(error?.kind == .configuration)
        #expect(error?.reason.contains("process \(ProcessInfo.processInfo.processIdentifier)") == true)
        held.release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("of a process that has ended, and whose parent has not noticed, is free")
    func ended() throws {
        let folder = try TemporaryFolder()
        var child = pid_t()
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawnp(&child, "true", nil, nil, &arguments, nil) == 0)
        // Ended, and not waited for.
        var information = siginfo_t()
        waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT)
        let fields = try String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8).split(separator: " ")
        try Self.write(folder) {
            $0.process = child
            $0.started = Int(fields[21])
        }
        try Self.take(folder, silence: 60).release()
        waitpid(child, nil, 0)
    }

    @Test(
        "of a job that cannot be seen from here counts while it is touched, and only then",
        arguments: [
            "another machine", "another start of this machine", "another container", "a program that says less",
        ])
    func unseen(_ place: String) throws {
        let folder = try TemporaryFolder()
        func write() throws {
            try Self.write(folder) { holder in
                switch place {
                case "another machine": (holder.host, holder.boot) = ("elsewhere", "elsewhere's")
                case "another start of this machine": holder.boot = "the one before"
                case "another container": holder.namespace = "pid:[1]"
                default: (holder.boot, holder.namespace, holder.started, holder.token) = (nil, nil, nil, nil)
                }
                // Process 1 is there in every container, and is another one.
                holder.process = 1
                holder.job = "77"
            }
        }
        try write()
        var error: FederationError?
        Self.touching(folder) {
            // Long enough for a thread to be given a turn on a machine that is busy.
            error = #expect(throws: FederationError.self) { try Self.take(folder, silence: 60) }
        }
        // A last touch may be under way.
        usleep(200_000)
        #expect(error?.reason.contains("process 1 on") == true && error?.reason.contains("(Slurm job 77)") == true)
        try write()
        try Self.take(folder).release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("of the same Slurm job is free where Slurm has started the job again, and not for another step of it")
    func requeued() throws {
        let folder = try TemporaryFolder()
        func before(_ holder: inout RunLease.Holder) {
            (holder.boot, holder.host) = ("another node's", "node-1")
            (holder.job, holder.restarts) = ("77", 1)
        }
        var again = RunLease.Holder()
        (again.job, again.restarts) = ("77", 2)
        try Self.write(folder, before)
        try Self.take(folder, as: again, silence: 60).release()
        var second = again
        second.restarts = 1
        try Self.write(folder, before)
        Self.touching(folder) {
            _ = #expect(throws: FederationError.self) { try Self.take(folder, as: second, silence: 60) }
        }
    }

    @Test("that makes no sense is free when nobody touches it")
    func rubbish() throws {
        let folder = try TemporaryFolder()
        try folder.write("rubbish", to: "running")
        try Self.take(folder).release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("that another job has taken is noticed, and is not given back for it")
    func takenOver() throws {
        let folder = try TemporaryFolder()
        let lease = try RunLease(RunFolder(folder.path))
        try Self.write(folder) { $0.process = 4711 }
        let error = #expect(throws: FederationError.self) { try lease.confirm() }
        #expect(error?.reason.hasPrefix("another job has taken it over: process 4711 on") == true)
        lease.release()
        #expect(Disk.names(folder.path) == ["running"])
        try FileManager.default.removeItem(atPath: folder.path + "/running")
        #expect(throws: FederationError.self) { try lease.confirm() }
    }

    @Test("is one job's, however many take it in the same moment")
    func race() throws {
        let folder = try TemporaryFolder()
        // What a killed job left behind is what they race for.
        for _ in 0..<20 {
            try Self.write(folder) { $0.process = 0x3FFF_FFF0 }
            let leases = Mutex<[RunLease]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                guard let lease = try? Self.take(folder) else { return }
                leases.withLock { $0.append(lease) }
            }
            #expect(leases.withLock(\.count) == 1)
            for lease in leases.withLock({ $0 }) {
                try lease.confirm()
                lease.release()
            }
        }
    }
}
