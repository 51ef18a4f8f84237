import Foundation

/// What tells the files of centers with the same datasets apart, beside their values.
package struct FileMarks: Equatable {
    /// Whose it is.
    package var center: String
    /// The round in which the center was last trained.
    package var round: Int
    /// That round's name, which is a part of what links refer to.
    package var roundName: String
    /// Steps of the round after it, in the middle of that.
    package var steps: Int?
    /// Sums of losses that only the center may know.
    package var losses: [Double]
    /// When the file was made, by ISO 8601.
    package var created: String

    /// A file that is made now.
    package init(center: String, round: Int, steps: Int? = nil, losses: [Double] = []) {
        self.center = center
        self.round = round
        roundName = RunPosition(round: round).name
        self.steps = steps
        self.losses = losses
        created = Date.now.formatted(.iso8601)
    }

    /// What has to be alike so that two files' bytes are at the same places.
    struct Lengths: Hashable {
        let center: Int
        let roundName: Int
        let created: Int
        let hasSteps: Bool
        let losses: Int
    }

    /// The lengths of all marks.
    var lengths: Lengths {
        Lengths(
            center: center.utf8.count, roundName: roundName.utf8.count, created: created.utf8.count,
            hasSteps: steps != nil, losses: losses.count)
    }

    /// The marks as they are in a file, always in the same order.
    var fields: [[UInt8]] {
        func bytes(_ value: some BitwiseCopyable) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
        return [Array(center.utf8), Array(roundName.utf8), Array(created.utf8), bytes(Int64(round))]
            + (steps.map { [bytes(Int64($0))] } ?? []) + losses.map { bytes($0) }
    }

    /// Marks of the same lengths that can be found in a file: their bytes are nowhere else in it.
    var findable: FileMarks {
        /// Control characters, which no name has.
        func text(_ length: Int, _ first: UInt8) -> String {
            String(decoding: (0..<length).map { first + UInt8($0 * $0 % 7) }, as: UTF8.self)
        }
        var marks = self
        marks.center = text(center.utf8.count, 1)
        marks.roundName = text(roundName.utf8.count, 9)
        marks.created = text(created.utf8.count, 17)
        marks.round = 0x2B7E_1516_28AE_D2A6
        marks.steps = steps.map { _ in 0x3243_F6A8_885A_308D }
        marks.losses = losses.indices.map { Double(bitPattern: 0x4126_9E0D_5C83_B100 + UInt64($0)) }
        return marks
    }

    /// Takes a field as a file has it; false where it is none.
    mutating func take(_ field: Int, _ bytes: [UInt8]) -> Bool {
        func value<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
            bytes.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
        }
        switch field {
        case 0: center = String(decoding: bytes, as: UTF8.self)
        case 1: roundName = String(decoding: bytes, as: UTF8.self)
        case 2: created = String(decoding: bytes, as: UTF8.self)
        case 3: round = Int(value(Int64.self))
        case 4 where steps != nil: steps = Int(value(Int64.self))
        default:
            let index = field - (steps == nil ? 4 : 5)
            guard losses.indices.contains(index) else { return false }
            losses[index] = value(Double.self)
        }
        return true
    }
}
