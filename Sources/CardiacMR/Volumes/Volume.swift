/// A grid of voxels in the scanner.
package struct Grid: Equatable, Sendable {
    /// Voxels along x, y and z, each at least 1.
    package var size: SIMD3<Int>
    /// Voxel sizes in mm, positive.
    package var spacing: SIMD3<Double>
    /// Where the voxels are.
    package var affine: Affine
    /// Whether that is known; where not, the affine is of axes that begin at the origin.
    package var isPlaced: Bool

    /// A grid.
    package init(size: SIMD3<Int>, spacing: SIMD3<Double>, affine: Affine, isPlaced: Bool = true) {
        self.size = size
        self.spacing = spacing
        self.affine = affine
        self.isPlaced = isPlaced
    }

    /// Number of voxels.
    package var count: Int { size.x * size.y * size.z }

    /// The indices (x, y, z) of the voxel stored at `index`.
    package func voxel(at index: Int) -> SIMD3<Int> {
        [index % size.x, index / size.x % size.y, index / (size.x * size.y)]
    }
}

/// A three-dimensional image: the voxels' values, x fastest, then y, then z, as NIfTI stores them.
package struct Volume: Equatable, Sendable {
    /// Where its voxels are.
    package var grid: Grid
    /// `grid.count` values.
    package var voxels: [Float]

    /// - Precondition: `voxels.count == grid.count`.
    package init(grid: Grid, voxels: [Float]) {
        precondition(voxels.count == grid.count, "as many voxels as the grid has")
        self.grid = grid
        self.voxels = voxels
    }
}

/// A segmentation: each voxel's class, in the order of ``Volume``.
package struct LabelVolume: Equatable, Sendable {
    /// Where its voxels are.
    package var grid: Grid
    /// `grid.count` classes.
    package var labels: [UInt8]

    /// - Precondition: `labels.count == grid.count`.
    package init(grid: Grid, labels: [UInt8]) {
        precondition(labels.count == grid.count, "as many labels as the grid has voxels")
        self.grid = grid
        self.labels = labels
    }
}
