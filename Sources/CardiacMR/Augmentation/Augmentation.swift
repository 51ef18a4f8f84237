import Tensors

/// Random changes of samples for training: first of space, in one interpolation, then of intensity.
package struct Augmentation: Sendable {
    /// How often and how far.
    package let settings: AugmentationSettings

    /// - Throws: an error that names the setting out of range.
    package init(_ settings: AugmentationSettings) throws(CardiacMRError) {
        try settings.validate()
        self.settings = settings
    }

    /// A changed copy of a sample: a function of the sample and the stream, on any number of threads. All slices are
    /// transformed alike. The result's geometry is still the sample's: predictions of it cannot be mapped back.
    package func augment(_ sample: Sample, random: inout RandomStream) -> Sample {
        var result = sample
        let parameters = draw(sample, &random)
        if !parameters.isIdentity { transform(&result, parameters) }
        changeIntensity(&result, &random)
        return result
    }

    private func draw(_ sample: Sample, _ random: inout RandomStream) -> PlaneWarp.Parameters {
        var parameters = PlaneWarp.Parameters()
        parameters.mirrorsRows = random.chance(settings.mirrorProbability)
        parameters.mirrorsColumns = random.chance(settings.mirrorProbability)
        parameters.aspect = sample.spacing.y / sample.spacing.x
        if random.chance(settings.rotation.probability) {
            parameters.rotation = random.uniform(in: settings.rotation.range) / 180 * .pi
        }
        if random.chance(settings.scale.probability) {
            parameters.magnification = random.uniform(in: settings.scale.range)
        }
        if random.chance(settings.elastic.probability) {
            parameters.elastic = ElasticField(
                height: sample.size.height, width: sample.size.width,
                smoothing: random.uniform(in: settings.elasticSmoothing),
                strength: random.uniform(in: settings.elastic.range), random: &random)
        }
        return parameters
    }

    private func transform(_ sample: inout Sample, _ parameters: PlaneWarp.Parameters) {
        let size = sample.size
        let inSlice = size.height * size.width
        let warp = PlaneWarp(parameters, height: size.height, width: size.width)
        let air = sample.image.min() ?? 0
        sample.image = Self.slices(of: sample.image, size) { slice, input, output in
            warp.apply(input + slice * inSlice, into: output + slice * inSlice, air: air)
        }
        sample.labels = sample.labels.map {
            Self.slices(of: $0, size) { slice, input, output in
                warp.apply(input + slice * inSlice, into: output + slice * inSlice)
            }
        }
    }

    private func changeIntensity(_ sample: inout Sample, _ random: inout RandomStream) {
        let size = sample.size
        if random.chance(settings.gamma.probability) {
            Intensity.applyGamma(Float(random.uniform(in: settings.gamma.range)), to: &sample.image)
        }
        if random.chance(settings.brightness.probability) {
            let factor = Float(random.uniform(in: settings.brightness.range))
            for index in sample.image.indices { sample.image[index] *= factor }
        }
        if random.chance(settings.contrast.probability) {
            Intensity.applyContrast(Float(random.uniform(in: settings.contrast.range)), to: &sample.image)
        }
        if random.chance(settings.blur.probability) {
            let deviation = random.uniform(in: settings.blur.range)
            let plane = Intensity.blur(height: size.height, width: size.width, deviation: deviation)
            let inSlice = size.height * size.width
            sample.image = Self.slices(of: sample.image, size) { slice, input, output in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: inSlice) { scratch in
                    guard let scratch = scratch.baseAddress else { return }
                    plane.apply(input + slice * inSlice, into: output + slice * inSlice, scratch: scratch)
                }
            }
        }
        if random.chance(settings.noise.probability) {
            let deviation = Float(random.uniform(in: settings.noise.range))
            // Each slice has a stream of its own, so that threads do not matter.
            let key = random.next()
            let inSlice = size.height * size.width
            sample.image = Self.slices(of: sample.image, size) { slice, input, output in
                var stream = RandomStream(seed: key, purpose: "augmentation noise", slice)
                for index in slice * inSlice..<(slice + 1) * inSlice {
                    output[index] = input[index] + deviation * stream.normalPair().0
                }
            }
        }
    }

    /// A new array of `values`' size that `body` fills slice by slice, in parallel.
    private static func slices<Value>(
        of values: [Value], _ size: SampleSize,
        _ body: (_ slice: Int, _ input: UnsafePointer<Value>, _ output: UnsafeMutablePointer<Value>) -> Void
    ) -> [Value] {
        [Value](unsafeUninitializedCapacity: values.count) { output, count in
            values.withUnsafeBufferPointer { input in
                guard let from = input.baseAddress, let to = output.baseAddress else { return }
                Parallel.shared.loop(size.depth) { body($0, from, to) }
                count = values.count
            }
        }
    }
}
