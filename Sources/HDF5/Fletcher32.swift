/// The checksum that HDF5 stores behind each chunk of a dataset (its filter "fletcher32"): sums of 16-bit words, of which the
/// first byte is the higher one, modulo 65535.
package enum Fletcher32 {
    /// The checksum of some bytes.
    ///
    /// The library's sums are reduced by adding the carry, which gives 65535 where the remainder is 0, but for words that are all 0.
    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var (sum, weighted): (UInt64, UInt64) = (0, 0)
        /// Adds some words with their sum, and their sum weighted by their distance from the end, of these words.
        func add(_ words: Int, sum added: UInt64, weighted addedWeighted: UInt64) {
            weighted = reduced(weighted &+ reduced(UInt64(words)) &* sum &+ reduced(addedWeighted))
            sum = reduced(sum &+ reduced(added))
        }
        var position = 0
        while bytes.count - position >= vectorBytes {
            let vectors = min(blockVectors, (bytes.count - position) / vectorBytes)
            let end = position + vectors * vectorBytes
            let block = Self.block(UnsafeRawBufferPointer(rebasing: bytes[position..<end]), vectors)
            add(vectors * vectorBytes / 2, sum: block.sum, weighted: block.weighted)
            position = end
        }
        let rest = bytes[position...]
        let words = (rest.count + 1) / 2
        var (sumOfRest, weightedRest): (UInt64, UInt64) = (0, 0)
        for (index, byte) in rest.enumerated() {
            let value = UInt64(byte) << (index % 2 == 0 ? 8 : 0)
            sumOfRest += value
            weightedRest += UInt64(words - index / 2) * value
        }
        add(words, sum: sumOfRest, weighted: weightedRest)
        return UInt32(weighted) << 16 | UInt32(sum)
    }

    private typealias Lanes = SIMD16<UInt32>

    /// The most vectors of a block: no lane of the weighted sums passes 32 bits.
    private static let blockVectors = 256
    private static let vectorBytes = MemoryLayout<Lanes>.size

    /// The sums of a block. A lane has two words of each vector.
    private static func block(_ bytes: UnsafeRawBufferPointer, _ vectors: Int) -> (sum: UInt64, weighted: UInt64) {
        var (first, second) = (Lanes.zero, Lanes.zero)
        // Weighted by the vectors that follow.
        var (firstBefore, secondBefore) = (Lanes.zero, Lanes.zero)
        for index in 0..<vectors {
            let lanes = bytes.loadUnaligned(fromByteOffset: index &* vectorBytes, as: Lanes.self)
            firstBefore &+= first
            secondBefore &+= second
            first &+= (lanes & 0xFF) &<< 8 | (lanes &>> 8) & 0xFF
            second &+= (lanes &>> 8) & 0xFF00 | lanes &>> 24
        }
        let words = UInt64(2 * Lanes.scalarCount)
        var (sum, weighted): (UInt64, UInt64) = (0, 0)
        for lane in 0..<Lanes.scalarCount {
            let (one, other) = (UInt64(first[lane]), UInt64(second[lane]))
            sum += one + other
            weighted += words * (UInt64(firstBefore[lane]) + UInt64(secondBefore[lane]))
            weighted += (words - UInt64(2 * lane)) * one + (words - UInt64(2 * lane + 1)) * other
        }
        return (sum, weighted)
    }

    private static func reduced(_ sum: UInt64) -> UInt64 { sum == 0 ? 0 : (sum - 1) % 65535 + 1 }
}
