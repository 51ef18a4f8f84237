import Federation
import Foundation
import Synchronization
import Testing

@Suite("Disk queue")
struct DiskQueueTests {
    @Test("does its work in order, beside its caller")
    func order() {
        let queue = DiskQueue(limit: 10)
        let done = Mutex<[Int]>([])
        let mayGo = DispatchSemaphore(value: 0)
        queue.submit { mayGo.wait() }
        for number in 0..<50 { queue.submit { done.withLock { $0.append(number) } } }
        #expect(done.withLock { $0.isEmpty })
        mayGo.signal()
        queue.drain()
        #expect(done.withLock { $0 } == Array(0..<50))
    }

    @Test("stages no more than the limit, or a single larger item", arguments: [1, 4, 10, 100])
    func bound(_ size: Int) {
        let queue = DiskQueue(limit: 10)
        let most = Mutex(0)
        for _ in 0..<30 {
            queue.submit(staging: size) { most.withLock { $0 = max($0, queue.stagedBytes) } }
            #expect(queue.stagedBytes <= max(10, size))
        }
        queue.drain()
        #expect(most.withLock { $0 } <= max(10, size))
        #expect(queue.stagedBytes == 0)
    }

    @Test("keeps the first failure and writes nothing after it")
    func failure() {
        let queue = DiskQueue(limit: 10)
        let written = Mutex<[Int]>([])
        for number in 0..<5 {
            queue.submit(staging: 8) {
                guard number != 2 else {
                    throw FederationError(attempted: "write", subject: "\(number)", reason: "full", remedy: "wait")
                }
                written.withLock { $0.append(number) }
            }
        }
        queue.drain()
        #expect(queue.failure?.subject == "2")
        #expect(written.withLock { $0 } == [0, 1])
    }
}
