import NeuralNetwork

/// What of a center's state is computed with at one place.
///
/// All of a center is at the center, except where a method has a module that may live on the root rank: that is a part of
/// its own, with variables of its own.
package struct StatePart: Sendable, Hashable {
    /// As files are called after it: `NAME.relocalization.h5`. Empty for what never leaves the center.
    package let name: String

    /// What never leaves the center.
    package static let center = StatePart(module: "")

    /// The part of a module.
    package init(module name: String) { self.name = name }

    /// The name of a file that holds this part of a center or of a round.
    package func fileName(_ stem: String) -> String { stem + (name.isEmpty ? ".h5" : ".\(name).h5") }
}

/// One array of a center's state, declared once: checkpoints, resuming, rolling back, inspection, estimates of memory and
/// retention all walk the list of them.
package struct Variable: Sendable {
    /// How it starts.
    package enum Start: Sendable, Equatable {
        /// The layout's initial values for the run's seed, the same at all centers.
        case seeded
        /// As another variable of the same part.
        case copy(of: String)
        /// Zeros.
        case zeros
    }

    /// Where it rests.
    package enum Rest: Sendable {
        /// In the center's file of a checkpoint.
        case checkpoint
        /// In a snapshot of the center's history, of which the last `history_depth` stay.
        case history
    }

    /// Its name, which is its group in files: `network`, `bank`, `personal`, `control`.
    package let name: String
    /// The part that it belongs to. Variables of several parts may have one name: they share the group.
    package let part: StatePart
    /// Its parameters.
    package let layout: ParameterLayout
    /// How it starts.
    package let start: Start
    /// Where it rests.
    package let rest: Rest
    /// Whether it is trained by Adam, whose moments and count of steps rest in the checkpoint, below `optimizer/NAME`.
    package let hasOptimizer: Bool
    /// What of it is trained together, where that is not all: each group has a count of steps of its own.
    package let groups: [Selection]

    /// A variable.
    package init(
        _ name: String, part: StatePart = .center, _ layout: ParameterLayout, start: Start = .seeded,
        rest: Rest = .checkpoint, hasOptimizer: Bool = true, groups: [Selection] = [Selection()]
    ) {
        self.name = name
        self.part = part
        self.layout = layout
        self.start = start
        self.rest = rest
        self.hasOptimizer = hasOptimizer
        self.groups = groups
    }

    /// The places of each of ``groups``.
    package var groupRanges: [[Range<Int>]] { groups.map { $0.ranges(of: layout) } }

    /// Numbers that it takes in memory and on disk, its optimizer's included.
    package var count: Int { (hasOptimizer ? 3 : 1) * layout.count }

    /// The first components of its parameters' names, such as `local_encoder`.
    package var modules: [String] {
        layout.entries.reduce(into: []) { modules, entry in
            let module = String(entry.name.prefix { $0 != "." })
            if modules.last != module { modules.append(module) }
        }
    }
}
