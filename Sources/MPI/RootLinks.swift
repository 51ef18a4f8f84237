internal import CMPI

/// Links between the root and every other rank, two by two: a rank asks, the root answers whoever has asked, and nobody
/// waits for a third.
///
/// A link is a communicator of two ranks. A question has a head, a few numbers that are gathered onto the root
/// (MPI_Igatherv), and a content of any length, as its answer has. Between ranks of one node these are written and read in
/// memory that both share (MPI_Win_allocate_shared), and a word of the root (MPI_Iscatterv) says that the answer is there;
/// between nodes the content is gathered and the answer scattered. A large message within a node would take many looks of
/// both sides, each of which waits for a core where there are more ranks than cores.
///
/// Links serve phases. A phase ends when each rank has said that it has no more questions; until then all ranks stay.
package final class RootLinks {
    /// Whole numbers that a question brings beside its content.
    package static let headCount = 8

    private let ranks: Communicator
    /// On the root one for each other rank, by rank; elsewhere one.
    private let links: [Link]
    /// The link that is looked at first.
    private var first = 0

    /// Links all ranks with the root, which is rank 0. Called by all of them.
    /// - Parameter sharesMemory: whether ranks of one node use memory that they share; the same on all.
    package init(_ ranks: Communicator, sharesMemory: Bool = true) throws(MPIError) {
        self.ranks = ranks
        var links: [Link] = []
        for other in ranks.rank == 0 ? Array(1..<ranks.size) : [ranks.rank] {
            links.append(try Link(ranks, with: other, sharesMemory: sharesMemory))
        }
        self.links = links
    }

    /// Ends the links: on all ranks, before MPI ends.
    package func free() {
        for link in links { link.free() }
    }

    // MARK: The root

    /// A question that has come to the root.
    package struct Question {
        /// Whose it is.
        package let rank: Int
        /// What it brings beside its content.
        package let head: [Int64]
        /// The content; there until the question is answered.
        package let content: UnsafePointer<Float>
    }

    /// Waits for a question of any rank: on the root.
    /// - Returns: nil when no rank has more; with that the phase has ended for all.
    package func nextQuestion() throws(MPIError) -> Question? {
        let operation = "wait for a rank's question"
        return try ranks.waitingInLink(operation) { () throws(MPIError) in
            for link in links where !link.isPosted && !link.hasEnded { try link.postHead(operation) }
            var backOff = BackOff(for: .link)
            var watch = Watch()
            while links.contains(where: { !$0.hasEnded }) {
                for index in links.indices {
                    let link = links[(first + index) % links.count]
                    guard !link.hasEnded, try ranks.isDone(&link.request, operation) else { continue }
                    if let question = try take(link, operation) {
                        // Whoever was just served comes last.
                        first = (first + index + 1) % links.count
                        return question
                    }
                    (backOff, watch) = (BackOff(for: .link), Watch())
                }
                try ranks.pause(&backOff, &watch, operation)
            }
            for link in links {
                link.hasEnded = false
                try link.sayWord(operation)
            }
            return nil
        }
    }

    /// Answers a question.
    /// - Parameter write: writes the answer's numbers.
    package func answer(
        _ question: Question, count: Int, _ write: (UnsafeMutablePointer<Float>) -> Void
    ) throws(MPIError) {
        let operation = "answer a rank's question"
        let link = links[question.rank - 1]
        try link.reserve(count, operation)
        write(link.memory)
        try link.sendAnswer(count, operation)
        ranks.account(operation, calls: 1, bytes: count * MemoryLayout<Float>.size)
    }

    /// Takes the head that has come on a link, and the content; nil where it is no question.
    private func take(_ link: Link, _ operation: String) throws(MPIError) -> Question? {
        link.isPosted = false
        switch Kind(rawValue: link.head[0]) {
        case .end:
            link.hasEnded = true
            return nil
        case .growth:
            try link.grow(to: Int(link.head[1]), operation)
            try link.postHead(operation)
            return nil
        case .question:
            let count = Int(link.head[1])
            try link.receiveContent(count, operation)
            ranks.account(operation, bytes: count * MemoryLayout<Float>.size)
            return Question(rank: link.rank, head: Array(link.head[2...]), content: UnsafePointer(link.memory))
        case nil:
            throw ranks.failure(
                operation, "rank \(link.rank) sent something else",
                remedy: "this is a defect of the program, or the ranks run different versions of it")
        }
    }

    // MARK: The others

    /// Asks the root and waits for its answer.
    /// - Parameters:
    ///   - head: ``headCount`` numbers.
    ///   - count: of the content's numbers, which `write` writes.
    ///   - answer: where the answer goes; as long as the root's.
    package func ask(
        _ head: [Int64], count: Int, _ write: (UnsafeMutablePointer<Float>) -> Void,
        answer: UnsafeMutableBufferPointer<Float>
    ) throws(MPIError) {
        precondition(head.count == Self.headCount, "a question's head has \(Self.headCount) numbers")
        let operation = "ask the root"
        let link = links[0]
        try ranks.waitingInLink(operation) { () throws(MPIError) in
            let most = max(count, answer.count)
            if link.isShared, most > link.capacity {
                try send(link, .growth, most, [], operation)
                try link.grow(to: most, operation)
            }
            try link.reserve(most, operation)
            write(link.memory)
            try link.synchronize(operation)
            try send(link, .question, count, head, operation)
            try link.sendContent(count, operation)
            try link.receiveAnswer(answer, operation)
        }
        ranks.account(operation, bytes: (count + answer.count) * MemoryLayout<Float>.size)
    }

    /// Says that there are no more questions in this phase, and waits until no rank has any.
    package func finish() throws(MPIError) {
        let operation = "wait until no rank has a question"
        let link = links[0]
        try ranks.waitingInLink(operation) { () throws(MPIError) in
            try send(link, .end, 0, [], operation)
            try link.hearWord(operation)
        }
    }

    /// What a head says.
    private enum Kind: Int64 {
        /// The last one of a phase.
        case end
        /// A question follows whose content or answer needs more memory.
        case growth
        case question
    }

    /// Sends a head: what it is, its length, and a question's numbers.
    private func send(
        _ link: Link, _ kind: Kind, _ count: Int, _ numbers: [Int64], _ operation: String
    ) throws(MPIError) {
        _ = link.head.update(fromContentsOf: [kind.rawValue, Int64(count)] + numbers)
        try link.sendHead(operation)
    }
}
