import ArgumentParser
import FederatedLearning
import Federation
import Files
import Foundation
import NeuralNetwork
import Tensors

/// `fedcrld bench step`: seconds and memory of one client step.
struct BenchStep: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step",
        abstract: "Time one step of a center: forward, backward, optimizers and all that the method does.",
        discussion: """
            --profile takes one more step and tells where its time and memory went. On one thread it also projects the step \
            to more threads, from the number of tasks that each loop is divided into.
            """)

    @OptionGroup var network: BenchNetworkOptions
    @Option(help: "The method.")
    var method = Configuration.Method.standard.rawValue
    @Option(help: "Timed steps, after one to warm up.")
    var steps = 3
    @Flag(help: "Show where time and memory go.")
    var profile = false
    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard Configuration.Method(rawValue: method) != nil else {
            let names = Configuration.Method.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no method \(method); choose one of \(names)")
        }
        guard steps > 0 else { throw ValidationError("--steps \(steps) is less than 1") }
    }

    func run() throws {
        Parallel.configure(threads: network.computeThreads)
        let workload = try StepWorkload(method, network)
        var seconds: [Double] = []
        for _ in 0...steps { seconds.append(try workload.seconds()) }
        seconds.removeFirst()
        let best = seconds.min() ?? 0
        // Measured here: what profiling needs itself is not the step's.
        let peak = ProcessMemory.peakMebibytes
        let profile = try profile ? StepProfile(workload) : nil
        if json {
            var object: [String: MetricsValue] = [
                "method": .text(method), "width": .integer(network.width), "size": .text(network.size.description),
                "threads": .integer(Parallel.shared.threads), "parameters": .integer(workload.parameters),
                "step_seconds": .number(best), "all_step_seconds": .list(seconds.map { .number($0) }),
                "peak_mib": .integer(peak), "tensor_peak_mib": .integer(TensorPool.shared.peakBytes >> 20),
                "blas": .text("\(LinearAlgebraLibrary.configuration), \(LinearAlgebraLibrary.core)"),
            ]
            if let profile { object["profile"] = profile.json }
            try Console.json(.object(object))
        } else {
            try Console.print(
                """
                \(method), width \(network.width), \(network.size), \(workload.parameters) parameters, \
                \(Parallel.shared.threads) threads
                step \(String(format: "%.3f", best)) s (best of \(steps)), peak \(peak) MiB
                """)
            if let profile { try Console.print("\n" + profile.text, terminator: "") }
        }
    }
}

/// A center's state and a volume, to take steps on.
private struct StepWorkload {
    private let method: any FederatedMethod
    private let state: CenterState
    private let context: TrainingContext
    private let volume: TrainingVolume

    init(_ name: String, _ options: BenchNetworkOptions) throws {
        var configuration = Configuration()
        configuration.method = Configuration.Method(rawValue: name) ?? .standard
        configuration.width = options.width
        method = try configuration.method(heads: [options.classes])
        state = method.state(of: "bench", seed: 1)
        let server = method.serverState(seed: 1, keepsMemory: false)
        context = TrainingContext(steps: 1, server: server, services: .here)
        let shape = options.shape
        var random = RandomStream(seed: 1, purpose: "bench")
        let image = Tensor(shape, values: (0..<shape.count).map { _ in Float(random.normal()) })
        let labels = (0..<shape.count).map { _ in UInt8(random.index(below: options.classes)) }
        volume = TrainingVolume(image: image, labels: labels)
        parameters = method.networkParameters
        // As a run does before it trains.
        UnusedMemory.giveBack()
    }

    /// Parameters of what segments an image.
    let parameters: Int

    /// Bytes of the center's state, of what the server has sent, and of the volume.
    var stateBytes: Int { TensorPool.shared.bytesInUse }

    /// Takes a step.
    func seconds() throws -> Double {
        let start = monotonicSeconds()
        _ = try method.step(volume, state, context)
        return monotonicSeconds() - start
    }
}

/// Where a step's time and memory go.
private struct StepProfile {
    private let seconds: Double
    private let record: KernelProfile.Record
    private let stateBytes: Int
    private let peakBytes: Int

    private static let manyThreads = [2, 4, 8, 16, 32, 64]

    init(_ workload: StepWorkload) throws {
        var seconds = 0.0
        stateBytes = workload.stateBytes
        TensorPool.shared.resetPeak()
        record = try KernelProfile.recording { seconds = try workload.seconds() }
        peakBytes = TensorPool.shared.peakBytes
        self.seconds = seconds
    }

    /// Kinds with their seconds, the longest first; what no loop did comes last.
    private var shares: [(name: String, seconds: Double)] {
        let kinds = KernelKind.allCases.map { ($0.rawValue, record.seconds($0)) }.filter { $0.1 > 0 }
        return kinds.sorted { $0.1 > $1.1 } + [("serial", seconds - kinds.reduce(0) { $0 + $1.1 })]
    }

    /// Seconds on so many threads; nil unless measured on one.
    private var projections: [(threads: Int, seconds: Double)]? {
        guard Parallel.shared.threads == 1 else { return nil }
        return Self.manyThreads.map { ($0, record.projected(seconds, threads: $0)) }
    }

    var json: MetricsValue {
        var object: [String: MetricsValue] = [
            "seconds": .number(seconds),
            "shares": .object(.init(uniqueKeysWithValues: shares.map { ($0.name, .number($0.seconds / seconds)) })),
            "state_mib": .integer(stateBytes >> 20), "working_mib": .integer((peakBytes - stateBytes) >> 20),
        ]
        if let projections {
            object["projected_seconds"] = .object(
                .init(uniqueKeysWithValues: projections.map { (String($0.threads), .number($0.seconds)) }))
        }
        return .object(object)
    }

    var text: String {
        let style: TextTable.Style = Terminal.isUnicode() ? .unicode : .plain
        var table = TextTable(columns: [.init("work", .left), .init("ms"), .init("%")])
        for share in shares {
            table.append([
                share.name, String(format: "%.2f", 1e3 * share.seconds),
                String(format: "%.1f", 100 * share.seconds / seconds),
            ])
        }
        table.separate()
        table.append(["step", String(format: "%.2f", 1e3 * seconds), "100.0"])
        var text = table.rendered(style)
        if let projections {
            var table = TextTable(columns: [.init("threads"), .init("projected ms"), .init("speedup")])
            for projection in projections {
                table.append([
                    String(projection.threads), String(format: "%.2f", 1e3 * projection.seconds),
                    String(format: "%.1f", seconds / projection.seconds),
                ])
            }
            text += "\n" + table.rendered(style)
        }
        return text + """

            memory: \(stateBytes >> 20) MiB of parameters, banks and moments, \
            \((peakBytes - stateBytes) >> 20) MiB of feature maps, gradients and scratch at the peak

            """
    }
}
