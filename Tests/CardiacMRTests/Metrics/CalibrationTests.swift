import CardiacMR
import Tensors
import Testing

@Suite("Calibration")
struct CalibrationTests {
    private static func calibration(_ rows: [[Float]], _ labels: [UInt8]) -> Calibration? {
        rows.flatMap { $0 }.withUnsafeBufferPointer {
            Calibration(probabilities: $0, classes: rows[0].count, labels: labels)
        }
    }

    @Test("certain and right is 0; certain and wrong is 1, and 2 by Brier; what is background in both does not count")
    func extremes() {
        let rows: [[Float]] = [[0, 1], [1, 0]]
        #expect(Self.calibration(rows, [1, 0])?.expectedError == 0)
        #expect(Self.calibration(rows, [1, 0])?.brier == 0)
        #expect(Self.calibration(rows, [0, 1])?.expectedError == 1)
        #expect(Self.calibration(rows, [0, 1])?.brier == 2)
        #expect(Self.calibration([[1, 0], [0.9, 0.1]], [0, 0]) == nil)
    }

    @Test("three voxels of one bin are right as often as they should be, or not")
    func bins() throws {
        // 0.75 and 0.77 share a bin of 15, 0.55 has one of its own.
        let rows: [[Float]] = [[0.25, 0.75], [0.23, 0.77], [0.45, 0.55]]
        let found = try #require(Self.calibration(rows, [1, 0, 1]))
        #expect(abs(found.expectedError - (abs(1 - (0.75 + 0.77)) + abs(1 - 0.55)) / 3) < 1e-7)
        let brier = (2 * 0.25 * 0.25 + 2 * 0.77 * 0.77 + 2 * 0.45 * 0.45) / 3
        #expect(abs(found.brier - brier) < 1e-6)
    }

    @Test("of many voxels it is what a plain computation finds")
    func plain() throws {
        var random = RandomStream(seed: 1, purpose: "calibration")
        let rows: [[Float]] = (0..<500).map { _ in
            let values = (0..<4).map { _ in random.uniform() + 0.01 }
            return values.map { Float($0 / values.reduce(0, +)) }
        }
        let labels = rows.map { _ in UInt8(random.index(below: 4)) }
        var (voxels, error, brier) = (0.0, 0.0, 0.0)
        for bin in 0..<15 {
            var (right, probability) = (0.0, 0.0)
            for (row, label) in zip(rows, labels) {
                let most = try #require(row.max())
                let predicted = row.firstIndex(of: most)
                guard predicted != 0 || label != 0 else { continue }
                guard Double(most) > Double(bin) / 15, Double(most) <= Double(bin + 1) / 15 else { continue }
                voxels += 1
                right += predicted == Int(label) ? 1 : 0
                probability += Double(most)
                for (other, value) in row.enumerated() {
                    brier +=
                        (Double(value) - (other == Int(label) ? 1 : 0))
                        * (Double(value) - (other == Int(label) ? 1 : 0))
                }
            }
            error += abs(right - probability)
        }
        let found = try #require(Self.calibration(rows, labels))
        #expect(abs(found.expectedError - error / voxels) < 1e-12)
        #expect(abs(found.brier - brier / voxels) < 1e-12)
    }
}
