/// What the names of files tell: which are NIfTI images, whatever the case of their endings.
package enum ImageName {
    private static let endings = [".nii.gz", ".nii", ".hdr.gz", ".hdr"]

    /// Why a name in a folder is no image of somebody's; nil for one that is.
    package static func reasonToSkip(_ name: String) -> String? {
        if name.hasPrefix("._") { return "it is what macOS keeps beside a file on other disks" }
        if name == "__MACOSX" { return "it is what macOS adds to archives" }
        if name.hasPrefix(".") { return "it is hidden" }
        return isImage(name) ? nil : "it does not end in .nii, .nii.gz or .hdr"
    }

    /// Whether a name ends as an image's does: `.nii`, `.nii.gz`, or `.hdr` of a pair.
    package static func isImage(_ path: String) -> Bool { ending(of: path) != nil }

    /// Whether a name ends as one of a single file does, which images are written to.
    package static func isWritable(_ path: String) -> Bool {
        ending(of: path).map { $0.lowercased().hasPrefix(".nii") } ?? false
    }

    /// Whether what is written under a name is compressed.
    package static func isCompressed(_ path: String) -> Bool { path.lowercased().hasSuffix(".gz") }

    /// Whether a name is of the voxels of a pair, which are read through their `.hdr`.
    package static func isVoxelsOfPair(_ path: String) -> Bool {
        [".img", ".img.gz"].contains { path.lowercased().hasSuffix($0) }
    }

    /// The name without the image's ending.
    package static func stem(of path: String) -> String { String(path.dropLast(ending(of: path)?.count ?? 0)) }

    /// The image's ending as it is written; nil where it is none.
    package static func ending(of path: String) -> String? {
        let lower = path.lowercased()
        return endings.first { lower.hasSuffix($0) }.map { String(path.suffix($0.count)) }
    }

    /// The file of the voxels that belongs to a header's: `.img` beside `.hdr`, in its case.
    package static func voxels(ofHeader path: String) -> String? {
        guard let ending = ending(of: path), ending.lowercased().hasPrefix(".hdr") else { return nil }
        let isUpper = ending.hasPrefix(".HDR")
        return stem(of: path) + (isUpper ? ".IMG" : ".img") + ending.dropFirst(4)
    }

    /// All files that an image consists of: one, or the two of a pair.
    package static func files(of path: String) -> [String] { [path] + (voxels(ofHeader: path).map { [$0] } ?? []) }
}
