import ArgumentParser
import CardiacMR
import Federation
import Foundation
import HDF5
import Tensors

/// `fedcrld predict`: a center's network on one image.
struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Segment images with a center's network, each in its own grid.",
        discussion: """
            The output's labels are the center's classes in their order, 0 the background; size, voxels and position are the \
            image's own. Of a 4-D image every frame is segmented, or the one that --frame names. Of a folder every image in it \
            is, into a folder of the same names.

              fedcrld predict --run run --center NAME --input scan.nii.gz --output segmentation.nii.gz
              fedcrld predict --run run --center NAME --input scans --output segmentations
            """)

    @Option(name: .customLong("run"), help: .init("The folder of the run.", valueName: "folder"))
    var folder: String
    @Option(help: .init("The center whose network is used; `fedcrld inspect RUN` lists them.", valueName: "name"))
    var center: String
    @Option(help: .init("The image, NIfTI, or a folder of images.", valueName: "path"))
    var input: String
    @Option(
        help: .init("The segmentation to write, .nii or .nii.gz; a folder where the input is one.", valueName: "path"))
    var output: String
    @Option(help: .init("The frame of a 4-D image, from 0; all by default.", valueName: "number"))
    var frame: Int?
    @Option(help: .init("The round of the checkpoint; the newest by default.", valueName: "round"))
    var checkpoint: Int?
    @Option(
        help: .init(
            """
            An HDF5 file to write the network's own view to: /image (D, H, W), as it was prepared, and /probabilities \
            (classes, D, H, W). Of one image or frame.
            """, valueName: "file"))
    var probabilities: String?
    @Option(help: .init("Compute threads; 0: the cores available.", valueName: "number"))
    var threads = 0

    func validate() throws {
        guard isFolder(input) || Self.isImage(output) else {
            throw ValidationError("--output \(output) does not end in .nii or .nii.gz")
        }
        if let frame, frame < 0 { throw ValidationError("--frame \(frame) is less than 0; frames count from 0") }
        if isFolder(input), probabilities != nil {
            throw ValidationError("--probabilities is of one image, and --input \(input) is a folder")
        }
    }

    func run() throws {
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        let access = try RunAccess(folder, round: checkpoint)
        let state = try access.state(of: center)
        let preprocessing = try Preprocessing(access.configuration.preprocessingSettings)
        func segment(_ image: String, to output: String) throws {
            try self.segment(image, to: output, access, state, preprocessing)
        }
        guard isFolder(input) else { return try segment(input, to: output) }
        let names = try FileManager.default.contentsOfDirectory(atPath: input).filter(Self.isImage).sorted()
        guard !names.isEmpty else {
            throw FederationError(
                attempted: "segment", subject: input, reason: "no file in it ends in .nii or .nii.gz",
                remedy: "give an image or a folder of images")
        }
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        // One bad image does not cost the others.
        var failures: [any Error] = []
        for name in names {
            do {
                try segment("\(input)/\(name)", to: "\(output)/\(name)")
                print("\(output)/\(name)")
            } catch {
                failures.append(error)
                Console.error("warning: \(FederationError(describing: error))")
            }
        }
        if !failures.isEmpty {
            throw FederationError(
                attempted: "segment", subject: "\(failures.count) of \(names.count) images in \(input)",
                reason: "see the warnings above", remedy: "repair these images or take them out of the folder")
        }
    }

    private static func isImage(_ path: String) -> Bool { path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Segments an image, or one frame of it.
    private func segment(
        _ image: String, to output: String, _ access: RunAccess, _ state: CenterState, _ preprocessing: Preprocessing
    ) throws {
        let header = try NIfTI.header(of: image)
        let relocalization = access.relocalization(of: state)
        let classes = state.network.classes
        var warned: Set<String> = []
        func labels(_ volume: Volume) throws -> LabelVolume {
            let sample = try preprocessing.sample(
                of: volume, labels: nil, classes: classes, center: center, subject: image, path: image)
            for warning in sample.warnings where warned.insert(warning).inserted {
                Console.error("warning: \(warning)")
            }
            let predicted = try state.network.predict(
                sample.tensor, model: state.part(.client), relocalization: relocalization)
            if let probabilities { try write(predicted, sample, to: probabilities) }
            return sample.geometry.restore(probabilities: predicted.array, classes: classes)
        }
        guard header.frames > 1, frame == nil, probabilities == nil else {
            return try NIfTI.write(labels(NIfTI.read(image, frame: frame ?? 0)), to: output)
        }
        var frames: [LabelVolume] = []
        var failure: (any Error)?
        try NIfTI.readFrames(image) { _, volume in
            guard failure == nil else { return }
            do { frames.append(try labels(volume)) } catch { failure = error }
        }
        if let failure { throw failure }
        try NIfTI.write(frames, interval: header.frameInterval, to: output)
    }

    private func write(_ predicted: Tensor, _ sample: Sample, to path: String) throws {
        let positions = predicted.shape.positions
        let classes = predicted.shape.channels
        var planes = [Float](repeating: 0, count: predicted.count)
        for position in 0..<positions {
            for label in 0..<classes {
                planes[label * positions + position] = predicted.base[position * classes + label]
            }
        }
        let grid = [sample.size.depth, sample.size.height, sample.size.width]
        let file = try HDF5File.create(at: path)
        try file.write(sample.image, shape: grid, to: "image")
        try file.write(planes, shape: [classes] + grid, to: "probabilities")
        try file.close()
    }
}
