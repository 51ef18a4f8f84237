import Federation
import Foundation
import Testing

@Suite("Run lease")
struct RunLeaseTests {
    /// Writes that a process has the run.
    private static func write(host: String? = nil, process: Int32, job: String? = nil, to folder: TemporaryFolder)
        throws
    {
        var holder: [String: Any] = [
            "host": host ?? ProcessInfo.processInfo.hostName, "process": process, "since": "2020-01-01T00:00:00Z",
        ]
        holder["job"] = job
        let text = String(decoding: try JSONSerialization.data(withJSONObject: holder), as: UTF8.self)
        try folder.write(text, to: "running")
    }

    @Test("is the file that names the process, as long as it is held")
    func file() throws {
        let folder = try TemporaryFolder()
        let lease = try RunLease(RunFolder(folder.path))
        let text = try String(contentsOfFile: folder.path + "/running", encoding: .utf8)
        #expect(text.contains("\"process\":\(ProcessInfo.processInfo.processIdentifier)"))
        lease.release()
        #expect(Disk.names(folder.path).isEmpty)
    }

    @Test("of a process that is gone is free, and so is a file that makes no sense")
    func gone() throws {
        let folder = try TemporaryFolder()
        try Self.write(process: 0x3FFF_FFF0, to: folder)
        try RunLease(RunFolder(folder.path)).release()
        // One that lives, and is another program.
        try Self.write(process: 1, to: folder)
        try RunLease(RunFolder(folder.path)).release()
        try folder.write("rubbish", to: "running")
        try RunLease(RunFolder(folder.path)).release()
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
        try Self.write(process: child, to: folder)
        try RunLease(RunFolder(folder.path)).release()
        waitpid(child, nil, 0)
    }

    @Test("of another machine is respected while the file is touched")
    func otherMachine() async throws {
        let folder = try TemporaryFolder()
        try Self.write(host: "elsewhere", process: 1, job: "77", to: folder)
        let path = folder.path
        let touching = Task.detached {
            while !Task.isCancelled {
                utimes(path + "/running", nil)
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        let error = await Task.detached {
            #expect(throws: FederationError.self) { try RunLease(RunFolder(path)) }
        }.value
        touching.cancel()
        #expect(error?.reason.hasPrefix("another job does: process 1 on elsewhere (Slurm job 77)") == true)
    }
}
