import NeuralNetwork

/// Which parameters of a layout are meant: those below some prefixes, but for some others and for kinds of layers.
package struct Selection: Sendable {
    /// State-dict prefixes of what is meant: "a.b" covers "a.b" and "a.b.c", not "a.bc". Nil: everything.
    package var prefixes: [String]?
    /// Prefixes of what is not meant all the same.
    package var excludedPrefixes: [String]
    /// Kinds of layers that are not meant all the same.
    package var excludedLayers: Set<ParameterLayout.Layer>

    /// What lies below `prefixes` and is not excluded.
    package init(
        below prefixes: [String]? = nil, except excludedPrefixes: [String] = [],
        layers excludedLayers: Set<ParameterLayout.Layer> = []
    ) {
        self.prefixes = prefixes
        self.excludedPrefixes = excludedPrefixes
        self.excludedLayers = excludedLayers
    }

    /// Whether a parameter is meant.
    package func contains(_ entry: ParameterLayout.Entry) -> Bool {
        func lies(below parts: [String]) -> Bool {
            parts.contains { entry.name == $0 || entry.name.hasPrefix($0 + ".") }
        }
        return prefixes.map(lies) ?? true && !lies(below: excludedPrefixes) && !excludedLayers.contains(entry.layer)
    }

    /// The parameters that are meant, in a layout's order.
    package func entries(of layout: ParameterLayout) -> [ParameterLayout.Entry] { layout.entries.filter(contains) }

    /// The places of what is meant, neighbours joined.
    package func ranges(of layout: ParameterLayout) -> [Range<Int>] {
        entries(of: layout).reduce(into: []) { ranges, entry in
            if let last = ranges.last, last.upperBound == entry.offset {
                ranges[ranges.count - 1] = last.lowerBound..<entry.range.upperBound
            } else {
                ranges.append(entry.range)
            }
        }
    }
}

/// What travels once a round: a variable of the server down to the centers, and up from them into an exact sum.
package struct Exchange: Sendable {
    /// What a center adds to the sum.
    package enum Contribution: Sendable, Equatable {
        /// The values of one of its variables.
        case values(of: String)
        /// How far one of its variables is from the server's values, which it had been given.
        case change(of: String)

        /// The variable's name.
        package var variable: String {
            switch self {
            case .values(let variable), .change(let variable): variable
            }
        }
    }

    /// What a center's contribution is multiplied by.
    package enum Weighting: Sendable {
        /// Its weight in the round; the weights of a round add up to 1.
        case round
        /// One over the number of all centers, whoever takes part.
        case population
    }

    /// The server's variable, which is its group in `server.h5`: `network`, `control`. The layout is that of the centers'
    /// variable of this name, in each part that has one.
    package var variable: String
    /// Which of its parameters are exchanged.
    package var selection: Selection
    /// What goes up.
    package var contribution: Contribution
    /// How much a center counts.
    package var weighting: Weighting
    /// Whether the server's values replace the centers' at a round's beginning.
    package var replaces: Bool
    /// From the sum to the server's next values.
    package var update: any ServerUpdate

    /// An exchange; by default of values that are averaged.
    package init(
        _ variable: String = "network", _ selection: Selection = Selection(), contribution: Contribution? = nil,
        weighting: Weighting = .round, replaces: Bool = true, update: any ServerUpdate = Average()
    ) {
        self.variable = variable
        self.selection = selection
        self.contribution = contribution ?? .values(of: variable)
        self.weighting = weighting
        self.replaces = replaces
        self.update = update
    }
}

/// From the exact sum of a round's contributions to the server's next values.
package protocol ServerUpdate: Sendable {
    /// Arrays of the values' layout that the server keeps for it, with what they start as. They are in its checkpoint,
    /// below `optimizer/VARIABLE/NAME`.
    var memory: [(name: String, start: Float)] { get }
    /// Updates some neighbouring values.
    /// - Parameters:
    ///   - sum: of the contributions.
    ///   - values: the server's.
    ///   - memory: the arrays of ``memory``, in its order.
    func apply(
        _ sum: UnsafeBufferPointer<Float>, to values: UnsafeMutableBufferPointer<Float>,
        memory: [UnsafeMutableBufferPointer<Float>])
}

extension ServerUpdate {
    package var memory: [(name: String, start: Float)] { [] }
}

/// The sum is the next value: contributions are values, whose weights add up to 1.
package struct Average: ServerUpdate {
    /// The average.
    package init() {}

    package func apply(
        _ sum: UnsafeBufferPointer<Float>, to values: UnsafeMutableBufferPointer<Float>,
        memory: [UnsafeMutableBufferPointer<Float>]
    ) {
        for index in values.indices { values[index] = sum[index] }
    }
}

/// The sum is added, times a rate: contributions are changes.
package struct Increment: ServerUpdate {
    private let rate: Float

    /// A step of some rate along the sum.
    package init(rate: Double = 1) { self.rate = Float(rate) }

    package func apply(
        _ sum: UnsafeBufferPointer<Float>, to values: UnsafeMutableBufferPointer<Float>,
        memory: [UnsafeMutableBufferPointer<Float>]
    ) {
        for index in values.indices { values[index] += rate * sum[index] }
    }
}
