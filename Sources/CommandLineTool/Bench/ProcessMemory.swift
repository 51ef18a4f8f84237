import Foundation

/// The memory of this process.
enum ProcessMemory {
    /// The largest resident size so far.
    static var peakMebibytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss >> 10
    }

    /// Starts a new measurement of ``recentPeakMebibytes``, where the kernel can.
    static func resetRecentPeak() { try? Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs")) }

    /// The largest resident size since ``resetRecentPeak()``.
    static var recentPeakMebibytes: Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kibibytes = line?.split(separator: " ").compactMap { Int($0) }.first
        return kibibytes.map { $0 >> 10 } ?? peakMebibytes
    }
}
