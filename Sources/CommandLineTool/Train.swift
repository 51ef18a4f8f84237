import ArgumentParser
import Federation
import Foundation
import MPI

/// `fedcrld train`: the main job.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a federation of centers, on any number of MPI ranks.",
        discussion: """
            Rank 0 is the server, the others host the centers, any number each; alone, a process is both. The result has \
            the same bits for any number of ranks and threads and for either placement of CRL.

              mpirun -n 3 fedcrld train --data data --out run --preset tiny
              mpirun -n 5 fedcrld train --resume run --set rounds=60

            SIGUSR1 or SIGTERM at any rank ends it at the next step, in the middle of a round, with a checkpoint and status \
            75; --resume continues with that step. --max-hours ends it so while there is time for the checkpoint.

            Progress is a bar on a terminal and lines elsewhere, as under mpirun. FEDCRLD_PROGRESS=bar, lines or none \
            chooses.

            Settings are taken from the preset, then the file, then --set.

            \(Configuration.helpText(width: 79))
            """)

    @OptionGroup var arguments: RunArguments
    @Option(
        help: .init(
            "A checkpoint's folder (RUN/checkpoints/round-N) whose server model a new run starts from.",
            valueName: "folder"))
    var initial: String?
    @OptionGroup var job: JobOptions
    @Flag(
        name: .customLong("accept-changed-data"),
        help: "With --resume: go on although images or labels are not what they were when the run began.")
    var acceptsChangedData = false
    @Flag(help: "Compare what the ranks are about to do before each collective: finds defects, costs time.")
    var checkCollectives = false

    func run() throws {
        var request = arguments.request
        request.initial = initial
        request.acceptsChangedData = acceptsChangedData
        request.options.maxHours = job.maxHours
        StopRequest.listen()
        try MPIJob.run { rank in
            rank.communicator.comparesCollectives = checkCollectives
            let training = try RunStart(rank).prepare(request)
            // Checking the sums of all files, as a start does, may take any time without a sign of life.
            rank.communicator.patience = job.patienceSeconds
            guard case .stopped(let position) = try training.run() else { return 0 }
            if rank.isRoot {
                Messages.error(
                    "stopped after \(position.description) of \(training.configuration.rounds) rounds, as a signal or the "
                        + "limit of time asked; continue with fedcrld train --resume \(training.folder.path)")
            }
            return JobOptions.stoppedStatus
        }
    }
}
