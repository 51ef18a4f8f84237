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

            Exit status: 0 success, 1 failure, 2 usage or configuration error, 75 stopped in good order before the end.
            """,
        version: "fedcrld \(Program.version)",
        subcommands: [
            Simulate.self, Train.self, Evaluate.self, Predict.self, Inspect.self, Verify.self, Rollback.self,
            Bench.self,
        ])

    /// Parses and runs; a wrong command line ends with status 2, as a wrong configuration does.
    static func main() {
        var command: any ParsableCommand
        do { command = try parseAsRoot() } catch {
            let text = fullMessage(for: error)
            let isHelp = exitCode(for: error) == .success
            FileHandle(fileDescriptor: isHelp ? STDOUT_FILENO : STDERR_FILENO).write(Data((text + "\n").utf8))
            Foundation.exit(isHelp ? 0 : 2)
        }
        do { try command.run() } catch let status as ExitCode {
            Foundation.exit(status.rawValue)
        } catch {
            let failure = FederationError(describing: error)
            Console.error(failure.description)
            Foundation.exit(failure.exitStatus)
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
