/// The slices of a feature map in groups of four, for Winograd's F(4, 3) in depth: six products for four slices instead of three
/// for each. The last group may hang over the end; slices outside are zero.
///
/// What it transforms is in memory slice by slice, `run` floats of each, whatever they are.
struct DepthGroups {
    /// The transform of a group.
    typealias Transform = FourOutputs

    let slices: Int

    /// Groups of slices.
    var count: Int { (slices + Transform.outputs - 1) / Transform.outputs }

    /// Products of the groups over those of every slice with its three taps, of which two reach outside.
    var share: Double { Double(count * Transform.size) / Double(max(1, 3 * slices - 2)) }

    /// Floats of slices, or of groups, that are evenly far apart.
    struct Run {
        /// The first float of the first slice or group.
        let base: UnsafeMutablePointer<Float>
        /// Floats from a slice, or a frequency, to the next.
        let stride: Int
    }

    /// Slices to the frequencies of groups: (frequency, group, run).
    func transformInput(_ slices: Run, _ run: Int, into frequencies: Run) {
        for group in 0..<count {
            let first = group * Transform.outputs - 1
            SlicesKernel(
                slices: Run(base: slices.base + first * slices.stride, stride: slices.stride), hasFirst: group > 0,
                count: self.slices - first,
                frequencies: Run(base: frequencies.base + group * run, stride: frequencies.stride)
            ).cover(0..<run)
        }
    }

    /// The frequencies of groups to slices.
    func transformOutput(_ frequencies: Run, _ run: Int, into slices: Run) {
        for group in 0..<count {
            let first = group * Transform.outputs
            OutputsKernel(
                frequencies: Run(base: frequencies.base + group * run, stride: frequencies.stride),
                slices: Run(base: slices.base + first * slices.stride, stride: slices.stride),
                count: self.slices - first
            ).cover(0..<run)
        }
    }

    /// Slices' gradients to the gradients of the frequencies: the adjoint of ``transformOutput(_:_:into:)``.
    func transformGradient(_ slices: Run, _ run: Int, into frequencies: Run) {
        for group in 0..<count {
            let first = group * Transform.outputs
            GradientsKernel(
                slices: Run(base: slices.base + first * slices.stride, stride: slices.stride),
                count: self.slices - first,
                frequencies: Run(base: frequencies.base + group * run, stride: frequencies.stride)
            ).cover(0..<run)
        }
    }

    /// Three depth taps' weights to six frequencies, of which the first three may be in the taps' place.
    static func transformWeights(_ taps: Run, _ run: Int, into frequencies: Run) {
        WeightsKernel(taps: taps, frequencies: frequencies).cover(0..<run)
    }

    /// The frequencies' gradients to those of three depth taps; added to them where `accumulating`.
    static func transformWeightGradients(_ frequencies: Run, _ run: Int, into taps: Run, accumulating: Bool) {
        WeightGradientsKernel(frequencies: frequencies, taps: taps, accumulating: accumulating).cover(0..<run)
    }
}

private typealias Run = DepthGroups.Run
private typealias Transform = DepthGroups.Transform

private struct SlicesKernel: ChannelKernel {
    let slices: Run
    let hasFirst: Bool
    let count: Int
    let frequencies: Run

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (source, target) = (slices.base + channel, frequencies.base + channel)
        Transform.input(
            { ($0 == 0 ? hasFirst : $0 < count) ? V(source + $0 &* slices.stride) : .zero },
            { $1.store(target + $0 &* frequencies.stride) })
    }
}

private struct OutputsKernel: ChannelKernel {
    let frequencies: Run
    let slices: Run
    let count: Int

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (source, target) = (frequencies.base + channel, slices.base + channel)
        Transform.output(
            { V(source + $0 &* frequencies.stride) },
            { if $0 < count { $1.store(target + $0 &* slices.stride) } })
    }
}

private struct GradientsKernel: ChannelKernel {
    let slices: Run
    let count: Int
    let frequencies: Run

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (source, target) = (slices.base + channel, frequencies.base + channel)
        Transform.outputAdjoint(
            { $0 < count ? V(source + $0 &* slices.stride) : .zero },
            { $1.store(target + $0 &* frequencies.stride) })
    }
}

private struct WeightsKernel: ChannelKernel {
    let taps: Run
    let frequencies: Run

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (source, target) = (taps.base + channel, frequencies.base + channel)
        Transform.weight({ V(source + $0 &* taps.stride) }, { $1.store(target + $0 &* frequencies.stride) })
    }
}

private struct WeightGradientsKernel: ChannelKernel {
    let frequencies: Run
    let taps: Run
    let accumulating: Bool

    @inline(__always)
    func run<V: Lanes>(_ lanes: V.Type, channel: Int) {
        let (source, target) = (frequencies.base + channel, taps.base + channel)
        Transform.weightAdjoint({ V(source + $0 &* frequencies.stride) }) { tap, value in
            let place = target + tap &* taps.stride
            (accumulating ? V(place) + value : value).store(place)
        }
    }
}
