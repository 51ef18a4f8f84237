import Tensors

/// What a simulated scanner makes of others' images: another tone curve, uneven coils, less resolution, more noise. The same for
/// all images of a center, but for the noise.
package struct ScannerShift: Sendable {
    private let gamma: Float
    private let field: BiasField
    /// Standard deviation of the blurring in the plane, in pixels; 0: none.
    private let blur: Double
    /// Standard deviation of the noise, as a part of the image's own.
    private let noise: Double

    /// Draws a scanner.
    /// - Parameters:
    ///   - strength: 0: as the images are; 1: as different as scanners are.
    ///   - seed: what it follows from, with the center's name.
    package init(strength: Double, center: String, seed: UInt64) {
        var random = RandomStream(seed: seed, purpose: "scanner/\(center)")
        // As likely brighter as darker: powers are symmetric about 1 by their logarithms.
        gamma = Float(1 + strength * random.uniform(in: -0.4...0.6))
        field = BiasField(random: &random, strength: 0.3 * strength)
        blur = strength * random.uniform(in: 0...1.2)
        noise = strength * random.uniform(in: 0...0.15)
    }

    /// An image as the scanner would have it.
    /// - Parameter name: of the image, which its noise follows from.
    package func apply(to volume: Volume, named name: String, seed: UInt64) -> Volume {
        var changed = volume
        Intensity.applyGamma(gamma, to: &changed.voxels)
        let size = volume.grid.size
        let inSlice = size.x * size.y
        if blur > 0.1 {
            let plane = Intensity.blur(height: size.y, width: size.x, deviation: blur)
            var blurred = changed.voxels
            var scratch = [Float](repeating: 0, count: inSlice)
            changed.voxels.withUnsafeBufferPointer { source in
                blurred.withUnsafeMutableBufferPointer { target in
                    scratch.withUnsafeMutableBufferPointer { scratch in
                        guard let input = source.baseAddress, let output = target.baseAddress,
                            let place = scratch.baseAddress
                        else { return }
                        for slice in 0..<size.z {
                            plane.apply(input + slice * inSlice, into: output + slice * inSlice, scratch: place)
                        }
                    }
                }
            }
            changed.voxels = blurred
        }
        func coordinate(_ index: Int, _ count: Int) -> Float { Float(2 * index + 1) / Float(count) - 1 }
        let count = Double(volume.voxels.count)
        let mean = volume.voxels.reduce(0.0) { $0 + Double($1) } / count
        let variance = volume.voxels.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        let deviation = Float(noise * variance.squareRoot())
        var random = RandomStream(seed: seed, purpose: "scanner noise/\(name)")
        for z in 0..<size.z {
            for y in 0..<size.y {
                let row = field.row(y: coordinate(y, size.y), z: coordinate(z, size.z))
                for x in 0..<size.x {
                    let index = (z * size.y + y) * size.x + x
                    changed.voxels[index] =
                        changed.voxels[index] * row.factor(x: coordinate(x, size.x)) + deviation * random.normalPair().0
                }
            }
        }
        return changed
    }
}
