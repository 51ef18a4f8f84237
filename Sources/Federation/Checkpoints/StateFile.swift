import FederatedLearning
import Foundation
import HDF5

/// The HDF5 files of a run: groups are state-dict names with dots as slashes, values are float32 in PyTorch's order.
///
///     /info                          attributes: format_version, program, kind, round, center, seed, width, classes, created
///     /network/global_encoder/level1/conv1/weight …
///     /bank/…                        the momentum bank: the same names
///     /optimizer/network/{step, first_moment/…, second_moment/…},   /optimizer/bank/…
package enum StateFile {
    /// The version of this format; a reader refuses newer ones.
    ///
    /// 2: a center that was not trained yet has no file; a relocalization that the root keeps has a file of its own,
    /// `centers/<name>.relocalization.h5`, where it was part of `server.h5` before; checkpoints in the middle of a round.
    ///
    /// 3: the states of centers are below `states`, by the checkpoint that was the first to name them, where each checkpoint's folder
    /// had a name for every one of them before; a manifest may leave the rest of its list to those of earlier checkpoints.
    package static let formatVersion = 3

    /// What a file says of itself.
    package struct Information: Sendable {
        /// "center", "server" or "bank".
        package var kind: String
        /// The round that its content is of: a center's last training, the server's last average.
        package var round: Int
        /// The center, where the file is one's.
        package var center: String?
        /// The run's seed.
        package var seed: UInt64
        /// Base width of the network.
        package var width: Int
        /// Classes of the center, head by head; none for the server.
        package var heads: [Int]
        /// When it was made, by ISO 8601.
        package var created: String

        /// A file's information.
        /// - Parameters:
        ///   - center: whose it is; nil for the server's.
        ///   - heads: the center's.
        package init(
            kind: String, round: Int, seed: UInt64, width: Int, center: String? = nil, heads: [Int] = [],
            created: String = Date.now.formatted(.iso8601)
        ) {
            self.created = created
            self.kind = kind
            self.round = round
            self.center = center
            self.seed = seed
            self.width = width
            self.heads = heads
        }
    }

    static func write(_ information: Information, to file: borrowing HDF5File) throws(HDF5Error) {
        try file.createGroup("info")
        try file.setAttribute("format_version", of: "info", to: formatVersion)
        try file.setAttribute("program", of: "info", to: Program.name)
        try file.setAttribute("kind", of: "info", to: information.kind)
        try file.setAttribute("round", of: "info", to: information.round)
        try file.setAttribute("seed", of: "info", to: String(information.seed))
        try file.setAttribute("width", of: "info", to: information.width)
        if let center = information.center { try file.setAttribute("center", of: "info", to: center) }
        switch information.heads.count {
        case 0: break
        case 1: try file.setAttribute("classes", of: "info", to: information.heads[0])
        default: try file.setAttribute("classes", of: "info", to: information.heads)
        }
        try file.setAttribute("created", of: "info", to: information.created)
    }

    /// Checks that a file can be read by this program and is of a network of this width and, where both say them, classes.
    static func check(_ file: borrowing HDF5File, width expected: Int, heads: [Int]? = nil) throws {
        guard file.exists("info") else {
            throw foreign(file.path, "it has no group /info, so it was not written by this program")
        }
        let version: Int = try file.attribute("format_version", of: "info")
        guard version <= formatVersion else {
            throw FederationError(
                attempted: "read", subject: file.path,
                reason: "its format version is \(version) and this program knows \(formatVersion)",
                remedy: "use the program that wrote it, or a newer one")
        }
        let width: Int = try file.attribute("width", of: "info")
        guard width == expected else {
            throw foreign(file.path, "its network has width \(width), the configuration says \(expected)")
        }
        if let heads, file.hasAttribute("classes", of: "info") {
            let found = try self.heads(of: file)
            guard found == heads else {
                func text(_ heads: [Int]) -> String { heads.map(String.init).joined(separator: " and ") }
                throw foreign(file.path, "its network has \(text(found)) classes, the cohort has \(text(heads))")
            }
        }
    }

    /// The classes of the network that a center's file is of, head by head.
    static func heads(of file: borrowing HDF5File) throws(HDF5Error) -> [Int] {
        if case .integers(let heads) = try file.anyAttribute("classes", of: "info") { return heads }
        return [try file.attribute("classes", of: "info")]
    }

    /// A state-dict name as an HDF5 path.
    static func path(of name: String) -> String { name.replacing(".", with: "/") }

    /// The groups that hold some variables' parameters in a file, with the modules in them.
    /// - Parameter rest: where the variables rest; their optimizers are in checkpoints.
    static func groups(of variables: [Variable], resting rest: [Variable.Rest]) -> [(group: String, module: String)] {
        variables.flatMap { variable in
            let own = rest.contains(variable.rest) ? [variable.name] : []
            let optimizer =
                variable.hasOptimizer && rest.contains(.checkpoint)
                ? ["first_moment", "second_moment"].map { "optimizer/\(variable.name)/\($0)" } : []
            return (own + optimizer).flatMap { group in variable.modules.map { (group, $0) } }
        }
    }

    private static func foreign(_ path: String, _ reason: String) -> FederationError {
        FederationError(
            attempted: "read", subject: path, reason: reason, remedy: "use a file of the same run and configuration")
    }
}
