import Tensors

extension SampleGeometry {
    /// The segmentation of the image, voxel for voxel, from one of the sample: each class's mask is interpolated linearly,
    /// and the highest wins. What the sample does not cover is background.
    /// - Parameter labels: the sample's classes (D, H, W), W fastest.
    package func restore(labels: [UInt8]) -> LabelVolume {
        precondition(labels.count == size.count, "one label per voxel of the sample")
        let classes = Int(labels.max() ?? 0) + 1
        let inSlice = size.height * size.width
        return labels.withUnsafeBufferPointer { labels in
            restore(classes: classes) { slice, label, scores in
                var isPresent = false
                for index in 0..<inSlice {
                    let isLabel = labels[slice * inSlice + index] == label
                    scores[index] = isLabel ? 1 : 0
                    isPresent = isPresent || isLabel
                }
                return isPresent
            }
        }
    }

    /// The segmentation of the image from class probabilities of the sample, which are interpolated linearly before the
    /// highest wins: borders fall between the sample's pixels where the network puts them.
    /// - Parameters:
    ///   - probabilities: (D, H, W, classes), classes fastest.
    ///   - classes: at most 256.
    package func restore(probabilities: [Float], classes: Int) -> LabelVolume {
        precondition(
            classes <= 256 && probabilities.count == size.count * classes, "one probability per voxel and class")
        let inSlice = size.height * size.width
        return probabilities.withUnsafeBufferPointer { probabilities in
            restore(classes: classes) { slice, label, scores in
                for index in 0..<inSlice { scores[index] = probabilities[(slice * inSlice + index) * classes + label] }
                return true
            }
        }
    }

    private func restore(
        classes: Int, _ fill: (_ slice: Int, _ label: Int, _ scores: UnsafeMutablePointer<Float>) -> Bool
    ) -> LabelVolume {
        let plane = restoring(.linear)
        var labels = [UInt8](repeating: 0, count: native.count)
        labels.withUnsafeMutableBufferPointer { labels in
            guard let base = labels.baseAddress else { return }
            Parallel.shared.loop(depth) { slice in
                let nativeSlice = slice + firstSlice
                guard (0..<native.size.z).contains(nativeSlice) else { return }
                plane.labels(classes: classes, into: base + nativeSlice * plane.outputCount) { fill(slice, $0, $1) }
            }
        }
        return LabelVolume(grid: native, labels: orientation.restored(labels, to: native))
    }
}
