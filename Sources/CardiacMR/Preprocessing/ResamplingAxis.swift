/// Along one axis: which samples make an output sample, and with which weights.
///
/// Where the output is coarser than the input, the kernel is widened, so that nothing aliases. At the borders the weights
/// of what is there are scaled to sum 1. An output on an input sample, of the same spacing, is that sample exactly.
struct ResamplingAxis {
    enum Kernel {
        /// Catmull and Rom's cubic.
        case cubic
        /// Between the two neighbours.
        case linear

        fileprivate var radius: Double { self == .cubic ? 2 : 1 }

        fileprivate func weight(_ distance: Double) -> Double {
            let x = abs(distance)
            switch self {
            case .linear: return max(0, 1 - x)
            case .cubic:
                if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
                return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
            }
        }
    }

    let inputCount: Int
    let outputCount: Int
    /// Weights of each output.
    let taps: Int
    /// For each output, the first input sample that it takes.
    let first: [Int]
    /// `outputCount × taps`.
    let weights: [Float]
    /// Whether each output lies on the input at all; the others have no weights.
    let isInside: [Bool]
    /// The input sample that each output is on; nil when any lies between.
    let copies: [Int]?

    /// Output `j` lies at `origin + step · j`, in input samples.
    init(_ kernel: Kernel, inputCount: Int, outputCount: Int, origin: Double, step: Double) {
        let stretch = max(1, step)
        self.init(
            inputCount: inputCount, outputCount: outputCount, origin: origin, step: step,
            radius: kernel.radius * stretch
        ) { kernel.weight($0 / stretch) }
    }

    /// A convolution that leaves the number of samples as it is.
    init(count: Int, radius: Int, _ weight: (Double) -> Double) {
        self.init(inputCount: count, outputCount: count, origin: 0, step: 1, radius: Double(radius), weight)
    }

    private init(
        inputCount: Int, outputCount: Int, origin: Double, step: Double, radius: Double, _ weight: (Double) -> Double
    ) {
        let taps = min(Int((2 * radius).rounded(.up)) + 1, inputCount)
        var first = [Int](repeating: 0, count: outputCount)
        var weights = [Float](repeating: 0, count: outputCount * taps)
        var isInside = [Bool](repeating: false, count: outputCount)
        var copies: [Int]? = step == 1 ? [] : nil
        for output in 0..<outputCount {
            let place = origin + step * Double(output)
            let nearest = Int(place.rounded().clamped(to: -1...Double(inputCount)))
            if Double(nearest) != place, place > -1, place < Double(inputCount) { copies = nil }
            copies?.append(nearest)
            guard place >= -0.5 - 1e-9, place <= Double(inputCount) - 0.5 + 1e-9 else { continue }
            isInside[output] = true
            let start = Int((place - radius).rounded(.up)).clamped(to: 0...(inputCount - taps))
            let exact = (0..<taps).map { weight(Double(start + $0) - place) }
            let total = exact.reduce(0, +)
            first[output] = start
            for tap in 0..<taps { weights[output * taps + tap] = Float(exact[tap] / total) }
        }
        self.inputCount = inputCount
        self.outputCount = outputCount
        self.taps = taps
        self.first = first
        self.weights = weights
        self.isInside = isInside
        self.copies = copies
    }
}

/// The resampling of a plane: rows and columns independently.
struct PlaneResampling {
    let rows: ResamplingAxis
    let columns: ResamplingAxis

    var outputCount: Int { rows.outputCount * columns.outputCount }

    /// Whether an output lies on the input plane.
    func isInside(row: Int, column: Int) -> Bool { rows.isInside[row] && columns.isInside[column] }

    /// Resamples a plane of `rows.inputCount × columns.inputCount` values; outputs off the plane are 0.
    /// - Parameter scratch: room for `rows.inputCount × columns.outputCount` values.
    func apply(
        _ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let width = columns.outputCount
        columns.weights.withUnsafeBufferPointer { weights in
            for row in 0..<rows.inputCount {
                let line = input + row * columns.inputCount
                for column in 0..<width {
                    let start = columns.first[column]
                    var sum: Float = 0
                    for tap in 0..<columns.taps { sum += weights[column * columns.taps + tap] * line[start + tap] }
                    scratch[row * width + column] = sum
                }
            }
        }
        for row in 0..<rows.outputCount {
            let line = output + row * width
            line.update(repeating: 0, count: width)
            for tap in 0..<rows.taps {
                let weight = rows.weights[row * rows.taps + tap]
                guard weight != 0 else { continue }
                let source = scratch + (rows.first[row] + tap) * width
                for column in 0..<width { line[column] += weight * source[column] }
            }
        }
    }

    /// Resamples scores of `classes` classes, asked for one class at a time, and takes the class of the highest; the
    /// lower class of equals. Outputs off the plane are class 0.
    /// - Parameter fill: writes a class's scores over the input plane; false where they are zero everywhere.
    func labels(
        classes: Int, into output: UnsafeMutablePointer<UInt8>, fill: (Int, UnsafeMutablePointer<Float>) -> Bool
    ) {
        let inputCount = rows.inputCount * columns.inputCount
        let sizes = [inputCount, rows.inputCount * columns.outputCount, outputCount, outputCount]
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: sizes.reduce(0, +))
        defer { memory.deallocate() }
        let (scratch, scores) = (memory + sizes[0], memory + sizes[0] + sizes[1])
        let best = scores + sizes[2]
        best.update(repeating: 0, count: outputCount)
        output.update(repeating: 0, count: outputCount)
        for label in 0..<classes where fill(label, memory) {
            apply(memory, into: scores, scratch: scratch)
            for index in 0..<outputCount where scores[index] > best[index] {
                best[index] = scores[index]
                output[index] = UInt8(label)
            }
        }
    }
}
