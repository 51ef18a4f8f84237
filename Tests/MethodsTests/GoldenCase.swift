import FedCRLD
import FederatedLearning
import Foundation
import HDF5
import NeuralNetwork
import Tensors

/// A file of golden values: what the method's PyTorch implementation computes in float64 from inputs that are a
/// function of names and indices. Sizes, classes, width, steps, rate and salt are the file's attributes.
struct GoldenCase {
    let path: String
    let width: Int
    let classes: [Int]
    let size: [Int]
    let steps: Int
    let rounds: Int
    let rate: Double
    let momentum: Double
    let salt: String
    let bounds: Bounds

    /// The largest relative differences that count as agreement: a few times those of float32 PyTorch.
    ///
    /// Rectifiers and pooling have kinks, and Adam turns the sign of a tiny gradient into a whole step. Where a value is
    /// near enough to a kink that rounding decides, and so how far float32 follows float64, is a property of the file: on
    /// one PyTorch's losses of the first round differ by 10⁻⁶, on another by 10⁻⁴. The fixture is one of the former, for
    /// sums in the order and the rounding of kernels with fused multiply-add.
    struct Bounds {
        let gradients: Double
        private let firstRound: (losses: Double, parameters: Double)
        private let laterRounds: (losses: Double, parameters: Double)

        static let fixture = Bounds(gradients: 5e-5, firstRound: (5e-6, 2e-4), laterRounds: (2e-5, 1e-2))
        static let anyFile = Bounds(gradients: 1e-2, firstRound: (1e-3, 2e-2), laterRounds: (5e-3, 5e-2))

        func losses(_ round: Int) -> Double { round == 0 ? firstRound.losses : laterRounds.losses }
        func parameters(_ round: Int) -> Double { round == 0 ? firstRound.parameters : laterRounds.parameters }
    }

    /// The fixture, or the file that `FEDCRLD_GOLDEN` names.
    init() throws {
        let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures")
        let other = ProcessInfo.processInfo.environment["FEDCRLD_GOLDEN"]
        path = other ?? fixtures.appending(path: "federation-w8.h5").path
        bounds = other == nil && Arithmetic.fusesMultiplyAdd ? .fixture : .anyFile
        let file = try HDF5File.open(at: path)
        width = try file.attribute("width")
        classes = try file.attribute("classes")
        size = try file.attribute("size")
        steps = try file.attribute("steps")
        rounds = try file.attribute("rounds")
        rate = try file.attribute("lr")
        momentum = try file.attribute("momentum")
        salt = try file.attribute("salt")
    }

    var shape: Shape { Shape(depth: size[0], height: size[1], width: size[2], channels: 1) }

    /// The network of a center.
    func network(_ center: Int) -> ClientNetwork { ClientNetwork(width: width, classes: classes[center]) }

    /// The starting parameters of one part of a center's network.
    func parameters(_ layout: ParameterLayout, center: Int) -> Parameters {
        Self.parameters(layout, "\(salt)/center\(center)")
    }

    /// Parameters that are functions of their names below a prefix, and of an index.
    static func parameters(_ layout: ParameterLayout, _ prefix: String) -> Parameters {
        let parameters = layout.zeros()
        for entry in layout.entries {
            var values = symmetric("\(prefix)/\(entry.name)", entry.count)
            switch entry.initialization {
            case .uniform(let fanIn): values = values.map { $0 / Double(fanIn).squareRoot() }
            case .constant(let value): values = values.map { Double(value) + 0.1 * $0 }
            }
            entry.setPytorchValues(values.map { Float($0) }, in: parameters)
        }
        return parameters
    }

    /// The entries whose gradient is not zero in exact arithmetic. Adam moves the others by whole steps in the direction
    /// of their rounding.
    func moving(
        _ layout: ParameterLayout, center: Int, _ file: borrowing HDF5File
    ) throws -> [ParameterLayout.Entry] {
        var entries: [ParameterLayout.Entry] = []
        for entry in layout.entries {
            let norm: Double = try file.attribute("norm", of: "center\(center)/gradients/\(entry.name)")
            if norm > 1e-9 { entries.append(entry) }
        }
        return entries
    }

    /// The image and the labels of a volume.
    func volume(_ index: Int, center: Int) -> (image: Tensor, labels: [UInt8]) {
        Self.volume(index, shape, classes: classes[center], "\(salt)/center\(center)")
    }

    /// A volume that is a function of its name below a prefix, and of an index.
    static func volume(
        _ index: Int, _ shape: Shape, classes: Int, _ prefix: String
    ) -> (image: Tensor, labels: [UInt8]) {
        var labels: [UInt8] = []
        for z in 0..<shape.depth {
            for y in 0..<shape.height {
                for x in 0..<shape.width { labels.append(UInt8((z + (y + 2 * z) / 4 + x / 5 + index) % classes)) }
            }
        }
        let noise = symmetric("\(prefix)/volume\(index)", labels.count)
        return (Tensor(shape, values: zip(noise, labels).map { Float($0 + ($1 > 0 ? 2 : 0)) }), labels)
    }

    /// Value `i` of the named array: uniform in [−1, 1).
    static func symmetric(_ name: String, _ count: Int) -> [Double] {
        let key = RandomStream.hash(name)
        return (0..<count).map { 2 * Double(RandomStream.mix(key &+ UInt64($0)) >> 40) / 0x1p24 - 1 }
    }
}

/// Differences from the golden values, relative to what they differ from.
struct GoldenComparison {
    /// The largest difference and where it was found.
    private(set) var largest = 0.0
    private(set) var place = "nothing compared"

    mutating func note(_ difference: Double, _ place: String) {
        guard !(difference <= largest) else { return }
        largest = difference
        self.place = place
    }

    /// A feature map against a dataset (1, C, D, H, W).
    mutating func compare(_ tensor: Tensor, _ file: borrowing HDF5File, _ path: String) throws {
        let expected: [Double] = try file.read(path)
        let channels = tensor.shape.channels
        let positions = tensor.shape.positions
        let scale = expected.reduce(0) { max($0, abs($1)) }
        for channel in 0..<channels {
            for position in 0..<positions {
                let difference = abs(
                    Double(tensor.values[position * channels + channel]) - expected[channel * positions + position])
                note(difference / scale, path)
            }
        }
    }

    /// The norms and probes of some parameters, over the tensors' norms.
    /// - Parameter floor: the smallest norm to divide by. Some gradients are zero in exact arithmetic, and what is left
    ///   of them is rounding: the bias of a key (softmax ignores a shift), and at width 4 a bias before a group
    ///   normalization whose groups are single channels.
    mutating func compare(
        _ flat: Parameters, _ entries: [ParameterLayout.Entry], _ file: borrowing HDF5File, _ group: String,
        floor: Double
    ) throws {
        for entry in entries where file.exists("\(group)/\(entry.name)") {
            let values = entry.pytorchValues(flat).map(Double.init)
            let probe = GoldenCase.symmetric("probe/" + entry.name, entry.count)
            let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let dot = zip(values, probe).reduce(0) { $0 + $1.0 * $1.1 }
            let place = "\(group)/\(entry.name)"
            let expectedNorm: Double = try file.attribute("norm", of: place)
            let expectedDot: Double = try file.attribute("dot", of: place)
            let scale = max(expectedNorm, floor)
            note(abs(norm - expectedNorm) / scale, place + " norm")
            note(abs(dot - expectedDot) / scale, place + " probe")
        }
    }
}

extension MomentumBank {
    /// A bank that is a copy of some parameters, in a state of its own.
    init(_ parameters: Parameters) {
        self.init(
            CenterState(
                center: "golden", heads: [2], variables: MomentumBank.variables(parameters.layout), parts: [.center],
                seed: 0))
        student.assign(parameters)
        teacher.assign(parameters)
    }
}
