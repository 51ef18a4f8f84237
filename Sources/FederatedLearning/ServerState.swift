import NeuralNetwork

/// The server's state: the values that it sends, and what its updates keep beside them.
///
/// Every rank has one, of which the root's counts: what is sent is brought up to date by a broadcast at a round's beginning.
package final class ServerState {
    /// One array that the server sends: an exchange's, of one part of the centers' states.
    package struct Content {
        /// The exchange.
        package let exchange: Exchange
        /// The part whose variable has this layout.
        package let part: StatePart
        /// The values, up to the last that is exchanged; only the exchanged ones have a meaning.
        package let values: Parameters
        /// The places of the exchanged values.
        package let ranges: [Range<Int>]
        /// What the exchange's update keeps, in its order.
        package let memory: [Parameters]

        /// The exchanged parameters.
        package var entries: [ParameterLayout.Entry] { exchange.selection.entries(of: values.layout) }
    }

    /// All that is sent, in the order of the exchanges and, within one, of the variables. Parts of which nothing is sent are not
    /// there.
    package let contents: [Content]

    /// The state before the first round: what the centers' variables start as.
    /// - Parameters:
    ///   - variables: of a center's state; all centers' agree in what is exchanged.
    ///   - keepsMemory: whether this is the rank that updates.
    package init(exchanges: [Exchange], variables: [Variable], seed: UInt64, keepsMemory: Bool) {
        contents = exchanges.flatMap { exchange in
            variables.filter { $0.name == exchange.variable }.compactMap { variable in
                let ranges = exchange.selection.ranges(of: variable.layout)
                guard let last = ranges.last else { return nil }
                let layout = variable.layout.prefix(upTo: last.upperBound)
                let memory = (keepsMemory ? exchange.update.memory : []).map { _, start in
                    let array = layout.zeros()
                    if start != 0 { array.values.update(repeating: start) }
                    return array
                }
                return Content(
                    exchange: exchange, part: variable.part,
                    values: variable.start == .zeros ? layout.zeros() : layout.initialValues(seed: seed),
                    ranges: ranges, memory: memory)
            }
        }
    }

    /// The values of a variable that is sent.
    package subscript(variable: String, part: StatePart = .center) -> Parameters { content(variable, part).values }

    /// What is sent of a variable.
    package func content(_ variable: String, _ part: StatePart = .center) -> Content {
        guard let found = contents.first(where: { $0.exchange.variable == variable && $0.part == part }) else {
            preconditionFailure("\(variable) is not exchanged")
        }
        return found
    }

    /// Replaces a center's values by the server's, as far as the exchanges say so and its parts are held here.
    package func load(into state: CenterState) {
        for content in contents where content.exchange.replaces && state.holds(content.part) {
            let target = state[content.exchange.variable, content.part]
            for range in content.ranges { _ = target[range].update(from: content.values[range]) }
        }
    }
}
