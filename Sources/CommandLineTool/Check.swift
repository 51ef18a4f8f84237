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

    @Option(help: .init("The folder of cohorts, one folder per center.", valueName: "folder"))
    var data: String?
    @Option(help: .init("The folder that the run is to have; its file system is tried out.", valueName: "folder"))
    var out: String?
    @Option(help: .init("The folder of a run to continue.", valueName: "folder"))
    var resume: String?
    @Option(help: .init("Where settings start from: tiny, small (the default) or paper.", valueName: "name"))
    var preset: String?
    @Option(help: .init("A YAML file of settings.", valueName: "file"))
    var config: String?
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: .init("A setting, over preset and file. May be repeated.", valueName: "key=value"))
    var settings: [String] = []
    @Option(help: .init("A folder on the node's own disk, as for train.", valueName: "folder"))
    var scratch: String?
    @Flag(inversion: .prefixedNo, help: "Take a step, to know its time and memory.")
    var step = true
    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        var request = RunRequest()
        (request.data, request.out, request.resume) = (data, out, resume)
        (request.preset, request.file, request.settings) = (preset, config, settings)
        request.options.scratch = scratch
        try MPIJob.run { rank, version in
            let report = try Preflight(rank, libraryVersion: version).run(request, tryingStep: step)
            if let report {
                if json {
                    Console.json(report.metrics)
                } else {
                    print(report.text(Terminal.isUnicode() ? .unicode : .plain), terminator: "")
                }
            }
            let problems = try rank.communicate { ranks throws(MPIError) in
                try ranks.allReduce(Int64(report?.count(.problem) ?? 0), .maximum)
            }
            return problems > 0 ? 1 : 0
        }
    }
}
