import Tensors
import TestSupport
import Testing

/// The pool is the process's, so each of these tests runs in a process of its own.
@Suite("Tensor pool")
struct TensorPoolTests {
    @Test("gives a tensor's memory to the next one of its size")
    func reuse() async {
        await #expect(processExitsWith: .success) {
            var address: UnsafeMutablePointer<Float>?
            do { address = Tensor(Shape(1, 10, 10, 16)).base }
            holds(Tensor(Shape(1, 10, 10, 16)).base, equals: address)
            let first = Tensor(Shape(1, 10, 10, 16))
            let second = Tensor(Shape(1, 10, 10, 16))
            holds(first.base != second.base)
        }
    }

    @Test("allocates nothing from a program's second pass on")
    func steadyState() async {
        await #expect(processExitsWith: .success) {
            func pass() -> [UInt] {
                var alive: [Tensor] = []
                for step in 1...40 {
                    alive.append(Tensor(Shape(1, step, 7, 4)))
                    if step % 3 == 0 { alive.removeFirst(2) }
                }
                return alive.map { UInt(bitPattern: $0.base) }
            }
            _ = pass()
            let peak = TensorPool.shared.peakBytes
            TensorPool.shared.resetPeak()
            let second = Set(pass())
            holds(TensorPool.shared.peakBytes, equals: peak)
            holds(Set(pass()), equals: second)
        }
    }

    @Test("aligns all memory to 64 bytes and lets all of it be written", arguments: [1, 3, 1000, 300_001, 3_000_000])
    func alignment(_ count: Int) {
        let tensor = Tensor(flat: count)
        #expect(UInt(bitPattern: tensor.base) % 64 == 0)
        for index in 0..<count { tensor.base[index] = Float(index) }
        #expect(tensor.base[count - 1] == Float(count - 1))
    }

    @Test("counts the bytes in use and their peak")
    func accounting() async {
        await #expect(processExitsWith: .success) {
            let before = TensorPool.shared.bytesInUse
            TensorPool.shared.resetPeak()
            holds(TensorPool.shared.peakBytes, equals: before)
            do {
                let tensors = [Tensor(flat: 1 << 20), Tensor(flat: 1 << 18)]
                holds(TensorPool.shared.bytesInUse - before, equals: 5 << 20)
                holds(tensors.count, equals: 2)
            }
            holds(TensorPool.shared.bytesInUse, equals: before)
            holds(TensorPool.shared.peakBytes - before, equals: 5 << 20)
        }
    }

    @Test("lends a large buffer to a somewhat smaller request, and knows its size when it comes back")
    func larger() async {
        await #expect(processExitsWith: .success) {
            var address: UnsafeMutablePointer<Float>?
            do { address = Tensor(flat: 1_300_000).base }
            do {
                let smaller = Tensor(flat: 1_000_000)
                holds(smaller.base, equals: address)
                // A much smaller one takes memory of its own.
                holds(Tensor(flat: 300_000).base != address)
            }
            let again = Tensor(flat: 1_300_000)
            holds(again.base, equals: address)
            again.base.update(repeating: 1, count: again.count)
        }
    }

    @Test("goes on working after it gave unused memory back")
    func trim() async {
        await #expect(processExitsWith: .success) {
            let kept = Reference.tensor("kept", Shape(1, 1, 1, 5000))
            let values = kept.array
            do { _ = Tensor(flat: 5000) }
            TensorPool.shared.trim()
            let other = Tensor(flat: 5000)
            other.base.update(repeating: 7, count: 5000)
            holds(kept.array, equals: values)
        }
    }
}
