import CardiacMR
import Federation
import Foundation
import NeuralNetwork

/// What segments a center's images, as other programs may have it: an operator graph with its parameters, and what one must
/// know to feed it.
package struct CenterModel {
    /// From a prepared image to probabilities, mirror images included where the run's settings say so.
    package let graph: InferenceGraph
    /// Classes that it tells apart, the background included.
    package let classes: Int
    private let center: String
    private let metadata: [String: String]

    /// The model of a center in a run's checkpoint.
    /// - Parameter names: of the classes; nil where they are not known.
    /// - Throws: where the run has no such center or its files cannot be read.
    package init(_ access: RunAccess, center: String, classes names: [String]?) throws {
        let segmenter = try access.segmenter(of: center)
        graph = segmenter.graph
        classes = segmenter.classes
        self.center = center
        let configuration = access.configuration
        var metadata = [
            "program": Program.name, "commit": BuildInformation.current.commit,
            "center": center, "round": String(access.manifest.position.round),
        ]
        for key in Self.settings { metadata[key] = configuration.value(of: key) }
        if let names {
            metadata["classes"] = String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
        }
        self.metadata = metadata
    }

    /// What of the configuration goes into a file: how an image is prepared, and what becomes of the probabilities.
    private static let settings = [
        "method", "width", "size", "preprocessing.orientation", "preprocessing.spacing",
        "preprocessing.clip_percentile", "preprocessing.normalize",
        "prediction.mirrors", "prediction.largest_component",
    ]

    /// The model as an ONNX file.
    /// - Throws: where it is too large for one.
    package func onnx() throws -> Data {
        let model = ONNXModel(
            graph, classes: classes, name: center,
            description: "Class probabilities of a prepared cardiac-MR volume; the metadata say how it is prepared.",
            producer: ("fedcrld", Program.version), metadata: metadata)
        guard let data = try model.serialized() else {
            throw FederationError(
                attempted: "export as ONNX", subject: "the network of \(center)",
                reason: "its parameters take more than the 2 GiB that such a file can have",
                remedy: "export it as safetensors (--safetensors)")
        }
        return data
    }

    /// The model's parameters as a safetensors file.
    package func safetensors() throws -> Data {
        try Safetensors.serialized(graph.parameters, metadata: metadata)
    }
}
