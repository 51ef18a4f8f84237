import ArgumentParser
import Federation
import Foundation
import HDF5

/// `fedcrld inspect`: what a run, a checkpoint, an HDF5 file or a NIfTI image holds.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a run, a checkpoint's folder, an HDF5 file or a NIfTI image holds.",
        discussion: """
            Of an HDF5 file: its attributes, and every dataset with shape and L2 norm. Of an image: its grid, how its voxels \
            are stored, and the range, mean and checksum (CRC-32 of the scaled float32 values, little-endian, x fastest) of \
            a frame.
            """)

    @Argument(help: "A run's folder, a checkpoint's folder, an HDF5 file or a NIfTI image (.nii, .nii.gz, .hdr).")
    var path: String
    @Option(help: .init("The frame of a 4-D image, from 0.", valueName: "number"))
    var frame = 0
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw FederationError(
                attempted: "inspect", subject: path, reason: "there is no such file or folder",
                remedy: "give a run's folder, a checkpoint's folder, an HDF5 file or a NIfTI image")
        }
        let inspection: Inspection
        if !isFolder.boolValue {
            let isImage = [".nii", ".nii.gz", ".hdr", ".hdr.gz"].contains { path.lowercased().hasSuffix($0) }
            inspection = isImage ? try Inspection(image: path, frame: frame) : try Inspection(file: path)
        } else if FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)") {
            inspection = try Inspection(checkpoint: path)
        } else {
            inspection = try Inspection(run: path)
        }
        if json { try Console.json(inspection.metrics) } else { try Console.print(inspection.text, terminator: "") }
    }
}
