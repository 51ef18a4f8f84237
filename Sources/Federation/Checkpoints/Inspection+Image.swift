import CardiacMR
import Foundation

extension Inspection {
    /// A NIfTI image: its grid, how its voxels are stored, and what the values of one frame are.
    package init(image path: String, frame: Int) throws {
        let header = try NIfTI.header(of: path)
        let volume = try NIfTI.read(path, frame: frame)
        let grid = volume.grid
        let finite = volume.voxels.filter(\.isFinite)
        let mean = finite.isEmpty ? nil : finite.reduce(0) { $0 + Double($1) } / Double(finite.count)
        let bytes = volume.voxels.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
        }
        let checksum = DurableFile.crc32(of: bytes)
        let affine = (0..<3).map { [grid.affine.x[$0], grid.affine.y[$0], grid.affine.z[$0], grid.affine.origin[$0]] }
        func list(_ values: [Double]) -> MetricsValue { .list(values.map { .number($0) }) }
        let stored = "\(header.dataType)\(header.isBigEndian ? ", big-endian" : "")"
        var text = """
            image \(path)
              NIfTI-\(header.version)\(header.isPair ? ", header and voxels apart" : ""), \(stored), \
            value = \(header.slope) · stored + \(header.intercept)
              \(grid.size.x) × \(grid.size.y) × \(grid.size.z) voxels of \
            \(grid.spacing.x) × \(grid.spacing.y) × \(grid.spacing.z) mm, \(header.frames) frames
              orientation \(grid.affine.orientation)

            """
        for row in affine {
            text += "  [" + row.map { String(format: "%10.4f", $0) }.joined(separator: " ") + "]\n"
        }
        text += "  frame \(frame): "
        if let smallest = finite.min(), let largest = finite.max(), let mean {
            text += "\(smallest) to \(largest), mean \(String(format: "%.6g", mean)), "
        }
        if finite.count < volume.voxels.count { text += "\(volume.voxels.count - finite.count) values not finite, " }
        text += "CRC-32 \(checksum)\n"
        self.init(
            text: text,
            metrics: [
                "image": .text(path), "version": .integer(header.version), "type": .text("\(header.dataType)"),
                "big_endian": .bool(header.isBigEndian),
                "size": .list([grid.size.x, grid.size.y, grid.size.z].map { .integer($0) }),
                "spacing": list([grid.spacing.x, grid.spacing.y, grid.spacing.z]), "frames": .integer(header.frames),
                "frame": .integer(frame), "affine": .list(affine.map(list)),
                "orientation": .text(grid.affine.orientation), "slope": .number(header.slope),
                "intercept": .number(header.intercept),
                "minimum": finite.min().map { .number(Double($0)) } ?? .null,
                "maximum": finite.max().map { .number(Double($0)) } ?? .null,
                "mean": mean.map(MetricsValue.number) ?? .null, "crc32": .text(checksum),
            ])
    }
}
