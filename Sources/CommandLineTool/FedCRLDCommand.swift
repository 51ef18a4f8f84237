import ArgumentParser
import CardiacMR
import Federation
import Foundation
import HDF5
import MPI

/// The program `fedcrld`.
@main
struct FedCRLDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fedcrld",
        abstract: "Federated cardiac-MR segmentation with contrastive re-localization and momentum distillation.",
        discussion: """
            A first run, on simulated hospitals:

              fedcrld simulate --out data
              mpirun -n 3 fedcrld train --data data --out run --preset tiny
              fedcrld evaluate --run run

            Results go to standard output, progress and messages to standard error.

            Exit status: 0 success; 1 failure; 2 wrong usage or configuration, nothing was started; 75 training was \
            stopped in good order before its last round, and train --resume continues it.
            """,
        version: Program.name,
        subcommands: [
            Simulate.self, Import.self, Check.self, Train.self, Evaluate.self, Predict.self, Score.self, Report.self,
            Inspect.self,
            Verify.self,
            Rollback.self, Bench.self,
        ])

    /// Parses and runs; a wrong command line ends with status 2, as a wrong configuration does.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let status as ExitCode {
            Foundation.exit(status.rawValue)
        } catch {
            Foundation.exit(report(error))
        }
    }

    /// Says what went wrong before the ranks knew of each other, or in the only one: once, however many were launched.
    /// Returns the exit status.
    private static func report(_ error: any Error) -> Int32 {
        let isSilent = MPIEnvironment.launchedRank > 0
        switch exitCode(for: error) {
        // Asking for help is an error, too, thrown by a command that stands for it.
        case .success:
            if !isSilent { print(fullMessage(for: error)) }
            return 0
        case .validationFailure:
            if !isSilent { FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8)) }
            return 2
        default:
            let failure = FederationError(describing: error)
            if !isSilent { Console.error(failure.description) }
            return failure.exitStatus
        }
    }
}

/// What the program says beside its results.
enum Console {
    /// Writes a line to standard error.
    static func error(_ message: String) {
        FileHandle.standardError.write(Data("fedcrld: \(message)\n".utf8))
    }

    /// Writes one JSON object to standard output.
    static func json(_ value: MetricsValue) { print(value.json) }
}
