import FederatedLearning
import HDF5
import NeuralNetwork

/// A dataset of a center's or the server's file, and what of a state it holds.
package struct StateDataset {
    private enum Source {
        case values(ParameterLayout.Entry, of: Parameters)
        /// Of all parts of a variable, which take their steps together.
        case steps([Adam])
    }
    private let source: Source
    private let group: String

    /// The datasets of some parameters below a group, each with its state-dict name.
    static func all(
        _ parameters: Parameters, group: String, where include: (ParameterLayout.Entry) -> Bool = { _ in true }
    ) -> [StateDataset] {
        parameters.layout.entries.filter(include).map {
            StateDataset(source: .values($0, of: parameters), group: group)
        }
    }

    /// The datasets of what of a state rests in some places, in the order in which they are written: variables first, then the
    /// optimizers, which rest in checkpoints, then the history.
    package static func all(_ state: CenterState, resting rests: [Variable.Rest]) -> [StateDataset] {
        var datasets: [StateDataset] = []
        for rest in rests {
            for variable in state.variables where variable.rest == rest {
                datasets += all(state[variable.name, variable.part], group: variable.name)
            }
            guard rest == .checkpoint else { continue }
            for variable in state.variables where variable.hasOptimizer {
                let parts = state.variables.filter { $0.hasOptimizer && $0.name == variable.name }
                let optimizer = state.optimizer(variable.name, part: variable.part)
                let group = "optimizer/\(variable.name)"
                if parts.first?.part == variable.part {
                    let all = parts.map { state.optimizer($0.name, part: $0.part) }
                    datasets.append(StateDataset(source: .steps(all), group: group))
                }
                datasets += all(optimizer.firstMoment, group: group + "/first_moment")
                datasets += all(optimizer.secondMoment, group: group + "/second_moment")
            }
        }
        return datasets
    }

    /// Its name in the file.
    package var path: String {
        switch source {
        case .values(let entry, _): "\(group)/\(StateFile.path(of: entry.name))"
        case .steps: group + "/step"
        }
    }

    private var shape: [Int] {
        switch source {
        case .values(let entry, _): entry.shape
        case .steps(let optimizers): [optimizers[0].steps.count]
        }
    }

    /// Where some values are among the bytes of all.
    func bytes(_ elements: Range<Int>) -> Range<Int> {
        elements.lowerBound * valueBytes..<elements.upperBound * valueBytes
    }

    private var valueBytes: Int {
        switch source {
        case .values: MemoryLayout<Float>.size
        case .steps: MemoryLayout<Int64>.size
        }
    }

    /// Bytes of all values.
    var byteCount: Int { shape.reduce(valueBytes, *) }

    // MARK: By the library

    /// Writes it into a file.
    package func write(to file: borrowing HDF5File) throws(HDF5Error) {
        try withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) { memory throws(HDF5Error) in
            copy(to: memory)
            switch source {
            case .values:
                try file.write(UnsafeBufferPointer(memory.assumingMemoryBound(to: Float.self)), shape: shape, to: path)
            case .steps:
                try file.write(UnsafeBufferPointer(memory.assumingMemoryBound(to: Int64.self)), shape: shape, to: path)
            }
        }
    }

    /// Reads it from a file.
    package func read(from file: borrowing HDF5File) throws(HDF5Error) {
        try withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) { memory throws(HDF5Error) in
            switch source {
            case .values: try file.read(into: memory.assumingMemoryBound(to: Float.self), shape: shape, from: path)
            case .steps: try file.read(into: memory.assumingMemoryBound(to: Int64.self), shape: shape, from: path)
            }
            take(UnsafeRawBufferPointer(memory))
        }
    }

    // MARK: In memory

    /// Copies all values as a file has them: in PyTorch's order.
    /// - Parameter memory: ``byteCount`` bytes, aligned for the values.
    func copy(to memory: UnsafeMutableRawBufferPointer) {
        switch source {
        case .values(let entry, let parameters):
            entry.copyPytorchValues(parameters, to: memory.assumingMemoryBound(to: Float.self))
        case .steps(let optimizers):
            let steps = memory.assumingMemoryBound(to: Int64.self)
            for (index, count) in optimizers[0].steps.enumerated() { steps[index] = Int64(count) }
        }
    }

    /// Takes all values as a file has them. The reverse of ``copy(to:)``.
    func take(_ memory: UnsafeRawBufferPointer) {
        switch source {
        case .values(let entry, let parameters):
            entry.setPytorchValues(memory.assumingMemoryBound(to: Float.self), in: parameters)
        case .steps(let optimizers):
            let steps = memory.assumingMemoryBound(to: Int64.self).map { Int($0) }
            for optimizer in optimizers { optimizer.steps = steps }
        }
    }
}
