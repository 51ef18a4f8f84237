import FedCRLD
import Foundation
import HDF5
import NeuralNetwork
import Tensors

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
    package static let formatVersion = 2

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
        /// Classes of the center; nil for the server.
        package var classes: Int?

        /// The information of a center's file.
        package init(kind: String, round: Int, seed: UInt64, network: ClientNetwork, center: String?) {
            self.kind = kind
            self.round = round
            self.center = center
            self.seed = seed
            width = network.width
            classes = center == nil ? nil : network.classes
        }
    }

    /// What of a momentum bank's content goes into a file.
    package enum Content: Sendable {
        /// Network and optimizers: a center's file of a checkpoint, whose bank is a snapshot.
        case training
        /// The bank alone: a snapshot.
        case bank
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
        if let classes = information.classes { try file.setAttribute("classes", of: "info", to: classes) }
        try file.setAttribute("created", of: "info", to: Date.now.formatted(.iso8601))
    }

    /// Checks that a file can be read by this program and fits the network.
    static func check(_ file: borrowing HDF5File, network: ClientNetwork?) throws {
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
        guard let network else { return }
        let width: Int = try file.attribute("width", of: "info")
        guard width == network.width else {
            throw foreign(file.path, "its network has width \(width), the configuration says \(network.width)")
        }
        if file.hasAttribute("classes", of: "info") {
            let classes: Int = try file.attribute("classes", of: "info")
            guard classes == network.classes else {
                throw foreign(file.path, "its network has \(classes) classes, the cohort has \(network.classes)")
            }
        }
    }

    /// Writes the chosen content of a momentum bank below `group` ("" for the root).
    static func write(
        _ bank: MomentumBank, _ content: Content, to file: borrowing HDF5File, group: String = ""
    ) throws(HDF5Error) {
        if content == .training {
            try write(bank.network, bank.layout, to: file, group: group + "network/")
            for (name, optimizer) in bank.optimizers {
                let place = "\(group)optimizer/\(name)/"
                if !file.exists(place + "step") {
                    try file.write([Int64(optimizer.step)], shape: [1], to: place + "step")
                }
                try write(optimizer.firstMoment, bank.layout, to: file, group: place + "first_moment/")
                try write(optimizer.secondMoment, bank.layout, to: file, group: place + "second_moment/")
            }
        }
        if content == .bank { try write(bank.bank, bank.layout, to: file, group: group + "bank/") }
    }

    /// Reads the chosen content of a momentum bank from below `group`.
    static func read(
        _ bank: MomentumBank, _ content: Content, from file: borrowing HDF5File, group: String = ""
    ) throws(HDF5Error) {
        if content == .training {
            try read(bank.network, bank.layout, from: file, group: group + "network/")
            for (name, optimizer) in bank.optimizers {
                let place = "\(group)optimizer/\(name)/"
                let step: [Int64] = try file.read(place + "step")
                optimizer.step = Int(step.first ?? 0)
                try read(optimizer.firstMoment, bank.layout, from: file, group: place + "first_moment/")
                try read(optimizer.secondMoment, bank.layout, from: file, group: place + "second_moment/")
            }
        }
        if content == .bank { try read(bank.bank, bank.layout, from: file, group: group + "bank/") }
    }

    /// Writes some entries of a flat array, each as a dataset of its state-dict name.
    static func write(
        _ values: Tensor, _ layout: ParameterLayout, to file: borrowing HDF5File, group: String,
        where include: (String) -> Bool = { _ in true }
    ) throws(HDF5Error) {
        for entry in layout.entries where include(entry.name) {
            try file.write(entry.pytorchValues(values), shape: entry.shape, to: group + path(of: entry.name))
        }
    }

    /// Reads some entries of a flat array.
    static func read(
        _ values: Tensor, _ layout: ParameterLayout, from file: borrowing HDF5File, group: String,
        where include: (String) -> Bool = { _ in true }
    ) throws(HDF5Error) {
        for entry in layout.entries where include(entry.name) {
            var buffer = [Float](repeating: 0, count: entry.count)
            try buffer.withUnsafeMutableBufferPointer { buffer throws(HDF5Error) in
                try file.read(into: buffer, shape: entry.shape, from: group + path(of: entry.name))
            }
            entry.setPytorchValues(buffer, in: values)
        }
    }

    /// A state-dict name as an HDF5 path.
    static func path(of name: String) -> String { name.replacing(".", with: "/") }

    /// The groups that hold the relocalization in a center's file; links to its own file where the root keeps it.
    static let relocalizationGroups =
        ["network"]
        + ["network", "bank"].flatMap { ["optimizer/\($0)/first_moment", "optimizer/\($0)/second_moment"] }

    private static func foreign(_ path: String, _ reason: String) -> FederationError {
        FederationError(
            attempted: "read", subject: path, reason: reason, remedy: "use a file of the same run and configuration")
    }
}

extension MomentumBank {
    /// The optimizers by their names in files.
    var optimizers: [(name: String, optimizer: Adam)] { [("network", networkOptimizer), ("bank", bankOptimizer)] }
}

extension GlobalModel {
    /// Reads the server's file of a checkpoint's folder.
    package func read(checkpoint: String) throws {
        let file = try HDF5File.open(at: checkpoint + "/server.h5")
        try StateFile.check(file, network: network)
        try read(from: file)
    }
}
