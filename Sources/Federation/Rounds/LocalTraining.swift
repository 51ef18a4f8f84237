import CardiacMR
import FederatedLearning
import NeuralNetwork
import Tensors

/// A center's part of a round: some epochs over its training volumes, one at a time, shuffled and augmented.
///
/// Order and augmentation are functions of seed, center, round, epoch and step. A step's volume is augmented by a thread of
/// its own while the step before computes.
package struct LocalTraining: Sendable {
    private let center: String
    private let configuration: Configuration
    private let method: any FederatedMethod
    private let augmentation: Augmentation?

    /// Training of a center by a method, as configured.
    package init(
        center: String, _ configuration: Configuration, _ method: any FederatedMethod
    ) throws(CardiacMRError) {
        self.method = method
        self.center = center
        self.configuration = configuration
        augmentation =
            configuration.augmentation.enabled ? try Augmentation(configuration.augmentation.settings) : nil
    }

    /// Trains until the end of the center's part of the round, or until it is told to stop.
    /// - Parameters:
    ///   - samples: the center's training volumes, each with the head of its classes.
    ///   - server: what the server has sent.
    ///   - services: the way to what of the method runs elsewhere.
    ///   - validation: the center's validation volumes; where it has none, those of training stand in for them.
    ///   - progress: what of the round is done; brought up to date after each step.
    ///   - stepped: called after each step with its losses; whether to go on.
    package func run(
        round: Int, samples: [(sample: Sample, head: Int)], state: CenterState, server: ServerState, services: Services,
        validation: @escaping () throws -> [TrainingVolume] = { [] }, progress: inout RoundProgress.Center,
        stepped: ([Double]) throws -> Bool
    ) throws {
        let visits = visits(round: round, samples: samples.count)
        let schedule = configuration.schedule
        let context = TrainingContext(
            steps: visits.count, rateSum: schedule.sum(round: round, steps: visits.count), server: server,
            services: services,
            validation: {
                let volumes = try validation()
                return volumes.isEmpty ? samples.map { TrainingVolume($0.sample, head: $0.head) } : volumes
            })
        if progress.losses.isEmpty { progress.losses = method.terms.map { _ in 0 } }
        var upcoming: Ahead<Sample>?
        while progress.steps < visits.count {
            let visit = visits[progress.steps]
            let sample = upcoming?.value() ?? volume(samples[visit.sample].sample, round, visit)
            upcoming = nil
            if augmentation != nil, progress.steps + 1 < visits.count {
                let next = visits[progress.steps + 1]
                upcoming = Ahead { [self] in volume(samples[next.sample].sample, round, next) }
            }
            state.rateFactor = schedule.factor(round: round, step: progress.steps, of: visits.count)
            let losses = try method.step(
                TrainingVolume(sample, head: samples[visit.sample].head), state, context)
            guard losses.allSatisfy(\.isFinite) else {
                throw FederationError(
                    kind: .divergence, attempted: "train", subject: "center \(center)",
                    reason: "the loss of round \(round), epoch \(visit.epoch + 1), step \(visit.position + 1) "
                        + "(subject \(samples[visit.sample].sample.subject)) is not finite",
                    remedy: "lower learning_rate, or check that subject's image")
            }
            progress.steps += 1
            for (term, value) in losses.enumerated() { progress.losses[term] += value }
            if progress.steps == visits.count { method.finish(state, context) }
            guard try stepped(losses) else { return }
        }
    }

    /// A step's volume, and its place in the round.
    package struct Visit: Sendable, Equatable {
        /// The pass over the volumes, from 0.
        package let epoch: Int
        /// The step of the pass, from 0.
        package let position: Int
        /// The volume's index among the center's.
        package let sample: Int
    }

    /// The round's steps in order.
    package func visits(round: Int, samples: Int) -> [Visit] {
        (0..<configuration.localEpochs).flatMap { epoch in
            var shuffle = RandomStream(seed: configuration.seed, purpose: "shuffle/\(center)", round, epoch)
            return shuffle.permutation(of: samples).enumerated().map { position, sample in
                Visit(epoch: epoch, position: position, sample: sample)
            }
        }
    }

    /// A step's volume as the step takes it: augmented, where the configuration says so.
    package func volume(_ sample: Sample, _ round: Int, _ visit: Visit) -> Sample {
        guard let augmentation else { return sample }
        var random = RandomStream(
            seed: configuration.seed, purpose: "augmentation/\(center)", round, visit.epoch, visit.position)
        return augmentation.augment(sample, random: &random)
    }
}

extension TrainingVolume {
    /// A prepared sample whose classes a head tells apart.
    package init(_ sample: Sample, head: Int) {
        self.init(image: sample.tensor, labels: sample.labels ?? [], head: head)
    }
}

extension Sample {
    /// The image as the network takes it: (depth, height, width, 1).
    package var tensor: Tensor {
        Tensor(Shape(depth: size.depth, height: size.height, width: size.width, channels: 1), values: image)
    }
}
