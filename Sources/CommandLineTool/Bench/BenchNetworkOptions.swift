import ArgumentParser
import FedCRLD
import Federation
import NeuralNetwork
import Tensors

/// The network and the volume that a benchmark works on.
struct BenchNetworkOptions: ParsableArguments {
    @Option(help: "Base width, a multiple of 4.")
    var width = 32
    @Option(help: "Slices x rows x columns of the volume.")
    var size = VolumeExtent(depth: 8, height: 96, width: 96)
    @Option(help: "Classes, background included.")
    var classes = 4
    @Option(help: "Compute threads; 0: all cores.")
    var threads = 0

    func validate() throws {
        guard width > 0, width % 4 == 0 else { throw ValidationError("--width \(width) is not a multiple of 4") }
        guard (2...255).contains(classes) else {
            throw ValidationError("--classes \(classes) is not between 2 and 255")
        }
        guard (0...4096).contains(threads) else { throw ValidationError("--threads \(threads) is not in 0...4096") }
        guard min(size.height, size.width) >= Encoder.smallestSide else {
            throw ValidationError("--size \(size) has fewer than \(Encoder.smallestSide) rows or columns")
        }
    }

    /// The threads that were asked for.
    var computeThreads: Int { threads > 0 ? threads : ComputeThreads.available }

    /// The extent of an image.
    var shape: Shape { Shape(depth: size.depth, height: size.height, width: size.width, channels: 1) }

    /// The network.
    var network: ClientNetwork { ClientNetwork(width: width, classes: classes) }
}

/// The shortest of several runs, in seconds, after one to warm up.
func best(of repeats: Int, _ body: () -> Void) -> Double {
    body()
    return (0..<repeats).map { _ in
        let start = monotonicSeconds()
        body()
        return monotonicSeconds() - start
    }.min() ?? 0
}
