import ArgumentParser

/// `fedcrld bench`: the figures of the performance page.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine and runs.",
        subcommands: [
            BenchStep.self, BenchConvolution.self, BenchAttention.self, BenchAggregate.self, BenchCheckpoint.self,
            BenchScale.self,
        ])
}
