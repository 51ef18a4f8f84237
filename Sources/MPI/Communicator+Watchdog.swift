internal import CMPI

/// What a rank is doing, as others see it.
struct Activity: Equatable {
    enum Stage: UInt8 {
        /// Between collectives: it computes.
        case working
        /// It waits for others to come to a collective.
        case arriving
        /// All have come, and data moves.
        case transferring
    }

    /// Collectives so far, the one under way included.
    var sequence = 0
    var stage = Stage.working
    /// The collective that is under way, or was the last.
    var operation = ""
    /// Its payload; −1 where ranks may differ in it, −2 where two ranks meet in a link.
    var bytes = -1

    mutating func enter(_ operation: String, bytes: Int?) {
        sequence += 1
        stage = .arriving
        self.operation = operation
        self.bytes = bytes ?? -1
    }

    /// Enters a link with the root, which is none of the collectives that all ranks count.
    mutating func enterLink(_ operation: String) {
        stage = .arriving
        self.operation = operation
        bytes = -2
    }

    private var isInLink: Bool { bytes == -2 }

    /// Whether two ranks are at the same collective, or both in the phase of their links.
    func meets(_ other: Activity) -> Bool {
        isInLink && other.isInLink
            || (sequence, operation, bytes) == (other.sequence, other.operation, other.bytes)
    }

    /// In words: "collective 17, sum onto the root of 800 bytes".
    var call: String {
        isInLink
            ? "\"\(operation)\"" : "collective \(sequence), \"\(operation)\"" + (bytes < 0 ? "" : " of \(bytes) bytes")
    }

    // MARK: As a message

    static let encodedCount = 128

    /// A record of fixed length: three numbers, and the operation, which is cut off where it is too long.
    var encoded: [UInt8] {
        var record: [UInt8] = []
        for number in [sequence, bytes] { withUnsafeBytes(of: Int64(number)) { record.append(contentsOf: $0) } }
        let text = operation.utf8.prefix(Self.encodedCount - record.count - 2)
        record += [stage.rawValue, UInt8(text.count)] + text
        return record + [UInt8](repeating: 0, count: Self.encodedCount - record.count)
    }

    init() {}

    init(encoded record: [UInt8]) {
        guard record.count == Self.encodedCount else { return }
        func number(_ place: Int) -> Int {
            record[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        (sequence, bytes) = (number(0), number(8))
        stage = Stage(rawValue: record[16]) ?? .working
        operation = String(decoding: record[18...].prefix(Int(record[17])), as: UTF8.self)
    }
}

/// How long a rank has waited without a sign of life of the others.
struct Watch {
    /// When all others that were asked had last shown that they are alive.
    var start = BackOff.seconds()
    /// When the others were asked; nil while they need not be.
    var asked: Double?
}

/// Ranks that do not come. A rank that waits asks the others, once half of its patience is gone, what they are doing. One
/// that computes answers between two steps, so that a long training is no reason for alarm; one that does not answer
/// until the patience is over is missing, and ranks that wait at different places never meet.
extension Communicator {
    /// Looks after the others during a wait.
    /// - Throws: where one does not answer, or all wait without end: names the ranks and what they do.
    func look(_ watch: inout Watch, _ operation: String) throws(MPIError) {
        guard let patience, size > 1 else { return }
        let now = BackOff.seconds()
        guard let asked = watch.asked else {
            guard now - watch.start > patience / 2 else { return }
            answers.removeAll()
            watch.asked = now
            return try postToOthers(.question)
        }
        guard now - asked > patience / 2 else { return }
        let others = (0..<size).filter { $0 != rank }
        let missing = others.filter { answers[$0] == nil }
        let elsewhere = others.filter { answers[$0].map { $0.stage != .working && !$0.meets(activity) } ?? false }
        let works = others.contains { answers[$0]?.stage == .working }
        guard !missing.isEmpty || !elsewhere.isEmpty || !works else {
            // Somebody computes: go on waiting.
            watch = Watch()
            return
        }
        // One message is enough; the rank that gives it ends the job. Others speak up if it does not.
        let witness = others.first { answers[$0].map { $0.stage != .working } ?? false } ?? rank
        guard rank < witness || now - asked > patience / 2 + 5 else { return }
        throw failure(operation, reason(missing, elsewhere, waited: now - watch.start), remedy: remedy(missing))
    }

    private func reason(_ missing: [Int], _ elsewhere: [Int], waited: Double) -> String {
        let here =
            [rank] + (0..<size).filter { answers[$0].map { $0.stage != .working && $0.meets(activity) } ?? false }
        let time = "\(Int(waited.rounded())) s"
        var parts: [String] = []
        if !missing.isEmpty { parts.append("\(Self.names(missing)) did not come in \(time) and did not answer") }
        for other in elsewhere {
            guard let activity = answers[other] else { continue }
            parts.append("rank \(other) is at \(activity.call)")
        }
        if parts.isEmpty { parts.append("all ranks are there, but in \(time) it has not ended") }
        return parts.joined(separator: "; ") + "; \(Self.names(here.sorted())) waited at \(activity.call)"
    }

    private func remedy(_ missing: [Int]) -> String {
        missing.isEmpty
            ? "look at the network between the nodes, run with --check-collectives, and resume from the last checkpoint"
            : "look at the nodes of these ranks, and resume from the last checkpoint"
    }

    /// "rank 2", "ranks 0, 1 and 3".
    private static func names(_ ranks: [Int]) -> String {
        let numbers = ranks.map(String.init)
        guard numbers.count > 1 else { return "rank \(numbers.first ?? "?")" }
        return "ranks \(numbers.dropLast().joined(separator: ", ")) and \(numbers[numbers.count - 1])"
    }

    /// Waits until all ranks have arrived, and makes sure that they have come to the same collective.
    func compareActivities(_ operation: String) throws(MPIError) {
        let length = Activity.encodedCount
        let own = activity.encoded
        var all = [UInt8](repeating: 0, count: length * size)
        try own.withUnsafeBufferPointer { own throws(MPIError) in
            try all.withUnsafeMutableBufferPointer { all throws(MPIError) in
                try complete(operation, .arrival) { request in
                    CMPI_Iallgather(
                        own.baseAddress, all.baseAddress, Int32(length), CMPI_UINT8_T(), handle, &request)
                }
            }
        }
        let activities = (0..<size).map { Activity(encoded: Array(all[$0 * length..<($0 + 1) * length])) }
        guard let first = activities.first, let other = activities.firstIndex(where: { !$0.meets(first) }) else {
            return
        }
        // All ranks see it; rank 0 says it and ends the job. The others wait for that, but not forever.
        if rank > 0 {
            var backOff = BackOff(for: .arrival)
            while backOff.elapsed < 5 { backOff.pause() }
        }
        throw failure(
            operation,
            "the ranks are at different collectives: rank 0 at \(first.call), rank \(other) at \(activities[other].call)",
            remedy: "this is a defect of the program, or the ranks run different versions of it")
    }
}
