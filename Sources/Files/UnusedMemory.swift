internal import CLinux

/// Memory that was in use for a moment and is not any more.
package enum UnusedMemory {
    /// Returns it to the system: the allocator else keeps the pages of large work that was done once or now and then, such as
    /// reading the cohorts of thousands of centers.
    package static func giveBack() { CLinux_returnUnusedMemory() }
}
