import ArgumentParser
import CardiacMR
import FederatedLearning
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
            image's own, as its header says them. Of a 4-D image every frame is segmented, or the one that --frame names. Of a \
            folder every image in it is, into a folder of the same names; what is no image is said and skipped.

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
    @OptionGroup var reading: ReadingOptions
    @Option(
        help: .init(
            """
            An HDF5 file to write the network's own view to: /image (D, H, W), as it was prepared, and /probabilities \
            (classes, D, H, W). Of one image or frame.
            """, valueName: "file"))
    var probabilities: String?

    func validate() throws {
        guard isFolder(input) || ImageName.isWritable(output) else {
            throw ValidationError("--output \(output) does not end in .nii or .nii.gz")
        }
        if let frame, frame < 0 { throw ValidationError("--frame \(frame) is less than 0; frames count from 0") }
        if isFolder(input), probabilities != nil {
            throw ValidationError("--probabilities is of one image, and --input \(input) is a folder")
        }
    }

    /// An image and where its segmentation goes.
    private typealias Task = (image: String, output: String)

    func run() throws {
        let tasks = try isFolder(input) ? tasks(in: input) : [(input, output)]
        let (access, segmenter) = try reading.read(folder) { access in
            try Output.refuseInputs(
                tasks.map(\.output) + (probabilities.map { [$0] } ?? []),
                inputs: tasks.flatMap { ImageName.files(of: $0.image) } + access.files)
            return (access, try access.segmenter(of: center))
        }
        access.configuration.access.apply()
        if access.configuration.discreet, let cohorts = try? access.cohorts() { Messages.conceal(cohorts) }
        let preprocessing = try Preprocessing(access.configuration.preprocessing.settings)
        func segment(_ task: Task) throws {
            try self.segment(task.image, to: task.output, segmenter, preprocessing)
        }
        guard isFolder(input) else { return try segment(tasks[0]) }
        try Output.makeFolder(output)
        // One bad image does not cost the others, and neither does a list that nobody can read.
        var failures = 0
        var unprinted: (any Error)?
        for task in tasks {
            do { try segment(task) } catch {
                failures += 1
                Messages.warn(FederationError(describing: error).description)
                continue
            }
            do { try Console.print(task.output) } catch { unprinted = error }
        }
        if failures > 0 {
            throw FederationError(
                attempted: "segment", subject: "\(failures) of \(tasks.count) images in \(input)",
                reason: "see the warnings above", remedy: "repair these images or take them out of the folder")
        }
        if let unprinted { throw unprinted }
    }

    /// The images of a folder. What is none is said.
    private func tasks(in folder: String) throws -> [Task] {
        var tasks: [Task] = []
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let voxelsOfPairs = Set(names.compactMap(ImageName.voxels(ofHeader:)))
        for name in names where !voxelsOfPairs.contains(name) {
            if let reason = ImageName.reasonToSkip(name) {
                Messages.warn("\(folder)/\(name) is skipped: \(reason)")
            } else if isFolder("\(folder)/\(name)") {
                Messages.warn("\(folder)/\(name) is skipped: it is a folder")
            } else {
                let written = ImageName.isWritable(name) ? name : ImageName.stem(of: name) + ".nii.gz"
                tasks.append(("\(folder)/\(name)", "\(output)/\(written)"))
            }
        }
        guard !tasks.isEmpty else {
            throw FederationError(
                attempted: "segment", subject: folder, reason: "no file in it ends in .nii, .nii.gz or .hdr",
                remedy: "give an image or a folder of images")
        }
        return tasks
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Segments an image, or one frame of it.
    private func segment(
        _ image: String, to output: String, _ segmenter: Segmenter, _ preprocessing: Preprocessing
    ) throws {
        let header = try NIfTI.header(of: image)
        let classes = segmenter.classes
        var warned: Set<String> = []
        func labels(_ volume: Volume) throws -> LabelVolume {
            let sample = try preprocessing.sample(
                of: volume, labels: nil, classes: classes, center: center, subject: image, path: image)
            for warning in sample.warnings where warned.insert(warning).inserted {
                Messages.warn(warning)
            }
            let predicted = try segmenter.probabilities(sample)
            if let probabilities { try write(predicted, sample, to: probabilities) }
            return segmenter.labels(predicted, of: sample)
        }
        guard header.frames > 1, frame == nil, probabilities == nil else {
            return try NIfTI.write(labels(NIfTI.read(image, frame: frame ?? 0)), geometry: header.geometry, to: output)
        }
        var frames: [LabelVolume] = []
        var failure: (any Error)?
        try NIfTI.readFrames(image) { _, volume in
            guard failure == nil else { return }
            do { frames.append(try labels(volume)) } catch { failure = error }
        }
        if let failure { throw failure }
        try NIfTI.write(frames, interval: header.frameInterval, geometry: header.geometry, to: output)
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
        try StagedFile(path) { file in
            try file.write(sample.image, shape: grid, to: "image")
            try file.write(planes, shape: [classes] + grid, to: "probabilities")
        }.write()
    }
}
