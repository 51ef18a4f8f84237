import ArgumentParser
import Federation
import MPI

/// `fedcrld check`: whether a run can be started.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at ranks, cores, libraries, disk, data and memory before a run is started.",
        discussion: """
            Started as the run is to be, with the same options; changes nothing. Each rank opens the images of its centers and \
            takes a step on the largest, from which memory and time are estimated.

              mpirun -n 3 fedcrld check --data data --out run --preset small
              mpirun -n 5 fedcrld check --resume run

            Exit status 1 where something is a problem; warnings are none.
            """)

    @OptionGroup var arguments: RunArguments
    @Flag(name: .customLong("no-step"), help: "Take no step: its time and memory are not known then.")
    var isWithoutStep = false
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try MPIJob.run { rank, version in
            let report = try Preflight(rank, libraryVersion: version).run(arguments.request, tryingStep: !isWithoutStep)
            if let report {
                if json {
                    try Console.json(report.metrics)
                } else {
                    try Console.print(report.text(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
                }
            }
            let problems = try rank.communicate { ranks throws(MPIError) in
                try ranks.allReduce(Int64(report?.count(.problem) ?? 0), .maximum)
            }
            return problems > 0 ? 1 : 0
        }
    }
}
