import CardiacMR
import Federation
import Tensors
import Testing

/// Same-bits tests compare the program with itself, and would not see an order that is the same in every round.
@Suite("Local training: order and augmentation")
struct LocalTrainingTests {
    private static func training(_ center: String = "a", seed: UInt64 = 1) throws -> LocalTraining {
        var configuration = Configuration()
        configuration.seed = seed
        configuration.localEpochs = 3
        configuration.augmentation.enabled = true
        return try LocalTraining(center: center, configuration, configuration.method(heads: [2]))
    }

    /// A volume in which every voxel tells where it is.
    private static let sample: Sample = {
        let grid = Grid(size: [16, 16, 2], spacing: [1, 1, 8], affine: Affine(spacing: [1, 1, 8]))
        let geometry = SampleGeometry(
            native: grid, settings: PreprocessingSettings(spacing: nil, height: 16, width: 16))
        return Sample(
            image: (0..<512).map { Float($0) / 512 }, labels: [UInt8](repeating: 0, count: 512), classes: 2,
            center: "a", subject: "s", phase: nil, geometry: geometry, warnings: [])
    }()

    private static func order(_ training: LocalTraining, round: Int, epoch: Int) -> [Int] {
        training.visits(round: round, samples: 40).filter { $0.epoch == epoch }.map(\.sample)
    }

    @Test("each epoch visits every volume once; the order is another in every epoch, round, center and of every seed")
    func order() throws {
        let first = try Self.training()
        let visits = first.visits(round: 1, samples: 40)
        #expect(visits.count == 120)
        for epoch in 0..<3 {
            #expect(Self.order(first, round: 1, epoch: epoch).sorted() == Array(0..<40))
            #expect(visits.filter { $0.epoch == epoch }.map(\.position) == Array(0..<40))
        }
        let base = Self.order(first, round: 1, epoch: 0)
        #expect(try Self.order(Self.training(), round: 1, epoch: 0) == base, "the same of the same")
        #expect(Self.order(first, round: 1, epoch: 1) != base, "the order does not depend on the epoch")
        #expect(Self.order(first, round: 2, epoch: 0) != base, "the order does not depend on the round")
        #expect(
            try Self.order(Self.training("b"), round: 1, epoch: 0) != base, "the order does not depend on the center")
        #expect(
            try Self.order(Self.training(seed: 2), round: 1, epoch: 0) != base, "the order does not depend on the seed")
    }

    @Test(
        "one volume is changed otherwise in every step, epoch, round and center, and alike when it is asked for again")
    func augmentation() throws {
        let first = try Self.training()
        // Of each kind some, since a draw may leave a volume as it is.
        func images(_ training: LocalTraining, _ round: Int, _ epoch: Int, _ positions: Range<Int>) -> [[Float]] {
            training.visits(round: round, samples: 40).filter { $0.epoch == epoch }[positions].map {
                training.volume(Self.sample, round, $0).image
            }
        }
        let base = images(first, 1, 0, 0..<6)
        #expect(images(first, 1, 0, 0..<6) == base, "the same of the same")
        #expect(images(first, 1, 1, 0..<6) != base, "augmentation does not depend on the epoch")
        #expect(images(first, 2, 0, 0..<6) != base, "augmentation does not depend on the round")
        #expect(images(first, 1, 0, 6..<12) != base, "augmentation does not depend on the step")
        #expect(try images(Self.training("b"), 1, 0, 0..<6) != base, "augmentation does not depend on the center")
        #expect(try images(Self.training(seed: 2), 1, 0, 0..<6) != base, "augmentation does not depend on the seed")
        #expect(Set(base).count > 3, "steps of one epoch are changed alike")
    }

    @Test("without augmentation a volume is what it is")
    func plain() throws {
        var configuration = Configuration()
        configuration.augmentation.enabled = false
        let training = try LocalTraining(center: "a", configuration, configuration.method(heads: [2]))
        let visit = try #require(training.visits(round: 1, samples: 3).first)
        #expect(training.volume(Self.sample, 1, visit) == Self.sample)
    }
}
