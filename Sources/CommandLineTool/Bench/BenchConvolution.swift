import ArgumentParser
import FedCRLD
import Federation
import Foundation
import NeuralNetwork
import Tensors

/// `fedcrld bench convolution`: seconds of every convolution of the network, by every algorithm.
struct BenchConvolution: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convolution", abstract: "Time the network's 3 x 3 convolutions, forward and both gradients.",
        discussion: """
            A row per distinct convolution: milliseconds (best of several) by each algorithm that can compute it, the one \
            that a step uses marked by *, and how many billion multiplications and additions a direct convolution would \
            have done in a second. Winograd's algorithms do a quarter to a tenth of them, so that this can exceed the \
            processor's peak. The last column is the share of the time that went into their products; the rest \
            transforms tiles and weights.
            """)

    @OptionGroup var network: BenchNetworkOptions
    @Option(help: "Timed runs of each, after one to warm up.")
    var repeats = 3
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        try network.validate()
        guard repeats > 0 else { throw ValidationError("--repeats \(repeats) is less than 1") }
    }

    func run() throws {
        Parallel.configure(threads: network.computeThreads)
        var distinct: [Workload: Int] = [:]
        var order: [Workload] = []
        for place in network.network.convolutions(at: network.shape) {
            let workload = Workload(convolution: place.convolution, input: place.input)
            if distinct[workload] == nil { order.append(workload) }
            distinct[workload, default: 0] += 1
        }
        var table = TextTable(
            columns: [
                .init("taps"), .init("channels"), .init("extent"), .init("×"), .init("algorithm", .left),
                .init("forward ms"), .init("data ms"), .init("weights ms"), .init("GFLOP/s"),
                .init("products %"),
            ])
        var rows: [MetricsValue] = []
        for workload in order {
            let chosen = workload.convolution.algorithm(for: workload.input)
            for algorithm in workload.convolution.algorithms {
                let (seconds, products) = workload.measure(by: algorithm, repeats: repeats)
                let rate = 3 * workload.operations / (seconds.reduce(0, +)) * 1e-9
                let (convolution, shape) = (workload.convolution, workload.input)
                table.append(
                    [
                        "\(convolution.taps)×3×3", "\(convolution.inputs) → \(convolution.outputs)",
                        "\(shape.depth)×\(shape.height)×\(shape.width)", "\(distinct[workload] ?? 0)",
                        algorithm.rawValue + (algorithm == chosen ? " *" : ""),
                    ] + seconds.map { String(format: "%.3f", 1e3 * $0) } + [
                        String(format: "%.0f", rate),
                        algorithm.isByTiles ? String(format: "%.0f", 100 * products) : "-",
                    ])
                rows.append(
                    .object([
                        "taps": .integer(convolution.taps), "inputs": .integer(convolution.inputs),
                        "outputs": .integer(convolution.outputs), "depth": .integer(shape.depth),
                        "height": .integer(shape.height), "width": .integer(shape.width),
                        "count": .integer(distinct[workload] ?? 0), "algorithm": .text(algorithm.rawValue),
                        "chosen": .bool(algorithm == chosen), "forward_seconds": .number(seconds[0]),
                        "backward_data_seconds": .number(seconds[1]), "backward_weights_seconds": .number(seconds[2]),
                        "direct_gflops": .number(rate),
                        "products_share": algorithm.isByTiles ? .number(products) : .null,
                    ]))
            }
        }
        if json {
            try Console.json([
                "base_width": .integer(network.width), "size": .text(network.size.description),
                "threads": .integer(Parallel.shared.threads), "convolutions": .list(rows),
            ])
        } else {
            try Console.print(table.rendered(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
        }
    }

    /// A convolution on feature maps of one extent.
    private struct Workload: Hashable {
        let convolution: Convolution
        let input: Shape

        /// Multiplications and additions of one direct convolution, padding included.
        var operations: Double { 2 * Double(input.positions * convolution.weightCount) }

        /// The best seconds of forward pass, gradient by the input and gradient by the weights, and the share of these that
        /// went into Winograd's products.
        func measure(
            by algorithm: Convolution.Algorithm, repeats: Int
        ) -> (seconds: [Double], products: Double) {
            var random = RandomStream(seed: 1, purpose: "bench")
            func tensor(_ shape: Shape) -> Tensor {
                Tensor(shape, values: (0..<shape.count).map { _ in Float(random.uniform(in: -1...1)) })
            }
            let image = tensor(input)
            let gradient = tensor(input.with(channels: convolution.outputs))
            let weight = tensor(.init(depth: 1, height: 1, width: 1, channels: convolution.weightCount))
            let bias = tensor(.init(depth: 1, height: 1, width: 1, channels: convolution.outputs))
            let weightGradient = Tensor(weight.shape)
            let biasGradient = Tensor(bias.shape)
            let passes: [() -> Void] = [
                { _ = convolution.forward(FeatureMap(image), weight: weight.base, bias: bias.base, by: algorithm) },
                { _ = convolution.backwardData(gradient, weight: weight.base, by: algorithm) },
                {
                    convolution.backwardWeights(
                        FeatureMap(image), gradient, weight: weightGradient.base, bias: biasGradient.base, by: algorithm
                    )
                },
            ]
            let seconds = passes.map { best(of: repeats, $0) }
            let record = KernelProfile.recording { for pass in passes { pass() } }
            let all = KernelKind.allCases.reduce(0) { $0 + record.seconds($1) }
            return (seconds, record.seconds(.products) / max(all, .leastNormalMagnitude))
        }
    }
}
