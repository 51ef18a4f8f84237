/// What the header of a NIfTI file says, versions 1 and 2 alike, checked: sizes are positive and their product does not
/// overflow, the data type is known, the geometry is finite.
package struct NIfTIHeader: Equatable, Sendable {
    /// 1 or 2.
    package var version: Int
    /// The order of bytes.
    package var isBigEndian: Bool
    /// Whether the voxels are in a separate `.img` file.
    package var isPair: Bool
    /// How voxels are stored.
    package var dataType: NIfTIDataType
    /// Size, spacing in mm and affine (sform, else qform, else spacing alone) of every frame.
    package var grid: Grid
    /// The fields that say where the voxels are, as they are stored.
    package var geometry: NIfTIGeometry
    /// Number of frames of a 4-D image, 1 for 3-D.
    package var frames: Int
    /// From a frame to the next, in seconds; 0 where the file does not say.
    package var frameInterval: Double
    /// Where the voxels begin, in bytes.
    package var dataOffset: Int
    /// Value = stored · slope + intercept.
    package var slope: Double
    /// What is added to a stored value after it is multiplied by the slope.
    package var intercept: Double

    /// Bytes of one frame. No overflow: checked when the header was parsed.
    var frameBytes: Int { grid.count * dataType.bytes }
}

/// The positions of a version's fields and how wide they are: NIfTI-2 has the fields of NIfTI-1, wider and reordered.
struct NIfTILayout {
    let version: Int
    let headerBytes: Int
    let magic, dataType, dim, pixdim, dataOffset, slope, intercept: Int
    let qformCode, sformCode, quaternion, qoffset, sform, units: Int

    /// nifti1.h.
    static let version1 = NIfTILayout(
        version: 1, headerBytes: 348, magic: 344, dataType: 70, dim: 40, pixdim: 76, dataOffset: 108, slope: 112,
        intercept: 116, qformCode: 252, sformCode: 254, quaternion: 256, qoffset: 268, sform: 280, units: 123)
    /// nifti2.h.
    static let version2 = NIfTILayout(
        version: 2, headerBytes: 540, magic: 4, dataType: 12, dim: 16, pixdim: 104, dataOffset: 168, slope: 176,
        intercept: 184, qformCode: 344, sformCode: 348, quaternion: 352, qoffset: 376, sform: 400, units: 500)

    func real(_ bytes: HeaderBytes, _ offset: Int, _ index: Int = 0) -> Double {
        version == 1 ? bytes.single(at: offset + 4 * index) : bytes.double(at: offset + 8 * index)
    }

    func dimension(_ bytes: HeaderBytes, _ index: Int) -> Int {
        version == 1
            ? Int(bytes.integer(Int16.self, at: dim + 2 * index)) : Int(bytes.integer(Int64.self, at: dim + 8 * index))
    }

    func code(_ bytes: HeaderBytes, _ offset: Int) -> Int {
        version == 1 ? Int(bytes.integer(Int16.self, at: offset)) : Int(bytes.integer(Int32.self, at: offset))
    }
}
