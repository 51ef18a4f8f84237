import FederatedLearning
import MPI
import SecureAggregation

/// What is added up on the root, and can be masked until it is: 64-bit integers that wrap around.
package protocol SecureSums: AnyObject {
    /// How many values each of its arrays has.
    var counts: [Int] { get }
    /// Adds streams to this rank's sums of what is exchanged of some parts.
    func mask(_ streams: [MaskStream], parts: [StatePart])
    /// Adds up the ranks' sums on the root. Elsewhere they have no meaning afterwards.
    func reduce(_ communicator: Communicator) throws(MPIError)
}

/// Numbers that centers report of themselves, of which the server is to learn the sums alone: exact whatever the order, since
/// each is rounded to a unit of 2⁻³⁰. One beyond 2¹⁶ counts as that, so that 2¹⁷ centers fit.
package final class ReportSums: SecureSums {
    private var sums: [UInt64]
    /// Units of 1.
    static let unitsPerOne = 0x1p30
    private static let bound = 0x1p16

    /// Sums of zero.
    package init(count: Int) { sums = [UInt64](repeating: 0, count: count) }

    /// How many numbers each center reports.
    package var count: Int { sums.count }

    /// The sums, where they are not masked.
    package var values: [Double] { sums.map { Double(Int64(bitPattern: $0)) / Self.unitsPerOne } }

    /// Makes all sums zero again.
    package func reset() {
        for index in sums.indices { sums[index] = 0 }
    }

    /// Adds a center's numbers.
    /// - Parameters:
    ///   - values: what is no number counts as 0.
    ///   - first: the place of the first of them.
    package func add(_ values: [Double], at first: Int = 0) {
        for (index, value) in values.enumerated() {
            let limited = value.isNaN ? 0 : min(Self.bound, max(-Self.bound, value))
            sums[first + index] &+= UInt64(bitPattern: Int64((limited * Self.unitsPerOne).rounded()))
        }
    }

    /// Gives the sums' memory.
    func withSums<Result, Failure: Error>(
        from first: Int = 0, _ body: (UnsafeMutableBufferPointer<UInt64>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try sums.withUnsafeMutableBufferPointer { buffer throws(Failure) in
            try body(UnsafeMutableBufferPointer(rebasing: buffer[first...]))
        }
    }

    // MARK: Adding up

    /// One array.
    package var counts: [Int] { [count] }

    /// They are of no part.
    package func mask(_ streams: [MaskStream], parts: [StatePart]) { mask(streams, part: 0) }

    /// Adds streams of which other sums have the parts before this one.
    func mask(_ streams: [MaskStream], part: Int) {
        withSums { MaskStream.add(streams, part: part, to: $0) }
    }

    /// Adds up the ranks' sums on the root. Elsewhere they have no meaning afterwards.
    package func reduce(_ communicator: Communicator) throws(MPIError) {
        try withSums { buffer throws(MPIError) in try communicator.reduceSum(buffer, root: 0) }
    }
}
