import ArgumentParser
import Federation
import Tensors

/// How a command that reads a run does so: which checkpoint, with which settings, on how many threads.
struct ReadingOptions: ParsableArguments {
    @Option(help: .init("The checkpoint: latest, best (on validation cases), or a round.", valueName: "which"))
    var checkpoint = CheckpointChoice.latest
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init(
            "A setting over the run's, of those that change no training, such as prediction.mirrors=true. May be repeated.",
            valueName: "key=value"))
    var settings: [String] = []
    @Option(help: .init("Compute threads; 0: the cores available.", valueName: "number"))
    var threads = 0

    /// Starts the compute threads, and calls `body` with the run in a folder; see ``RunAccess``.
    func read<Result>(_ folder: String, _ body: (RunAccess) throws -> Result) throws -> Result {
        Parallel.configure(threads: threads > 0 ? threads : ComputeThreads.available)
        return try RunAccess.reading(folder, checkpoint, settings: settings, body)
    }
}

extension CheckpointChoice: ExpressibleByArgument {
    /// From the option's text.
    public init?(argument: String) { self.init(argument) }
    /// As help shows it.
    public var defaultValueDescription: String { "latest" }
}
