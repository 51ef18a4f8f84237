import ArgumentParser

/// `fedcrld bench`: the figures of the README's performance section.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the engine.", subcommands: [BenchStep.self, BenchConvolution.self, BenchAttention.self])
}
