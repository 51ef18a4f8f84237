import ArgumentParser
import Federation
import Foundation
import HDF5

/// `fedcrld inspect`: what a run, a checkpoint or an HDF5 file holds.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a run, a checkpoint's folder or an HDF5 file holds.",
        discussion: "Of a file: its attributes, and every dataset with shape and L2 norm.")

    @Argument(help: "A run's folder, a checkpoint's folder or an HDF5 file.")
    var path: String
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw FederationError(
                attempted: "inspect", subject: path, reason: "there is no such file or folder",
                remedy: "give a run's folder, a checkpoint's folder or an HDF5 file")
        }
        let inspection: Inspection
        if !isFolder.boolValue {
            inspection = try Inspection(file: path)
        } else if FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)") {
            inspection = try Inspection(checkpoint: path)
        } else {
            inspection = try Inspection(run: path)
        }
        if json { Console.json(inspection.metrics) } else { print(inspection.text, terminator: "") }
    }
}
