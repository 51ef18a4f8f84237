import CardiacMR
import FedCRLD
import NeuralNetwork
import Tensors

/// Everything that a center carries from round to round: its networks, momentum banks, optimizers and counters.
///
/// The state has two parts, because contrastive re-localization may live on the root rank: a rank holds the parts that
/// it computes with.
package final class CenterState {
    /// A part of a center's state.
    package enum Part: Sendable, CaseIterable {
        /// Encoders and decoder.
        case client
        /// The contrastive re-localization module.
        case relocalization
    }

    /// The center's name.
    package let name: String
    /// The description of its network.
    package let network: ClientNetwork
    /// The parts that are held here.
    package let parts: [Part: MomentumBank]
    /// The last round in which the center was trained; 0 before the first.
    package var trainedRound = 0
    /// Steps of the round after it that are done, while the center is in the middle of it.
    package var steps = 0

    /// The state before the first round: `seed`'s initial values, the bank a copy of the network.
    package init(name: String, network: ClientNetwork, parts: [Part], seed: UInt64) {
        self.name = name
        self.network = network
        self.parts = Dictionary(
            uniqueKeysWithValues: parts.map { part in
                let layout = part.layout(of: network)
                return (part, MomentumBank(layout, network: layout.initialValues(seed: seed)))
            })
    }

    /// A part that this rank is known to hold.
    package func part(_ part: Part) -> MomentumBank {
        guard let held = parts[part] else { preconditionFailure("\(name)'s \(part) part is held elsewhere") }
        return held
    }

    /// The parts in a fixed order.
    package var orderedParts: [(part: Part, bank: MomentumBank)] {
        Part.allCases.compactMap { part in parts[part].map { (part, $0) } }
    }
}

extension CenterState.Part {
    /// The name of a file that holds this part, of a center or a round.
    func fileName(_ stem: String) -> String { stem + (self == .relocalization ? ".relocalization.h5" : ".h5") }

    /// The layout of this part of a network.
    package func layout(of network: ClientNetwork) -> ParameterLayout {
        self == .client ? network.layout : network.relocalization.layout
    }
}
