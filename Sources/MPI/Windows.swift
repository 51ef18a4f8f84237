/// How pieces of all ranks, laid end to end on the root, are moved: window by window of a bounded number of elements.
///
/// MPI's counts and displacements have 31 bits. Within a window both stay below its length, whatever the whole is.
package struct Windows {
    /// Where each rank's piece starts in the whole; one more than ranks, the last is the end.
    private let starts: [Int]
    /// Length of a window.
    private let width: Int

    /// - Parameter counts: number of elements of each rank; not negative.
    package init(counts: [Int], width: Int) {
        starts = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        self.width = width
    }

    /// Number of elements of all ranks.
    package var total: Int { starts[starts.count - 1] }
    /// Number of pieces.
    package var rankCount: Int { starts.count - 1 }
    /// Number of windows.
    package var count: Int { (total + width - 1) / width }

    /// Where a window starts in the whole.
    package func start(of window: Int) -> Int { window * width }

    /// What of a rank's piece lies in a window: where it starts, in the piece, and its length.
    package func part(of rank: Int, in window: Int) -> (start: Int, length: Int32) {
        let from = max(starts[rank], start(of: window))
        let to = min(starts[rank + 1], start(of: window) + width)
        return from < to ? (from - starts[rank], Int32(to - from)) : (0, 0)
    }

    /// MPI's arguments on the root: length and displacement of each rank's part of a window, by rank.
    package func layout(of window: Int) -> [(length: Int32, displacement: Int32)] {
        (0..<rankCount).map { rank in
            let part = part(of: rank, in: window)
            let displacement = part.length > 0 ? starts[rank] + part.start - start(of: window) : 0
            return (part.length, Int32(displacement))
        }
    }
}
