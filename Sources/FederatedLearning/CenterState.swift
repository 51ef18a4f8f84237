import NeuralNetwork

/// Everything that a center carries from round to round: the method's variables, their optimizers and counters.
///
/// A state has the parts that its rank computes with.
package final class CenterState {
    /// The center's name.
    package let center: String
    /// Classes that are told apart, background included, by each head of the networks: of one, but where centers of different
    /// classes share the state.
    package let heads: [Int]
    /// The variables that are held here, in the method's order.
    package let variables: [Variable]
    /// The last round in which the center was trained; 0 before the first.
    package var trainedRound = 0
    /// Steps of the round after it that are done, while the center is in the middle of it.
    package var steps = 0
    /// Sums of the losses of a round's steps, term by term, where only the center itself may know them.
    package var losses: [Double] = []
    /// The schedule's factor of the learning rate in the step at hand (``RateSchedule``); set by who runs the step.
    package var rateFactor = 1.0

    private struct Key: Hashable {
        let name: String
        let part: StatePart
    }
    private var values: [Key: Parameters] = [:]
    private var optimizers: [Key: Adam] = [:]

    /// The state before the first round.
    /// - Parameters:
    ///   - variables: the method's.
    ///   - parts: what is held here.
    ///   - seed: what initial values follow from; nil: all values are undefined, for who sets them.
    package init(center: String, heads: [Int], variables: [Variable], parts: [StatePart], seed: UInt64?) {
        self.center = center
        self.heads = heads
        self.variables = variables.filter { parts.contains($0.part) }
        for variable in self.variables {
            let key = Key(name: variable.name, part: variable.part)
            guard let seed else {
                values[key] = Parameters(undefined: variable.layout)
                if variable.hasOptimizer {
                    optimizers[key] = Adam(undefined: variable.layout, groups: variable.groupRanges)
                }
                continue
            }
            switch variable.start {
            case .seeded: values[key] = variable.layout.initialValues(seed: seed)
            case .zeros: values[key] = variable.layout.zeros()
            case .copy(let name):
                guard let other = values[Key(name: name, part: variable.part)] else {
                    preconditionFailure("\(variable.name) copies \(name), which is declared before it")
                }
                values[key] = other.copy()
            }
            if variable.hasOptimizer { optimizers[key] = Adam(variable.layout, groups: variable.groupRanges) }
        }
    }

    /// Whether a part is held here.
    package func holds(_ part: StatePart) -> Bool { variables.contains { $0.part == part } }

    /// Whether a variable of a part is held here.
    package func holds(_ name: String, of part: StatePart) -> Bool {
        variables.contains { $0.name == name && $0.part == part }
    }

    /// The values of a variable that this rank is known to hold.
    package subscript(name: String, part: StatePart = .center) -> Parameters {
        guard let found = values[Key(name: name, part: part)] else {
            preconditionFailure("\(name) of center \(center) is not held here")
        }
        return found
    }

    /// A variable that is held here.
    package func variable(_ name: String, part: StatePart = .center) -> Variable {
        guard let found = variables.first(where: { $0.name == name && $0.part == part }) else {
            preconditionFailure("\(name) of center \(center) is not held here")
        }
        return found
    }

    /// The optimizer of a variable that has one.
    package func optimizer(_ name: String, part: StatePart = .center) -> Adam {
        guard let found = optimizerIfAny(name, part: part) else {
            preconditionFailure("\(name) of center \(center) has no optimizer here")
        }
        return found
    }

    /// The optimizer of a variable; nil where it has none.
    package func optimizerIfAny(_ name: String, part: StatePart = .center) -> Adam? {
        optimizers[Key(name: name, part: part)]
    }
}
