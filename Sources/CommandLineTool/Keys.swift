import ArgumentParser
import CardiacMR
import Federation
import Files
import Foundation

/// `fedcrld keys`: the centers' long-term keys for secure aggregation.
struct Keys: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the keys that centers sign with when the server is to learn sums alone.",
        discussion: """
            Each center gets an Ed25519 key: the public half in its cohort.json, the private one in center.key beside it, readable \
            by the owner alone. Keys that are there stay. A center whose private key is kept elsewhere needs it in its folder on \
            the rank that hosts it. With --renew all get new ones; a run that was begun with the old ones is resumed with \
            --accept-changed-data then.

              fedcrld keys data
              fedcrld train --data data --out run --set privacy.secure_aggregation=true --set crl.placement=client
            """)

    @Argument(help: "The folder of cohorts.")
    var data: String
    @Flag(help: "Make new keys in any case.")
    var renew = false
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var centers: [(name: String, key: String, outcome: CenterKeys.Outcome)] = []
        for cohort in try Cohort.loadAll(data: Path.absolute(data)) {
            let made = try CenterKeys.make(for: cohort, renewing: renew)
            centers.append((cohort.center, made.cohort.publicKey ?? "", made.outcome))
        }
        if json {
            return try Console.json([
                "centers": .object(
                    Dictionary(
                        uniqueKeysWithValues: centers.map {
                            ($0.name, .object(["publicKey": .text($0.key), "outcome": .text($0.outcome.rawValue)]))
                        }))
            ])
        }
        for center in centers {
            let what =
                switch center.outcome {
                case .made: "has new keys"
                case .kept: "has its keys"
                case .elsewhere: "has a public key, and its private one elsewhere"
                }
            try Console.print("\(center.name) \(what): \(center.key)")
        }
    }
}
