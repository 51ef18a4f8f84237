import ArgumentParser
import Federation
import Foundation
import ModelFormats

/// `fedcrld export`: a center's network for other programs.
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a center's network and volumes for other programs: ONNX, safetensors, HDF5.",
        discussion: """
            ONNX is the network with its operators, for ONNX Runtime and whatever else reads it: input `image` (batch, 1, depth, \
            height, width), output `probabilities` (batch, classes, depth, height, width), all but the channels free; height and \
            width at least 8. safetensors is the parameters alone, under their state-dict names. Both say in their metadata how \
            an image is prepared and, where the run's data is at hand, what the classes are. Connected components are not part of a network: what \
            prediction.largest_component keeps is up to who uses it. The volumes are the center's as its network sees them, with \
            their labels: give them to nobody who may not see the images.

              fedcrld export --run run --center NAME --onnx network.onnx
              fedcrld export --run run --center NAME --checkpoint best --safetensors network.safetensors
              fedcrld export --run run --center NAME --volumes volumes.h5
            """)

    @Option(name: .customLong("run"), help: .init("The folder of the run.", valueName: "folder"))
    var folder: String
    @Option(help: .init("The center; `fedcrld inspect RUN` lists them.", valueName: "name"))
    var center: String
    @Option(help: .init("The ONNX file to write.", valueName: "file"))
    var onnx: String?
    @Option(help: .init("The safetensors file to write.", valueName: "file"))
    var safetensors: String?
    @Option(help: .init("The HDF5 file to write the center's prepared volumes to.", valueName: "file"))
    var volumes: String?
    @Option(
        help: .init("The folder of cohorts; by default the one that the run was trained on.", valueName: "folder"))
    var data: String?
    @OptionGroup var reading: ReadingOptions

    func validate() throws {
        guard !outputs.isEmpty else {
            throw ValidationError("name what to write: --onnx FILE, --safetensors FILE, --volumes FILE, or several")
        }
    }

    private var outputs: [String] { [onnx, safetensors, volumes].compactMap { $0 } }

    func run() throws {
        let (access, cohorts, model) = try reading.read(folder) { access in
            // Only volumes need the data.
            let cohorts = Result { try access.cohorts(data: data) }
            let known = (try? cohorts.get()) ?? []
            try Output.refuseInputs(outputs, inputs: access.files + known.flatMap(\.files))
            let classes = known.first { $0.center == center }?.classes
            return (access, cohorts, try CenterModel(access, center: center, classes: classes))
        }
        if let onnx { try DurableFile.write(model.onnx(), to: onnx) }
        if let safetensors { try DurableFile.write(model.safetensors(), to: safetensors) }
        if let volumes {
            try CenterVolumes.write(of: center, in: cohorts.get(), access.configuration, to: volumes, Messages.warn)
        }
        for output in outputs { try Console.print(output) }
    }
}
