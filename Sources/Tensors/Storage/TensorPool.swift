import Synchronization

/// The memory of tensors and kernels: buffers that are used again instead of being returned to the system.
///
/// A training step asks for the same sizes in the same order every time, so after the first step nothing is allocated
/// any more. Small requests are rounded up to a sixteenth of their power of two, so that similar ones share buffers; large ones
/// are cut out of a ``BufferArena``.
package final class TensorPool: Sendable {
    /// The pool of this process.
    package static let shared = TensorPool()

    private struct State {
        /// Addresses of unused small buffers by their size.
        var free: [Int: [UInt]] = [:]
        var large = BufferArena()
        var inUse = 0
        var peak = 0
    }

    /// Bytes from which on a buffer is a large one.
    private static let large = 1 << 18

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
            state.large.trim()
        }
    }

    /// Memory for `count` floats, 64-byte aligned, undefined values.
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let capacity = Self.capacity(count)
        let address = state.withLock { state -> UInt? in
            state.inUse += capacity
            state.peak = max(state.peak, state.inUse)
            return capacity < Self.large
                ? state.free[capacity]?.popLast() : UInt(bitPattern: state.large.take(capacity))
        }
        let buffer =
            address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) } ?? .allocate(byteCount: capacity, alignment: 64)
        return buffer.bindMemory(to: Float.self, capacity: capacity / 4)
    }

    /// Takes back memory that ``take(_:)`` gave for `count` floats.
    func give(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
        let capacity = Self.capacity(count)
        let address = UInt(bitPattern: pointer)
        state.withLock { state in
            state.inUse -= capacity
            if capacity < Self.large {
                state.free[capacity, default: []].append(address)
            } else {
                state.large.give(address, capacity)
            }
        }
    }

    /// Runs `body` with `count` floats of scratch memory, 64-byte aligned, undefined values.
    @inline(__always)
    func withScratch<Result>(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result) -> Result {
        let pointer = take(count)
        defer { give(pointer, count) }
        return body(pointer)
    }

    /// Bytes for `count` floats, rounded up: of small ones so that few different sizes occur.
    private static func capacity(_ count: Int) -> Int {
        let bytes = max(count * MemoryLayout<Float>.size, 256)
        let step = max(64, 1 << max(0, Int.bitWidth - 1 - bytes.leadingZeroBitCount - 4))
        let capacity = (bytes + step - 1) / step * step
        return capacity < large ? capacity : BufferArena.capacity(bytes)
    }
}
