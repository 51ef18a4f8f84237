import ArgumentParser
import FedCRLD
import Federation
import Foundation
import NeuralNetwork
import Tensors

/// `fedcrld bench step`: seconds and memory of one client step.
struct BenchStep: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step", abstract: "Time one client step: teacher, network and bank, forward and backward, Adam.")

    @Option(help: "Base width, a multiple of 4.")
    var width = 32
    @Option(help: "Slices x rows x columns of the volume.")
    var size = VolumeExtent(depth: 8, height: 96, width: 96)
    @Option(help: "Classes, background included.")
    var classes = 4
    @Option(help: "Compute threads; 0: all cores.")
    var threads = 0
    @Option(help: "Timed steps, after one to warm up.")
    var steps = 3
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard width > 0, width % 4 == 0 else { throw ValidationError("--width \(width) is not a multiple of 4") }
        guard (2...255).contains(classes) else {
            throw ValidationError("--classes \(classes) is not between 2 and 255")
        }
        guard steps > 0 else { throw ValidationError("--steps \(steps) is less than 1") }
        guard min(size.height, size.width) >= ClientNetwork.smallestSide else {
            throw ValidationError("--size \(size) has fewer than \(ClientNetwork.smallestSide) rows or columns")
        }
    }

    func run() throws {
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        let network = ClientNetwork(width: width, classes: classes)
        let settings = StepSettings(learningRate: 1e-4)
        let model = MomentumBank(network.layout, network: network.layout.initialValues(seed: 1))
        let relocalization = LocalRelocalization(
            network.relocalization,
            MomentumBank(
                network.relocalization.layout, network: network.relocalization.layout.initialValues(seed: 1)),
            settings)
        let shape = Shape(depth: size.depth, height: size.height, width: size.width, channels: 1)
        var random = RandomStream(seed: 1, purpose: "bench")
        let image = Tensor(shape, values: (0..<shape.count).map { _ in Float(random.normal()) })
        let labels = (0..<shape.count).map { _ in UInt8(random.index(below: classes)) }
        let step = ClientStep(network, settings)
        var seconds: [Double] = []
        for _ in 0...steps {
            let start = monotonicSeconds()
            _ = try step.run(image: image, labels: labels, model: model, relocalization: relocalization)
            seconds.append(monotonicSeconds() - start)
        }
        let best = seconds.dropFirst().min() ?? 0
        let parameters = network.layout.count + network.relocalization.layout.count
        if json {
            Console.json([
                "width": .integer(width), "size": .text(size.description),
                "threads": .integer(Parallel.shared.threads), "parameters": .integer(parameters),
                "step_seconds": .number(best),
                "all_step_seconds": .list(seconds.dropFirst().map { .number($0) }),
                "peak_mib": .integer(ProcessMemory.peakMebibytes),
                "tensor_peak_mib": .integer(TensorPool.shared.peakBytes >> 20),
                "blas": .text("\(LinearAlgebraLibrary.configuration), \(LinearAlgebraLibrary.core)"),
            ])
        } else {
            print(
                """
                width \(width), \(size), \(parameters) parameters, \(Parallel.shared.threads) threads
                step \(String(format: "%.3f", best)) s (best of \(steps)), peak \(ProcessMemory.peakMebibytes) MiB
                """)
        }
    }
}

/// The memory of this process.
enum ProcessMemory {
    /// The largest resident size so far.
    static var peakMebibytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss >> 10
    }
}
