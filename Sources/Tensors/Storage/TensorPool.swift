import Synchronization

/// The memory of tensors and kernels: buffers that are used again instead of being returned to the system.
///
/// A training step asks for the same sizes in the same order every time, so after the first step nothing is allocated
/// any more. Sizes are rounded up to a sixteenth of their power of two, so that similar requests share buffers.
package final class TensorPool: Sendable {
    /// The pool of this process.
    package static let shared = TensorPool()

    private struct State {
        var free: [Int: [UInt]] = [:]
        var inUse = 0
        var held = 0
        var peak = 0
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
            state.held = state.inUse
        }
    }

    /// Memory for `count` floats, 64-byte aligned, undefined values.
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let capacity = Self.capacity(count)
        let reused = state.withLock { state -> UInt? in
            state.inUse += capacity
            state.peak = max(state.peak, state.inUse)
            if let address = state.free[capacity]?.popLast() { return address }
            state.held += capacity
            return nil
        }
        if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) {
            return pointer.assumingMemoryBound(to: Float.self)
        }
        return UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64).bindMemory(
            to: Float.self, capacity: capacity / 4)
    }

    /// Takes back memory that ``take(_:)`` gave for `count` floats.
    func give(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
        let capacity = Self.capacity(count)
        let address = UInt(bitPattern: pointer)
        state.withLock { state in
            state.inUse -= capacity
            state.free[capacity, default: []].append(address)
        }
    }

    /// Runs `body` with `count` floats of scratch memory, 64-byte aligned, undefined values.
    @inline(__always)
    func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let pointer = take(count)
        defer { give(pointer, count) }
        return body(pointer)
    }

    /// Bytes for `count` floats, rounded up so that few different sizes occur.
    private static func capacity(_ count: Int) -> Int {
        let bytes = max(count * MemoryLayout<Float>.size, 256)
        let step = max(64, 1 << max(0, Int.bitWidth - 1 - bytes.leadingZeroBitCount - 4))
        return (bytes + step - 1) / step * step
    }
}
