internal import CMPI

/// What a message is about.
package enum Mail: Int32, CaseIterable {
    /// The run is to stop.
    case stop = 1
    /// What a rank reports to the root.
    case report
    /// Whether the receiver is alive, and what it is doing.
    case question
    /// What the sender is doing.
    case answer
}

/// A message on its way: MPI reads its memory until it has left.
final class Outgoing {
    let bytes: UnsafeMutableBufferPointer<UInt8>
    var request = CMPI_REQUEST_NULL()

    init(_ content: [UInt8]) {
        bytes = .allocate(capacity: max(1, content.count))
        _ = bytes.initialize(from: content.isEmpty ? [0] : content)
    }

    deinit { bytes.deallocate() }
}

/// Short messages between two ranks, for what does not fit the steps in which all ranks meet. Sending does not wait, and
/// neither does collecting. They move on while their sender communicates in any way.
extension Communicator {
    /// Sends a message to a rank.
    package func post(_ mail: Mail, _ bytes: [UInt8] = [], to rank: Int) throws(MPIError) {
        requireRank(rank)
        guard rank != self.rank else {
            inbox[mail, default: []].append((rank, bytes))
            return
        }
        let message = Outgoing(bytes)
        try check(
            CMPI_Isend(
                message.bytes.baseAddress, Int32(bytes.count), Int32(rank), mail.rawValue, postal, &message.request),
            "send a message")
        sentTo[rank] += 1
        outgoing.append(message)
        try forgetSent()
    }

    /// Sends a message to all other ranks.
    package func postToOthers(_ mail: Mail, _ bytes: [UInt8] = []) throws(MPIError) {
        for other in 0..<size where other != rank { try post(mail, bytes, to: other) }
    }

    /// The messages that have come since the last call, in the order of their coming.
    package func collect(_ mail: Mail) throws(MPIError) -> [(rank: Int, bytes: [UInt8])] {
        try receive(mail)
        return inbox.removeValue(forKey: mail) ?? []
    }

    /// Answers ranks that ask whether this one is alive. To be called now and then, in steps of long work; whoever waits
    /// in a collective does it anyway.
    package func attend() throws(MPIError) {
        guard size > 1 else { return }
        try forgetSent()
        for question in try collect(.question) { try post(.answer, activity.encoded, to: question.rank) }
        for answer in try collect(.answer) { answers[answer.rank] = Activity(encoded: answer.bytes) }
    }

    /// Receives all that is on its way, on all ranks: MPI must not end before.
    func settle() throws(MPIError) {
        guard size > 1 else { return }
        var expected = sentTo
        try expected.withUnsafeMutableBufferPointer { counts throws(MPIError) in try allReduce(counts, .sum) }
        // Whatever is sent from now on would not be counted.
        var backOff = BackOff(for: .transfer)
        while received < expected[rank] || !outgoing.isEmpty {
            for mail in Mail.allCases { try receive(mail) }
            try forgetSent()
            backOff.pause()
        }
    }

    private func receive(_ mail: Mail) throws(MPIError) {
        guard size > 1 else { return }
        while true {
            var (found, source, count) = (Int32(0), Int32(0), Int32(0))
            try check(CMPI_Iprobe(mail.rawValue, postal, &found, &source, &count), "look for messages")
            guard found != 0 else { return }
            var bytes = [UInt8](repeating: 0, count: Int(count))
            try check(CMPI_Recv(&bytes, count, source, mail.rawValue, postal), "receive a message")
            received += 1
            inbox[mail, default: []].append((Int(source), bytes))
        }
    }

    private func forgetSent() throws(MPIError) {
        for index in outgoing.indices.reversed() {
            var done: Int32 = 0
            try check(CMPI_Test(&outgoing[index].request, &done), "send a message")
            if done != 0 { outgoing.remove(at: index) }
        }
    }
}
