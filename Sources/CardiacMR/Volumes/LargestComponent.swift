/// What is kept of a segmentation: specks far from the heart are often mistakes.
package enum LargestComponent: String, Sendable, CaseIterable {
    /// All of it.
    case none
    /// The largest connected part of the foreground, of whatever classes.
    case foreground
    /// The largest connected part of each class.
    case classes
    /// Of the largest connected part of the foreground the largest connected part of each class: where something far away is
    /// larger than a class at the heart, ``classes`` keeps the wrong one.
    case both
}

extension LabelVolume {
    /// What is kept; the rest becomes background. Voxels are connected that touch by a face, an edge or a corner, as in
    /// nnU-Net's post-processing. Of parts of one size the first in memory stays.
    package func keeping(_ largest: LargestComponent) -> LabelVolume {
        var result = self
        switch largest {
        case .none: break
        case .foreground: result.keepLargest { $0 != 0 }
        case .both: result = keeping(.foreground).keeping(.classes)
        case .classes:
            for label in Set(labels).sorted() where label != 0 { result.keepLargest { $0 == label } }
        }
        return result
    }

    /// Makes background of all voxels of some labels that are not in their largest connected part.
    private mutating func keepLargest(_ isMeant: (UInt8) -> Bool) {
        let (width, height, depth) = (grid.size.x, grid.size.y, grid.size.z)
        // The part of each voxel; 0: none yet.
        var parts = [Int32](repeating: 0, count: labels.count)
        var sizes: [Int] = [0]
        var pending: [Int] = []
        for start in labels.indices where parts[start] == 0 && isMeant(labels[start]) {
            let part = Int32(sizes.count)
            sizes.append(0)
            parts[start] = part
            pending.append(start)
            while let voxel = pending.popLast() {
                sizes[Int(part)] += 1
                let (x, y, z) = (voxel % width, voxel / width % height, voxel / (width * height))
                for otherZ in max(0, z - 1)...min(depth - 1, z + 1) {
                    for otherY in max(0, y - 1)...min(height - 1, y + 1) {
                        for otherX in max(0, x - 1)...min(width - 1, x + 1) {
                            let other = (otherZ * height + otherY) * width + otherX
                            guard parts[other] == 0, isMeant(labels[other]) else { continue }
                            parts[other] = part
                            pending.append(other)
                        }
                    }
                }
            }
        }
        guard sizes.count > 2, let most = sizes.max(), let largest = sizes.firstIndex(of: most) else { return }
        for voxel in labels.indices where parts[voxel] != 0 && parts[voxel] != largest { labels[voxel] = 0 }
    }
}
