/// The fields of a header that say where an image's voxels are, as they are stored: what a segmentation takes over from its
/// image, so that every program finds it where it finds the image, whichever of two transforms it looks at.
///
/// A transform that is not finite, or that maps the volume onto a plane, counts as absent: code 0, all values 0.
package struct NIfTIGeometry: Equatable, Sendable {
    /// The code of the unit of lengths: 1 meters, 2 millimeters, 3 micrometers, 0 not said.
    package var lengthUnit: UInt8
    /// The handedness of qform's third axis: 1 or −1.
    package var handedness: Double
    /// Voxel sizes in that unit. Those that are missing in the file are the sform's.
    package var spacing: SIMD3<Double>
    /// What kind of space qform leads to; 0: there is no qform.
    package var qformCode: Int
    /// The qform's rotation (b, c, d) and origin.
    package var quaternion, qoffset: SIMD3<Double>
    /// Likewise of sform.
    package var sformCode: Int
    /// Three rows of four.
    package var sform: [Double]

    /// Whether the file says where the voxels are, beyond their sizes.
    package var isPlaced: Bool { qformCode > 0 || sformCode > 0 }
}

extension NIfTIGeometry {
    /// Reads the fields of a header and judges them.
    init(_ header: HeaderBytes, _ layout: NIfTILayout) {
        func triple(_ offset: Int, _ first: Int = 0) -> SIMD3<Double> {
            [
                layout.real(header, offset, first), layout.real(header, offset, first + 1),
                layout.real(header, offset, first + 2),
            ]
        }
        lengthUnit = header.bytes[layout.units] & 7
        handedness = layout.real(header, layout.pixdim, 0) < 0 ? -1 : 1
        spacing = triple(layout.pixdim, 1)
        sformCode = layout.code(header, layout.sformCode)
        sform = (0..<12).map { layout.real(header, layout.sform, $0) }
        qformCode = layout.code(header, layout.qformCode)
        quaternion = triple(layout.quaternion)
        qoffset = triple(layout.qoffset)
        if sformCode > 0 ? !sformAffine.isInvertible : !sformAffine.isFinite {
            (sformCode, sform) = (0, [Double](repeating: 0, count: 12))
        }
        for axis in 0..<3 where !(spacing[axis].isFinite && spacing[axis] != 0) {
            spacing[axis] = sformCode > 0 ? sformAffine.columnLengths[axis] : 0
        }
        if qformCode > 0 ? !qformAffine.isInvertible : !qformAffine.isFinite {
            (qformCode, quaternion, qoffset) = (0, .zero, .zero)
        }
    }

    /// The geometry of a grid that was in no file.
    init(_ grid: Grid) {
        let affine = grid.affine
        (lengthUnit, spacing) = (2, grid.spacing)
        sformCode = 1
        sform = (0..<3).flatMap { [affine.x[$0], affine.y[$0], affine.z[$0], affine.origin[$0]] }
        (handedness, qformCode, quaternion, qoffset) = (1, 0, .zero, .zero)
        if let (quaternion, factor) = affine.quaternion(spacing: grid.spacing) {
            (qformCode, self.quaternion, qoffset, handedness) = (1, quaternion, affine.origin, factor)
        }
    }

    var sformAffine: Affine {
        func column(_ index: Int) -> SIMD3<Double> { [sform[index], sform[4 + index], sform[8 + index]] }
        return Affine(x: column(0), y: column(1), z: column(2), origin: column(3))
    }

    var qformAffine: Affine {
        Affine(
            quaternion: quaternion.x, quaternion.y, quaternion.z, factor: handedness,
            spacing: [abs(spacing.x), abs(spacing.y), abs(spacing.z)], origin: qoffset)
    }

    /// Millimeters of the unit of lengths.
    var millimeters: Double {
        switch lengthUnit {
        case 1: 1000
        case 3: 0.001
        default: 1
        }
    }
}
