/// Whether probabilities are what they say: over the voxels whose class or predicted class is foreground, since the
/// background's are many and easy.
package struct Calibration: Codable, Equatable, Sendable {
    /// The expected calibration error (Naeini et al., AAAI 2015): the mean distance, over bins of the predicted class's
    /// probability, of how often it is right from how probable it is; each bin counts by its voxels.
    package let expectedError: Double
    /// Brier's score: the mean over the voxels of the squared distance of the probabilities from the class's, from 0 to 2.
    package let brier: Double

    /// Bins of equal width that probabilities from 0 to 1 are put into.
    package static let bins = 15

    /// - Parameters:
    ///   - probabilities: of each voxel its classes' one after the other, which add up to 1.
    ///   - labels: the voxels' classes.
    /// - Returns: nil where no voxel counts.
    package init?(probabilities: UnsafeBufferPointer<Float>, classes: Int, labels: [UInt8]) {
        precondition(probabilities.count == classes * labels.count, "as many probabilities as voxels and classes")
        var bins = [(count: Int, right: Int, probability: Double)](repeating: (0, 0, 0), count: Self.bins)
        var (voxels, squares) = (0, 0.0)
        for (voxel, label) in labels.enumerated() {
            let values = UnsafeBufferPointer(rebasing: probabilities[voxel * classes..<(voxel + 1) * classes])
            var predicted = 0
            for other in 1..<classes where values[other] > values[predicted] { predicted = other }
            guard predicted != 0 || label != 0 else { continue }
            voxels += 1
            for (other, value) in values.enumerated() {
                let distance = Double(value) - (other == Int(label) ? 1 : 0)
                squares += distance * distance
            }
            let probability = Double(values[predicted])
            let bin = max(0, min(Self.bins - 1, Int((probability * Double(Self.bins)).rounded(.up)) - 1))
            bins[bin].count += 1
            bins[bin].right += predicted == Int(label) ? 1 : 0
            bins[bin].probability += probability
        }
        guard voxels > 0 else { return nil }
        expectedError = bins.reduce(0) { $0 + abs(Double($1.right) - $1.probability) } / Double(voxels)
        brier = squares / Double(voxels)
    }
}
