/// The weights of a convolution's adjoint: turned around in space and depth, inputs and outputs exchanged.
enum TurnedWeights {
    /// Runs `body` with the weights of the convolution that takes the output's gradient to the input's.
    static func with(
        _ convolution: Convolution, _ weight: UnsafePointer<Float>,
        _ body: (_ adjoint: Convolution, _ weight: UnsafePointer<Float>) -> Void
    ) {
        let taps = convolution.taps * 9
        let inputs = convolution.inputs
        let outputs = convolution.outputs
        let adjoint = Convolution(taps: convolution.taps, inputs: outputs, outputs: inputs)
        // Squares of one cache line: a longer run of rows, which may be whole pages apart, would evict itself.
        let block = 16
        let blocks = (outputs + block - 1) / block
        TensorPool.shared.withScratch(convolution.weightCount) { turned in
            Parallel.shared.loop(taps * blocks, .weights) { task in
                let tap = task / blocks
                let source = weight + (taps - 1 - tap) * inputs * outputs
                let target = turned + tap * inputs * outputs
                let columns = task % blocks * block..<min(outputs, (task % blocks + 1) * block)
                for first in stride(from: 0, to: inputs, by: block) {
                    let end = min(inputs, first &+ block)
                    for output in columns {
                        for input in first..<end {
                            target[output &* inputs &+ input] = source[input &* outputs &+ output]
                        }
                    }
                }
            }
            body(adjoint, UnsafePointer(turned))
        }
    }
}
