import ArgumentParser
import CardiacMR
import Federation
import Files
import Foundation
import HDF5
import MPI

/// The program `fedcrld`.
@main
struct FedCRLDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fedcrld",
        abstract:
            "Federated cardiac-MR segmentation: contrastive re-localization, momentum distillation, and other methods.",
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
            Simulate.self, Import.self, PartitionCommand.self, Check.self, Keys.self, Privacy.self, Train.self,
            MethodsCommand.self, Tune.self, Compare.self, Status.self, Evaluate.self, Predict.self, Score.self,
            Report.self, Export.self,
            Inspect.self, Verify.self, Rollback.self, Bench.self,
        ])

    /// Parses and runs; a wrong command line ends with status 2, as a wrong configuration does.
    static func main() {
        StandardStreams.prepare()
        FileAccess.owner.apply()
        do {
            if let argument = CommandLineCheck.argumentInOtherEncoding() {
                throw ValidationError(
                    "the argument \(argument) is not UTF-8; rename the file or folder, or give a link to it")
            }
            if let complaint = CommandLineCheck.complaint(Array(CommandLine.arguments.dropFirst())) {
                throw ValidationError(complaint)
            }
            var command = try parseAsRoot()
            try command.run()
        } catch let status as ExitCode {
            Foundation.exit(status.rawValue)
        } catch {
            let status = report(error)
            // A launcher ends all ranks at the first failure, which is to be the one that says what went wrong.
            if status != 0, MPIEnvironment.launchedRank > 0 { Thread.sleep(forTimeInterval: 1) }
            Foundation.exit(status)
        }
    }

    /// Says what went wrong before the ranks knew of each other, or in the only one: once, however many were launched.
    /// Returns the exit status.
    private static func report(_ error: any Error) -> Int32 {
        let isSilent = MPIEnvironment.launchedRank > 0
        switch exitCode(for: error) {
        // Asking for help is an error, too, thrown by a command that stands for it.
        case .success:
            guard !isSilent else { return 0 }
            do { try Console.print(fullMessage(for: error)) } catch { return report(error) }
            return 0
        case .validationFailure:
            if !isSilent { StandardError.write(fullMessage(for: error) + "\n") }
            return 2
        default:
            let failure = FederationError(describing: error)
            if !isSilent { Messages.error(failure.description) }
            return failure.exitStatus
        }
    }
}
