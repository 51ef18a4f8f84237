import ArgumentParser
import CardiacMR
import Federation
import HDF5
import Tensors

/// `fedcrld predict`: a center's network on one image.
struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Segment an image with a center's network, in the image's own grid.",
        discussion: """
            The output's labels are the center's classes in their order, 0 the background.

              fedcrld predict --run run --center NAME --input scan.nii.gz --output segmentation.nii.gz
            """)

    @Option(name: .customLong("run"), help: .init("The folder of the run.", valueName: "folder"))
    var folder: String
    @Option(help: .init("The center whose network is used; `fedcrld inspect RUN` lists them.", valueName: "name"))
    var center: String
    @Option(help: .init("The image, NIfTI.", valueName: "file"))
    var input: String
    @Option(help: .init("The segmentation to write, .nii or .nii.gz.", valueName: "file"))
    var output: String
    @Option(help: .init("The frame of a 4-D image, from 0.", valueName: "number"))
    var frame = 0
    @Option(help: .init("The round of the checkpoint; the newest by default.", valueName: "round"))
    var checkpoint: Int?
    @Option(
        help: .init(
            """
            An HDF5 file to write the network's own view to: /image (D, H, W), as it was prepared, and /probabilities \
            (classes, D, H, W).
            """, valueName: "file"))
    var probabilities: String?
    @Option(help: .init("Compute threads; 0: the cores available.", valueName: "number"))
    var threads = 0

    func validate() throws {
        guard output.hasSuffix(".nii") || output.hasSuffix(".nii.gz") else {
            throw ValidationError("--output \(output) does not end in .nii or .nii.gz")
        }
        guard frame >= 0 else { throw ValidationError("--frame \(frame) is less than 0; frames count from 0") }
    }

    func run() throws {
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        let access = try RunAccess(folder, round: checkpoint)
        let state = try access.state(of: center)
        let classes = state.network.classes
        let preprocessing = try Preprocessing(access.configuration.preprocessingSettings)
        let sample = try preprocessing.sample(ofImage: input, frame: frame, center: center, classes: classes)
        for warning in sample.warnings { Console.error("warning: \(warning)") }
        let predicted = try state.network.predict(
            sample.tensor, model: state.part(.client), relocalization: access.relocalization(of: state))
        let segmentation = sample.geometry.restore(probabilities: predicted.array, classes: classes)
        try NIfTI.write(segmentation, to: output)
        if let probabilities { try write(predicted, sample, to: probabilities) }
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
