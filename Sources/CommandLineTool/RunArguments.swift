import ArgumentParser
import Federation

/// Which run: what `train` starts or continues, and what `check` looks at before.
struct RunArguments: ParsableArguments {
    @Option(
        help: .init(
            "The folder of cohorts, one folder per center. With --resume only where it has moved.", valueName: "folder")
    )
    var data: String?
    @Option(help: .init("The folder of the new run.", valueName: "folder"))
    var out: String?
    @Option(
        help: .init("The folder of a run to continue from its newest complete checkpoint.", valueName: "folder"))
    var resume: String?
    @OptionGroup var start: StartingPoint
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init("A setting, over preset and file. May be repeated.", valueName: "key=value"))
    var settings: [String] = []
    @Option(
        help: .init(
            "A folder on the node's own disk, such as $TMPDIR, for the centers that are not in memory. Without it they rest in the run's folder, and may move between ranks with balance=true.",
            valueName: "folder"))
    var scratch: String?

    /// What the program makes of it.
    var request: RunRequest {
        var request = RunRequest()
        (request.data, request.out, request.resume) = (data, out, resume)
        (request.preset, request.file, request.settings) = (start.preset, start.config, settings)
        request.options.scratch = scratch
        return request
    }
}
