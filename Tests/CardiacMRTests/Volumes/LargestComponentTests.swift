import CardiacMR
import Testing

@Suite("Largest connected parts")
struct LargestComponentTests {
    /// A slice as rows of digits, or several.
    private static func volume(_ slices: [[String]]) -> LabelVolume {
        let size: SIMD3<Int> = [slices[0][0].count, slices[0].count, slices.count]
        let grid = Grid(size: size, spacing: [1, 1, 1], affine: Affine(spacing: [1, 1, 1]))
        return LabelVolume(grid: grid, labels: slices.flatMap { $0.flatMap { $0.utf8.map { $0 - 48 } } })
    }

    static let speckled = volume([["11000", "12000", "00002", "33003"], ["00000", "00000", "00000", "00000"]])

    @Test("nothing is removed unless it is asked for")
    func none() { #expect(Self.speckled.keeping(.none) == Self.speckled) }

    @Test("of the foreground the largest part stays, whatever its classes")
    func foreground() {
        #expect(
            Self.speckled.keeping(.foreground)
                == Self.volume([["11000", "12000", "00000", "00000"], ["00000", "00000", "00000", "00000"]]))
    }

    @Test("of each class the largest part stays, of two of one size the first")
    func classes() {
        #expect(
            Self.speckled.keeping(.classes)
                == Self.volume([["11000", "12000", "00000", "33000"], ["00000", "00000", "00000", "00000"]]))
    }

    @Test("of both, a class keeps its largest part at the heart, not a larger one elsewhere")
    func both() {
        let astray = Self.volume([
            ["1110022", "1210022", "0000000", "1110000"], ["0000000", "0000000", "0000000", "0000000"],
        ])
        #expect(
            astray.keeping(.classes)
                == Self.volume([
                    ["1110022", "1010022", "0000000", "0000000"], ["0000000", "0000000", "0000000", "0000000"],
                ]))
        #expect(
            astray.keeping(.both)
                == Self.volume([
                    ["1110000", "1210000", "0000000", "0000000"], ["0000000", "0000000", "0000000", "0000000"],
                ]))
    }

    @Test("corners connect, in all three directions, and edges of the volume do not")
    func corners() {
        let chain = Self.volume([["1000", "0000"], ["0100", "0000"], ["0010", "0001"]])
        #expect(chain.keeping(.foreground) == chain)
        let wrapped = Self.volume([["1001", "1000"]])
        #expect(wrapped.keeping(.foreground) == Self.volume([["1000", "1000"]]))
    }

    @Test("an empty segmentation and one of a single part stay as they are")
    func trivial() {
        for volume in [Self.volume([["000", "000"]]), Self.volume([["022", "220"]])] {
            for which in LargestComponent.allCases { #expect(volume.keeping(which) == volume) }
        }
    }
}
