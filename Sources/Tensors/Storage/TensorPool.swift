import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The memory of tensors and kernels: buffers that are used again instead of being returned to the system.
///
/// A training step asks for the same sizes in the same order every time, so after the first step nothing is allocated
/// any more. Sizes are rounded up to a sixteenth of their power of two, so that similar requests share buffers, and a
/// large request takes an unused buffer that is somewhat larger before it takes new memory.
package final class TensorPool: Sendable {
    /// The pool of this process.
    package static let shared = TensorPool()

    private struct State {
        /// Addresses of unused buffers by their size.
        var free: [Int: [UInt]] = [:]
        /// Sizes of used buffers that are larger than what was asked for.
        var larger: [UInt: Int] = [:]
        var inUse = 0
        var peak = 0

        /// An unused buffer of up to half again the size, for large requests: memory that lies idle costs more then.
        mutating func takeLarger(than capacity: Int) -> UInt? {
            guard capacity >= 1 << 20 else { return nil }
            let fits = free.filter { $0.key > capacity && $0.key <= capacity + capacity / 2 && !$0.value.isEmpty }
            guard let size = fits.keys.min(), let address = free[size]?.popLast() else { return nil }
            larger[address] = size
            return address
        }
    }

    private let state = Mutex(State())

    /// Bytes handed out now.
    package var bytesInUse: Int { state.withLock { $0.inUse } }

    /// The largest number of bytes that were handed out at once since ``resetPeak()``.
    package var peakBytes: Int { state.withLock { $0.peak } }

    /// Starts a new measurement of ``peakBytes``.
    package func resetPeak() { state.withLock { $0.peak = $0.inUse } }

    /// Returns memory that nobody uses to the system.
    package func trim() {
        state.withLock { state in
            for buffers in state.free.values {
                for address in buffers { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
            }
            state.free.removeAll()
        }
    }

    /// Memory for `count` floats, 64-byte aligned, undefined values.
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let capacity = Self.capacity(count)
        let reused = state.withLock { state -> UInt? in
            state.inUse += capacity
            state.peak = max(state.peak, state.inUse)
            if let address = state.free[capacity]?.popLast() { return address }
            return state.takeLarger(than: capacity)
        }
        if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) {
            return pointer.assumingMemoryBound(to: Float.self)
        }
        return Self.allocate(capacity).bindMemory(to: Float.self, capacity: capacity / 4)
    }

    /// Takes back memory that ``take(_:)`` gave for `count` floats.
    func give(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
        let capacity = Self.capacity(count)
        let address = UInt(bitPattern: pointer)
        state.withLock { state in
            state.inUse -= capacity
            state.free[state.larger.removeValue(forKey: address) ?? capacity, default: []].append(address)
        }
    }

    /// Runs `body` with `count` floats of scratch memory, 64-byte aligned, undefined values.
    @inline(__always)
    func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let pointer = take(count)
        defer { give(pointer, count) }
        return body(pointer)
    }

    /// New memory; in huge pages where it is large: transforms write to 36 or 64 places in turn, which ordinary pages' address
    /// translation does not keep up with.
    private static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let hugePage = 2 << 20
        guard bytes >= 2 * hugePage else { return .allocate(byteCount: bytes, alignment: 64) }
        let pointer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: hugePage)
        // Only a wish: without huge pages all works the same.
        madvise(pointer, bytes / hugePage * hugePage, MADV_HUGEPAGE)
        return pointer
    }

    /// Bytes for `count` floats, rounded up so that few different sizes occur.
    private static func capacity(_ count: Int) -> Int {
        let bytes = max(count * MemoryLayout<Float>.size, 256)
        let step = max(64, 1 << max(0, Int.bitWidth - 1 - bytes.leadingZeroBitCount - 4))
        return (bytes + step - 1) / step * step
    }
}
