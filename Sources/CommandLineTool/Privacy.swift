import ArgumentParser
import DifferentialPrivacy
import Foundation

/// `fedcrld privacy`: what a run's noise costs, without a run.
struct Privacy: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Plan the noise of a run that hides its centers: epsilon, noise or rounds.",
        discussion: """
            With --noise-multiplier it says the epsilon of the rounds; with --epsilon the least noise multiplier that stays within \
            it; with both, how many rounds do. A center's privacy is that of the noise on the sum over a Poisson sample \
            (participation is each center's probability), by Rényi differential privacy; delta should be well below one over \
            the number of centers, and is a tenth of that by default.

              fedcrld privacy --rounds 100 --centers 1000 --participation 0.1 --noise-multiplier 1
              fedcrld privacy --rounds 100 --centers 1000 --participation 0.1 --epsilon 4
            """)

    @Option(help: "Rounds of the run.")
    var rounds: Int?
    @Option(help: "Number of centers.")
    var centers: Int
    @Option(help: "The probability that a center takes part in a round.")
    var participation = 1.0
    @Option(help: "The noise's standard deviation over privacy.dp.clip.")
    var noiseMultiplier: Double?
    @Option(help: "The budget.")
    var epsilon: Double?
    @Option(help: "The delta that epsilon is told at.")
    var delta: Double?
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard centers >= 1 else { throw ValidationError("--centers \(centers) is less than 1") }
        if let rounds, rounds < 1 || rounds > 1_000_000_000 {
            throw ValidationError("--rounds \(rounds) is not a number from 1 to 1000000000")
        }
        guard participation > 0, participation <= 1 else {
            throw ValidationError("--participation \(participation) is not a number above 0, at most 1")
        }
        if let noiseMultiplier, !(noiseMultiplier > 0 && noiseMultiplier <= 1e6) {
            throw ValidationError("--noise-multiplier \(noiseMultiplier) is not a number above 0, at most 1000000")
        }
        if let epsilon, !(epsilon > 0 && epsilon <= 1e6) {
            throw ValidationError("--epsilon \(epsilon) is not a number above 0, at most 1000000")
        }
        if let delta, !(delta > 0 && delta < 1) {
            throw ValidationError("--delta \(delta) is not a number between 0 and 1")
        }
        guard [rounds != nil, noiseMultiplier != nil, epsilon != nil].count(where: { $0 }) == 2 else {
            throw ValidationError("give two of --rounds, --noise-multiplier and --epsilon; the third is found")
        }
    }

    func run() throws {
        let delta = delta ?? min(0.5, 0.1 / Double(centers))
        var (rounds, noise, epsilon) = (rounds ?? 0, noiseMultiplier ?? 0, epsilon ?? 0)
        if noiseMultiplier == nil {
            guard
                let found = RenyiAccountant.noiseMultiplier(
                    releases: rounds, sampling: participation, epsilon: epsilon, delta: delta)
            else {
                throw ValidationError("no noise keeps \(rounds) rounds within epsilon \(epsilon) at delta \(delta)")
            }
            noise = found
        }
        let account = RenyiAccountant(noiseMultiplier: noise, sampling: participation)
        if self.rounds == nil { rounds = account.releases(within: epsilon, delta: delta) }
        let spent = account.epsilon(releases: rounds, delta: delta)
        if self.epsilon == nil { epsilon = spent }
        if json {
            return try Console.json([
                "rounds": .integer(rounds), "centers": .integer(centers), "participation": .number(participation),
                "noise_multiplier": .number(noise), "epsilon": .number(spent), "delta": .number(delta),
            ])
        }
        guard rounds > 0 else {
            return try Console.print(
                "not one round is within epsilon \(epsilon) at delta \(delta) with a noise multiplier of \(noise)")
        }
        let steps = Set([1, 2, 5].flatMap { digit in (0..<9).map { digit * Int(pow(10, Double($0))) } } + [rounds])
            .filter { $0 <= rounds }.sorted().suffix(8)
        let lines = steps.map { step in
            String(
                format: "  after %9d round%@  epsilon %8.4f", step, step == 1 ? " " : "s",
                account.epsilon(releases: step, delta: delta))
        }
        let error = noise / (participation * Double(centers))
        try Console.print(
            """
            \(rounds) rounds of \(centers) centers, each with probability \(participation), noise multiplier \
            \(String(format: "%.6g", noise)), delta \(String(format: "%g", delta))
            \(lines.joined(separator: "\n"))
            the noise in each weight of the mean: \(String(format: "%.3g", error)) times privacy.dp.clip
            """)
    }
}
