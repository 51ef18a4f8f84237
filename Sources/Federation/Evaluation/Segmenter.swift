import CardiacMR
import FederatedLearning
import NeuralNetwork
import Tensors

/// What segments images.
package protocol CaseSegmenter {
    /// Classes that are told apart, background included.
    var classes: Int { get }
    /// From probabilities to labels.
    var settings: Configuration.Prediction { get }
    /// Class probabilities (D, H, W, classes) of a sample.
    func probabilities(_ sample: Sample) throws -> Tensor
}

extension CaseSegmenter {
    /// The labels of a sample on its native grid, of class probabilities.
    package func labels(_ probabilities: Tensor, of sample: Sample) -> LabelVolume {
        sample.geometry.restore(probabilities: probabilities.array, classes: classes)
            .keeping(settings.largestComponent)
    }

    /// The labels of a sample on its native grid.
    package func segment(_ sample: Sample) throws -> LabelVolume { labels(try probabilities(sample), of: sample) }
}

/// The mean of several segmenters' probabilities, for classes of its own: a member's class counts as the one of its name, or
/// as background where there is none.
package struct EnsembleSegmenter: CaseSegmenter {
    /// See ``CaseSegmenter``.
    package let settings: Configuration.Prediction
    private let names: [String]
    private let members: [(segmenter: Segmenter, places: [Int])]

    /// - Parameters:
    ///   - classes: names of the classes, background first.
    ///   - members: each with the names of its own; at least one.
    package init(
        classes: [String], _ members: [(segmenter: Segmenter, classes: [String])], _ settings: Configuration.Prediction
    ) {
        names = classes
        self.settings = settings
        self.members = members.map { member in
            (member.segmenter, member.classes.map { classes.firstIndex(of: $0) ?? 0 })
        }
    }

    /// See ``CaseSegmenter``.
    package var classes: Int { names.count }

    /// See ``CaseSegmenter``: a sum of the members' in their order.
    package func probabilities(_ sample: Sample) throws -> Tensor {
        let shape = Shape(
            depth: sample.size.depth, height: sample.size.height, width: sample.size.width, channels: classes)
        let sum = Tensor(shape, values: [Float](repeating: 0, count: shape.count))
        for (segmenter, places) in members {
            let own = try segmenter.probabilities(sample)
            let part = 1 / Float(members.count)
            for position in 0..<shape.positions {
                for (index, place) in places.enumerated() {
                    sum.base[position * classes + place] += part * own.base[position * places.count + index]
                }
            }
        }
        return sum
    }
}

/// What segments a center's images: a state, the method that made it, and the head that tells the center's classes apart.
package struct Segmenter: CaseSegmenter {
    private let state: CenterState
    private let method: any FederatedMethod
    private let head: Int
    private let services: Services
    /// See ``CaseSegmenter``.
    package let settings: Configuration.Prediction

    /// A center's segmenter.
    /// - Parameters:
    ///   - state: of the center, or of what trains its data together with others'.
    ///   - head: the center's.
    ///   - settings: from probabilities to labels.
    ///   - services: the way to what of the method runs elsewhere.
    package init(
        _ state: CenterState, _ method: any FederatedMethod, head: Int = 0, _ settings: Configuration.Prediction,
        services: Services = .here
    ) {
        (self.state, self.method, self.head, self.services) = (state, method, head, services)
        self.settings = settings
    }

    /// Classes that it tells apart, background included.
    package var classes: Int { state.heads[head] }

    /// The mirror images that count beside the image itself: whether its rows, and its columns, are mirrored.
    private static let mirrorings = [(false, true), (true, false), (true, true)]

    /// Class probabilities (D, H, W, classes) of a sample.
    package func probabilities(_ sample: Sample) throws -> Tensor {
        func predict(_ image: Tensor) throws -> Tensor { try method.predict(image, head: head, state, services) }
        let image = sample.tensor
        let sum = try predict(image)
        guard settings.mirrors else { return sum }
        for (rows, columns) in Self.mirrorings {
            let other = try predict(image.mirrored(rows: rows, columns: columns))
            Elementwise.add(other.mirrored(rows: rows, columns: columns), to: sum)
        }
        Elementwise.scale(sum, by: 0.25)
        return sum
    }
}

extension Segmenter {
    /// What ``probabilities(_:)`` computes of a sample's image, for other programs.
    package var graph: InferenceGraph {
        InferenceGraph { image, graph in
            func predict(_ image: InferenceGraph.Value) -> InferenceGraph.Value {
                method.trace(image, head: head, state, in: &graph)
            }
            let plain = predict(image)
            guard settings.mirrors else { return plain }
            let others = Self.mirrorings.map { rows, columns in
                let mirroring = InferenceGraph.Operation.mirroring(rows: rows, columns: columns)
                return graph.add(mirroring, [predict(graph.add(mirroring, [image]))])
            }
            return graph.add(.mean, [plain] + others)
        }
    }
}

extension Tensor {
    /// The same with its rows or columns in the opposite order.
    fileprivate func mirrored(rows: Bool, columns: Bool) -> Tensor {
        let result = Tensor(shape)
        let channels = shape.channels
        for slice in 0..<shape.depth {
            for row in 0..<shape.height {
                let source = (slice * shape.height + (rows ? shape.height - 1 - row : row)) * shape.width
                let target = (slice * shape.height + row) * shape.width
                for column in 0..<shape.width {
                    (result.base + (target + column) * channels).update(
                        from: base + (source + (columns ? shape.width - 1 - column : column)) * channels,
                        count: channels)
                }
            }
        }
        return result
    }
}
