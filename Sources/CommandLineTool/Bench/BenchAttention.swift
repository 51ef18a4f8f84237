import ArgumentParser
import Federation
import Foundation
import Tensors

/// `fedcrld bench attention`: seconds and memory of attention over all positions of a bottleneck.
struct BenchAttention: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention", abstract: "Time attention over a bottleneck's positions, forward and backward.",
        discussion: """
            Without the projections. The bottleneck of a volume has an eighth of its rows and columns, the head half of the \
            bottleneck's channels, 8 times the base width. No matrix of all scores exists: the memory is what queries, \
            keys, values, results and their gradients take, and some blocks of scores.
            """)

    @OptionGroup var network: BenchNetworkOptions
    @Option(help: "Timed runs of each, after one to warm up.")
    var repeats = 3
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard repeats > 0 else { throw ValidationError("--repeats \(repeats) is less than 1") }
    }

    func run() throws {
        Parallel.configure(threads: network.computeThreads)
        let shape = Shape(
            depth: network.size.depth, height: network.size.height / 8, width: network.size.width / 8,
            channels: 8 * network.width)
        var random = RandomStream(seed: 1, purpose: "bench")
        func features() -> Tensor {
            // Scores of about unit variance, so that the softmax is neither flat nor a maximum.
            let scale = pow(Double(shape.channels), -0.25)
            return Tensor(shape, values: (0..<shape.count).map { _ in Float(scale * random.normal()) })
        }
        let (queries, keys, values, gradient) = (features(), features(), features(), features())
        let attention = DotProductAttention()
        TensorPool.shared.resetPeak()
        let before = TensorPool.shared.bytesInUse
        let forward = best(of: repeats) { _ = attention.forward(queries: queries, keys: keys, values: values) }
        let output = attention.forward(queries: queries, keys: keys, values: values)
        let backward = best(of: repeats) {
            _ = attention.backward(gradient, queries: queries, keys: keys, values: values, output: output)
        }
        let memory = Double(TensorPool.shared.peakBytes - before) / 1_048_576
        // Two products forward; backward five, the scores being computed again.
        let product = 2 * Double(shape.positions * shape.positions * shape.channels) * 1e-9
        let matrix = Double(4 * shape.positions * shape.positions) / 1_048_576
        if json {
            try Console.json([
                "positions": .integer(shape.positions), "channels": .integer(shape.channels),
                "threads": .integer(Parallel.shared.threads), "forward_seconds": .number(forward),
                "backward_seconds": .number(backward), "forward_gflops": .number(2 * product / forward),
                "backward_gflops": .number(5 * product / backward), "peak_mib": .number(memory),
                "score_matrix_mib": .number(matrix),
            ])
        } else {
            try Console.print(
                String(
                    format: """
                        %d positions, %d channels, %d threads
                        forward  %.2f ms, %.0f GFLOP/s
                        backward %.2f ms, %.0f GFLOP/s
                        memory   %.1f MiB; one matrix of all scores would be %.1f MiB
                        """, shape.positions, shape.channels, Parallel.shared.threads, 1e3 * forward,
                    2 * product / forward, 1e3 * backward, 5 * product / backward, memory, matrix))
        }
    }
}
