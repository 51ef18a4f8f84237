import Tensors
import Testing

import SecureAggregation

@Suite struct MaskStreamTests {
    private static let key = (0..<32).map { UInt8($0) }

    private func words(part: Int, count: Int, isNegative: Bool = false) -> [UInt64] {
        Exchange.add(
            [MaskStream(key: Self.key, isNegative: isNegative)], part: part, to: [UInt64](repeating: 0, count: count))
    }

    /// `head -c 16 /dev/zero | openssl enc -aes-256-ctr -K 000102…1f -iv PART COUNTER`, each 16 hexadecimal digits.
    @Test func itIsAESInCounterMode() {
        func bytes(_ words: ArraySlice<UInt64>) -> String {
            words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
                .map { String($0, radix: 16).count == 1 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
        }
        let first = words(part: 1, count: (32 << 10) + 2)
        #expect(bytes(first[0..<4]) == "511dd5ef9a682b7da49f91c86c4f7ac340c53cef92ef2d643f638b8222db1e85")
        #expect(bytes(first[(32 << 10)...]) == "5519cc2bf66b109765419ceaa69c2664")
        #expect(bytes(words(part: 2, count: 2)[...]) == "b96b47bb7c941b58e4dcfb800d4fcc86")
    }

    @Test func whatIsAddedCanBeTakenAway() {
        let values = (0..<70_000).map { UInt64($0) &* 0x1234_5678_9ABC }
        let stream = MaskStream(key: Self.key)
        let masked = Exchange.add([stream], to: values)
        #expect(zip(masked, values).allSatisfy { $0 != $1 })
        #expect(Exchange.add([stream.opposite], to: masked) == values)
        #expect(Exchange.add([stream, stream.opposite], to: values) == values)
        #expect(Exchange.add([], to: values) == values)
    }

    @Test func aLongStreamBeginsAsAShortOne() {
        let long = words(part: 0, count: 100_003)
        for count in [1, 2, 3, 32 << 10, (32 << 10) + 1] {
            #expect(words(part: 0, count: count) == Array(long[..<count]))
        }
        #expect(Set(long).count == long.count)
    }
}
