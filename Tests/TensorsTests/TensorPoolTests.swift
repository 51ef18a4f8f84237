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

    @Test("cuts a large buffer up for smaller requests, and puts it together when they come back")
    func neighbours() async {
        await #expect(processExitsWith: .success) {
            let page = 16384
            var address: UnsafeMutablePointer<Float>?
            do { address = Tensor(flat: 60 * page).base }
            let lasting = Tensor(flat: 20 * page)
            holds(lasting.base, equals: address)
            do {
                let rest = Tensor(flat: 40 * page)
                holds(rest.base, equals: lasting.base + 20 * page)
            }
            do {
                let parts = (0..<4).map { _ in Tensor(flat: 10 * page) }
                for (index, part) in parts.enumerated() {
                    holds(part.base, equals: lasting.base + (20 + 10 * index) * page)
                    part.base.update(repeating: 1, count: part.count)
                }
            }
            let whole = Tensor(flat: 40 * page)
            holds(whole.base, equals: lasting.base + 20 * page)
            whole.base.update(repeating: 1, count: whole.count)
        }
    }

    @Test("takes the smallest place that is large enough, and never one that is in use")
    func places() async {
        await #expect(processExitsWith: .success) {
            var random = RandomStream(seed: 5, purpose: "places")
            var alive: [(tensor: Tensor, mark: Float)] = []
            for step in 0..<3000 {
                if random.index(below: 5) < 2, !alive.isEmpty {
                    let (tensor, mark) = alive.remove(at: random.index(below: alive.count))
                    holds(tensor.base[0], equals: mark)
                    holds(tensor.base[tensor.count - 1], equals: mark)
                }
                if alive.count < 40 {
                    let tensor = Tensor(flat: 1 + random.index(below: 400_000))
                    (tensor.base[0], tensor.base[tensor.count - 1]) = (Float(step), Float(step))
                    alive.append((tensor, Float(step)))
                }
                for (tensor, mark) in alive { holds(tensor.base[tensor.count - 1], equals: mark) }
            }
        }
    }

    @Test("goes on working after it gave unused memory back")
    func trim() async {
        await #expect(processExitsWith: .success) {
            for count in [5000, 500_000] {
                let kept = Reference.tensor("kept", Shape(1, 1, 1, count))
                let values = kept.array
                do { _ = Tensor(flat: count) }
                TensorPool.shared.trim()
                let other = Tensor(flat: count)
                other.base.update(repeating: 7, count: count)
                holds(kept.array, equals: values)
            }
        }
    }
}
