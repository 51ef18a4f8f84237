import Foundation

/// Seeded mutations of a file's bytes, as bad disks, other programs and people make them.
package struct Mutations {
    private let original: [UInt8]
    private let words: [[UInt8]]
    private var state: UInt64

    /// - Parameter words: what else may be put somewhere, such as the format's own words with unusual values.
    package init(of original: [UInt8], words: [[UInt8]] = [], seed: UInt64) {
        self.original = original
        self.words = words
        state = seed
    }

    /// A number below a bound (SplitMix64).
    package mutating func number(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ mixed >> 31) % UInt64(bound))
    }

    /// The next mutation: one to four changes.
    package mutating func next() -> [UInt8] {
        var bytes = original
        for _ in 0...number(below: 4) where bytes.count > 2 {
            switch number(below: words.isEmpty ? 6 : 8) {
            case 0, 1: bytes[number(below: bytes.count)] ^= 1 << UInt8(number(below: 8))
            case 2: bytes[number(below: bytes.count)] = UInt8(number(below: 256))
            case 3: bytes.removeLast(number(below: bytes.count - 1))
            case 4:
                // A piece of it twice, or in another place.
                let start = number(below: bytes.count - 1)
                let piece = Array(bytes[start..<min(bytes.count, start + 1 + number(below: 60))])
                bytes.insert(contentsOf: piece, at: number(below: bytes.count))
            case 5:
                let start = number(below: bytes.count - 1)
                bytes.removeSubrange(start..<min(bytes.count, start + 1 + number(below: 30)))
            default:
                let word = words[number(below: words.count)]
                let place = number(below: bytes.count)
                bytes.replaceSubrange(
                    place..<min(bytes.count, place + (number(below: 2) == 0 ? word.count : 0)), with: word)
            }
        }
        return bytes
    }

    /// The largest resident size of this process, in MiB.
    package static func peakMebibytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (Int(line.filter(\.isNumber)) ?? .max) >> 10
    }
}
