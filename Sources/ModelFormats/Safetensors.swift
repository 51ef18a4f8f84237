import Foundation
import NeuralNetwork

/// A network's parameters in safetensors (https://huggingface.co/docs/safetensors): a header in JSON that says where each
/// tensor is, then the tensors, float32 in PyTorch's order under their state-dict names.
package enum Safetensors {
    /// The file's bytes.
    /// - Parameter metadata: keys and values of `__metadata__`.
    package static func serialized(
        _ parameters: [InferenceGraph.Parameter], metadata: [String: String]
    ) throws -> Data {
        var header: [String: Any] = ["__metadata__": metadata]
        var end = 0
        // Names' order, as the format's own library writes them.
        let sorted = parameters.sorted { $0.name < $1.name }
        for parameter in sorted {
            let size = parameter.values.count * MemoryLayout<Float>.stride
            header[parameter.name] = ["dtype": "F32", "shape": parameter.shape, "data_offsets": [end, end + size]]
            end += size
        }
        var text = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
        // Tensors begin at a multiple of eight bytes.
        text.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - text.count % 8) % 8))
        var data = [Int64(text.count)].littleEndianBytes
        data.append(text)
        for parameter in sorted { data.append(parameter.values.littleEndianBytes) }
        return data
    }
}
