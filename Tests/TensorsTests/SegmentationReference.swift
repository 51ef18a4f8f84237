import Foundation
import Tensors

/// The losses of a segmentation by their definitions, in float64, from scores before the softmax.
struct SegmentationReference {
    let classes: Int
    let labels: [UInt8]
    let teacher: [Double]?
    var counted = DiceClasses()

    var voxels: Int { labels.count }

    func probabilities(_ scores: [Double]) -> [Double] {
        var result = scores
        for voxel in 0..<voxels {
            let row = voxel * classes..<(voxel + 1) * classes
            let largest = scores[row].max() ?? 0
            let sum = scores[row].reduce(0) { $0 + exp($1 - largest) }
            for index in row { result[index] = exp(scores[index] - largest) / sum }
        }
        return result
    }

    func dice(_ p: [Double]) -> Double {
        var sum = 0.0
        let chosen = (0..<classes).filter { c in
            (c > 0 || counted.background) && (counted.absent || labels.contains(UInt8(c)))
        }
        guard !chosen.isEmpty else { return 0 }
        for c in chosen {
            var (overlap, total) = (0.0, 0.0)
            for voxel in 0..<voxels {
                let y = Int(labels[voxel]) == c ? 1.0 : 0
                overlap += p[voxel * classes + c] * y
                total += p[voxel * classes + c] + y
            }
            sum += (2 * overlap + 1) / (total + 1)
        }
        return 1 - sum / Double(chosen.count)
    }

    func crossEntropy(_ p: [Double]) -> Double {
        -labels.indices.reduce(0) { $0 + log(p[$1 * classes + Int(labels[$1])] + 1e-6) } / Double(voxels)
    }

    func distillation(_ p: [Double]) -> Double {
        guard let teacher else { return 0 }
        return -zip(teacher, p).reduce(0) { $0 + $1.0 * log($1.1 + 1e-6) } / Double(voxels)
    }
}
