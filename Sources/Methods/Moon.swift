import FederatedLearning
import Foundation
import Tensors

/// Federated averaging whose centers are drawn to the server's representation of an image and away from their own last one.
///
/// The representation is the mean of the encoder's last output over all positions, a vector of 16w numbers; the paper's
/// projection head has no counterpart here.
struct Moon: UNetMethod {
    static let weight = Setting(
        "moon.mu", 1.0, .number(0...1000), search: .logarithmic(0.03...10), "Weight μ of the contrastive loss.")
    static let temperature = Setting(
        "moon.temperature", 0.5, .numberAbove(0...100), search: .logarithmic(0.1...1),
        "Temperature τ, which the similarities are divided by.")

    static let about = MethodDescription(
        "moon",
        summary:
            "As fedavg, with a contrastive loss between a center's representations, the server's and its own last.",
        reference: "Li, He, Song: Model-Contrastive Federated Learning, CVPR 2021, arXiv:2103.16257",
        formula: "loss + μ log(1 + exp((cos(z, z_last) − cos(z, z_server)) / τ))",
        settings: [weight.key, temperature.key])

    let training: UNetTraining
    private let (weight, temperature): (Double, Double)

    init(_ settings: TrainingSettings, heads: [Int], population: Population) {
        training = UNetTraining(settings, heads: heads, population: population)
        weight = settings.own[Self.weight]
        temperature = settings.own[Self.temperature]
    }

    var variables: [Variable] {
        [
            training.variable(),
            // What the center had at the end of its last round: evaluations and the server leave it alone.
            Variable("last", training.layout.prefix(of: "encoder"), hasOptimizer: false),
        ]
    }

    var terms: [LossTerm] { SupervisedStep.terms + [LossTerm("contrastive")] }

    func step(_ volume: TrainingVolume, _ state: CenterState, _ context: TrainingContext) throws -> [Double] {
        let network = training.step.network
        let server = Representation(network.bottleneck(volume.image, context.server["network"]))
        let last = Representation(network.bottleneck(volume.image, state["last"]))
        var contrastive = 0.0
        var losses = training.step.train(
            "network", of: state, on: volume,
            bottleneck: { features in
                let own = Representation(features)
                let difference = (own.cosine(last) - own.cosine(server)) / temperature
                // log(1 + exp(d)), whose derivative is the logistic function of d.
                contrastive = max(difference, 0) + log1p(exp(-abs(difference)))
                let slope = weight / (1 + exp(-difference)) / temperature
                return own.gradient(features.shape, [(last, slope), (server, -slope)])
            })
        losses[0] += weight * contrastive
        return losses + [contrastive]
    }

    func finish(_ state: CenterState, _ context: TrainingContext) {
        let last = state["last"]
        _ = last.values.update(from: state["network"][0..<last.count])
    }
}

/// The mean of a tensor's channels over its positions.
private struct Representation {
    private let mean: [Double]
    private let norm: Double

    init(_ features: Tensor) {
        let (positions, channels) = (features.shape.positions, features.shape.channels)
        var mean = [Double](repeating: 0, count: channels)
        for position in 0..<positions {
            for channel in 0..<channels { mean[channel] += Double(features.base[position * channels + channel]) }
        }
        self.mean = mean.map { $0 / Double(positions) }
        // As PyTorch's cosine similarity, which is 0 with a vector of zeros.
        norm = max(self.mean.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-8)
    }

    func cosine(_ other: Representation) -> Double {
        zip(mean, other.mean).reduce(0) { $0 + $1.0 * $1.1 } / (norm * other.norm)
    }

    /// The gradient by the features of a sum of cosines with others, each times a factor.
    func gradient(_ shape: Shape, _ terms: [(other: Representation, factor: Double)]) -> Tensor {
        var slope = [Double](repeating: 0, count: mean.count)
        for (other, factor) in terms {
            let cosine = cosine(other)
            for channel in mean.indices {
                slope[channel] +=
                    factor * (other.mean[channel] / other.norm - cosine * mean[channel] / norm) / norm
            }
        }
        let row = slope.map { Float($0 / Double(shape.positions)) }
        let result = Tensor(shape)
        for position in 0..<shape.positions {
            for channel in row.indices { result.base[position * row.count + channel] = row[channel] }
        }
        return result
    }
}
