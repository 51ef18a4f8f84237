/// How a sample's voxels lie on the image that it was made from: what maps a prediction back.
package struct SampleGeometry: Equatable, Sendable {
    /// Along one axis of the plane: the image is resampled to `resampled` pixels around its center, of which the sample
    /// begins at `offset` (negative: padded).
    struct Axis: Equatable, Sendable {
        var native: Int
        /// Native pixels per resampled pixel.
        var scale: Double
        var resampled: Int
        var offset: Int
        var sample: Int

        init(native: Int, spacing: Double, target: Double?, sample: Int?) {
            self.native = native
            scale = (target ?? spacing) / spacing
            // A little less than whole, so that rounding in the header's float32 adds no pixel.
            resampled = max(1, Int((Double(native) / scale - 1e-4).rounded(.up)))
            self.sample = sample ?? resampled
            offset = Int((Double(resampled - self.sample) / 2).rounded(.down))
        }

        /// From the image to the sample.
        func sampling(_ kernel: ResamplingAxis.Kernel) -> ResamplingAxis {
            let origin = Double(native - 1) / 2 + (Double(offset) - Double(resampled - 1) / 2) * scale
            return ResamplingAxis(kernel, inputCount: native, outputCount: sample, origin: origin, step: scale)
        }

        /// From the sample back to the image.
        func restoring(_ kernel: ResamplingAxis.Kernel) -> ResamplingAxis {
            let origin = -Double(native - 1) / 2 / scale + Double(resampled - 1) / 2 - Double(offset)
            return ResamplingAxis(kernel, inputCount: sample, outputCount: native, origin: origin, step: 1 / scale)
        }
    }

    /// The image's own grid.
    package let native: Grid
    /// How its slices are turned, and what comes of the grid.
    let orientation: PlaneOrientation
    let oriented: Grid
    let rows, columns: Axis
    /// The image's slice that is the sample's first (negative: padded), and the sample's slices.
    let firstSlice, depth: Int

    /// Of an image's grid, prepared as the settings say.
    package init(native: Grid, settings: PreprocessingSettings) {
        self.native = native
        orientation = settings.orientation == .canonical ? PlaneOrientation(canonicalFor: native) : .stored
        oriented = orientation.turned(native)
        columns = Axis(
            native: oriented.size.x, spacing: oriented.spacing.x, target: settings.spacing, sample: settings.width)
        rows = Axis(
            native: oriented.size.y, spacing: oriented.spacing.y, target: settings.spacing, sample: settings.height)
        depth = settings.depth ?? native.size.z
        firstSlice = Int((Double(native.size.z - depth) / 2).rounded(.down))
    }

    /// The sample's size.
    package var size: SampleSize { SampleSize(depth: depth, height: rows.sample, width: columns.sample) }

    /// The sample's voxel sizes (x, y, z) in mm.
    package var spacing: SIMD3<Double> {
        [oriented.spacing.x * columns.scale, oriented.spacing.y * rows.scale, oriented.spacing.z]
    }

    func sampling(_ kernel: ResamplingAxis.Kernel) -> PlaneResampling {
        PlaneResampling(rows: rows.sampling(kernel), columns: columns.sampling(kernel))
    }

    func restoring(_ kernel: ResamplingAxis.Kernel) -> PlaneResampling {
        PlaneResampling(rows: rows.restoring(kernel), columns: columns.restoring(kernel))
    }
}
