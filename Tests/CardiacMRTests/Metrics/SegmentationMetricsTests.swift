import CardiacMR
import Tensors
import Testing

@Suite("Segmentation metrics")
struct SegmentationMetricsTests {
    @Test(
        "Dice's coefficient",
        arguments: [
            ([1, 1, 0, 0], [1, 1, 0, 0], 1), ([1, 1, 0, 0], [0, 1, 1, 0], 0.5), ([1, 1, 1, 0], [1, 0, 0, 0], 0.5),
            ([0, 0, 0, 0], [0, 0, 0, 0], nil), ([1, 0, 0, 0], [0, 0, 0, 0], 0), ([0, 0, 0, 0], [0, 0, 2, 1], 0),
        ] as [([UInt8], [UInt8], Double?)])
    func dice(_ prediction: [UInt8], _ truth: [UInt8], _ expected: Double?) {
        let counts = SegmentationCounts(prediction: prediction, truth: truth, classes: 3)
        #expect(counts.dice(1) == expected)
        #expect(counts.foregroundDice.count == 2)
    }

    @Test("counts say what is found, invented and missed")
    func counts() {
        let counts = SegmentationCounts(prediction: [0, 1, 1, 2, 2, 2], truth: [1, 1, 0, 2, 2, 0], classes: 3)
        #expect((0..<3).map(counts.truePositives) == [0, 1, 2])
        #expect((0..<3).map(counts.falsePositives) == [1, 1, 1])
        #expect((0..<3).map(counts.falseNegatives) == [2, 1, 0])
    }

    /// Distances by comparing every surface voxel with every other.
    private static func directed(
        _ from: [UInt8], _ to: [UInt8], _ label: UInt8, _ size: SIMD3<Int>, _ spacing: SIMD3<Double>
    ) -> [Double] {
        func surface(_ labels: [UInt8]) -> [SIMD3<Double>] {
            func value(_ x: Int, _ y: Int, _ z: Int) -> UInt8? {
                (0..<size.x).contains(x) && (0..<size.y).contains(y) && (0..<size.z).contains(z)
                    ? labels[(z * size.y + y) * size.x + x] : nil
            }
            var points: [SIMD3<Double>] = []
            for z in 0..<size.z {
                for y in 0..<size.y {
                    for x in 0..<size.x where value(x, y, z) == label {
                        let neighbours = [
                            value(x - 1, y, z), value(x + 1, y, z), value(x, y - 1, z), value(x, y + 1, z),
                            value(x, y, z - 1), value(x, y, z + 1),
                        ]
                        if neighbours.contains(where: { $0 != label }) {
                            points.append(SIMD3(Double(x), Double(y), Double(z)) * spacing)
                        }
                    }
                }
            }
            return points
        }
        let others = surface(to)
        return surface(from).map { point in
            others.map { (($0 - point) * ($0 - point)).sum().squareRoot() }.min() ?? .infinity
        }.sorted()
    }

    @Test("surface distances are those of comparing all pairs", arguments: 0..<12)
    func surfaceDistances(_ seed: Int) throws {
        var random = RandomStream(seed: 5, purpose: "surfaces", seed)
        let size: SIMD3<Int> = [4 + random.index(below: 12), 4 + random.index(below: 9), 1 + random.index(below: 6)]
        let spacing: SIMD3<Double> = [1.25, random.uniform(in: 0.7...2), random.uniform(in: 5...10)]
        func blob() -> [UInt8] {
            let center = SIMD3<Double>(size) * SIMD3(random.uniform(), random.uniform(), random.uniform())
            let radius = random.uniform(in: 2...6)
            return (0..<size.x * size.y * size.z).map { index in
                let voxel: SIMD3<Double> = [
                    Double(index % size.x), Double(index / size.x % size.y), Double(index / (size.x * size.y)),
                ]
                let offset = (voxel - center) * [1, 1, 3]
                return (offset * offset).sum().squareRoot() < radius || random.uniform() < 0.02 ? 2 : 0
            }
        }
        let (prediction, truth) = (blob(), blob())
        let forward = Self.directed(prediction, truth, 2, size, spacing)
        let backward = Self.directed(truth, prediction, 2, size, spacing)
        let found = SurfaceDistances(prediction: prediction, truth: truth, label: 2, size: size, spacing: spacing)
        guard !forward.isEmpty, !backward.isEmpty else {
            #expect(found == nil)
            return
        }
        let distances = try #require(found)
        #expect(zip(distances.fromPrediction, forward).allSatisfy { abs($0 - $1) < 1e-9 })
        #expect(zip(distances.fromTruth, backward).allSatisfy { abs($0 - $1) < 1e-9 })
        #expect(distances.fromPrediction.count == forward.count && distances.fromTruth.count == backward.count)
        #expect(abs(distances.averageSymmetric - (mean(forward) + mean(backward)) / 2) < 1e-9)
        #expect(distances.hausdorff95 <= distances.hausdorff)
    }

    @Test("Hausdorff 95 interpolates the directed percentiles and takes the larger")
    func hausdorff95() throws {
        // One row: the truth is one voxel, the prediction reaches 0 to 10 voxels away.
        var truth = [UInt8](repeating: 0, count: 12)
        truth[0] = 1
        let prediction = [UInt8](repeating: 1, count: 11) + [0]
        let distances = try #require(
            SurfaceDistances(prediction: prediction, truth: truth, label: 1, size: [12, 1, 1], spacing: [2, 1, 1]))
        #expect(abs(distances.hausdorff95 - 19) < 1e-12)
        #expect(distances.hausdorff == 20)
        #expect(abs(distances.averageSymmetric - 5) < 1e-12)
    }

    @Test("there is no distance to an empty class")
    func empty() {
        func distances(_ prediction: [UInt8], _ truth: [UInt8]) -> SurfaceDistances? {
            SurfaceDistances(prediction: prediction, truth: truth, label: 1, size: [2, 1, 1], spacing: [1, 1, 1])
        }
        #expect(distances([0, 0], [0, 0]) == nil)
        #expect(distances([1, 0], [0, 0]) == nil)
        #expect(distances([2, 0], [0, 1]) == nil)
        #expect(distances([1, 0], [0, 1])?.hausdorff95 == 1)
    }

    @Test("volumes, ejection fraction and mass")
    func function() {
        let labels = [UInt8](repeating: 1, count: 500) + [UInt8](repeating: 2, count: 300)
        #expect(CardiacFunction.volume(of: 1, in: labels, spacing: [1, 2, 10]) == 10)
        #expect(CardiacFunction.ejectionFraction(endDiastolic: 120, endSystolic: 48) == 0.6)
        #expect(CardiacFunction.ejectionFraction(endDiastolic: 0, endSystolic: 0) == nil)
        #expect(CardiacFunction.mass(ofVolume: 100) == 105)
    }

    @Test("agreement over a cohort: bias, limits, correlation")
    func agreement() throws {
        let found = try #require(Agreement(prediction: [1, 2, 3, 6], truth: [1, 1, 3, 3]))
        #expect(found.count == 4 && found.bias == 1)
        // Differences 0, 1, 0, 3: standard deviation √2. Correlation by hand: 6 / √(14 · 4).
        #expect(abs((found.limits ?? 0) - 1.96 * 2.0.squareRoot()) < 1e-12)
        #expect(abs((found.correlation ?? 0) - 6 / 56.0.squareRoot()) < 1e-12)
        #expect(Agreement(prediction: [], truth: []) == nil)
        #expect(Agreement(prediction: [1], truth: [2])?.limits == nil)
        #expect(Agreement(prediction: [1, 2], truth: [2, 2])?.correlation == nil)
    }
}
