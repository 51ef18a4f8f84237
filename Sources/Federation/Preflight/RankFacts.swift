import CardiacMR
import FederatedLearning
import Foundation
import HDF5
import MPI
import NeuralNetwork
import Tensors

/// What a rank finds out about itself before a run.
struct RankFacts: Codable {
    var rank = 0
    var node = ""
    var program = Program.name
    var processor = ""
    /// Cores that the rank may use, and cores of its machine.
    var cores = 0
    var machineCores = 0
    var threads = 0
    var openBLAS = ""
    var hdf5 = HDF5Library.version
    /// Memory that is free on the node, or as much of it as the job may have.
    var freeMebibytes = 0
    var centers = 0
    var volumes = 0
    /// Files of its centers that were opened, and what is wrong with them.
    var images = 0
    var problems: [String] = []
    /// What is odd about them, but no problem.
    var oddities: [String] = []
    /// A step that was tried: its seconds, and the extent of its volume.
    var stepSeconds: Double?
    var stepVolume = ""
    /// What the rank will need.
    var neededMebibytes = 0
    /// What was found of the node's scratch folder.
    var scratchProblem: String?

    /// Facts of the rank itself.
    init(_ rank: RankContext) {
        self.rank = rank.rank
        node = rank.communicator.nodeName
        cores = ComputeThreads.available
        machineCores = ProcessInfo.processInfo.processorCount
        threads = Parallel.shared.threads
        openBLAS =
            "\(LinearAlgebraLibrary.configuration.split(separator: " ").prefix(2).joined(separator: " ")), "
            + "\(LinearAlgebraLibrary.core) kernels"
        processor = BuildInformation.processorName
        freeMebibytes = Self.freeMemory >> 20
    }

    /// The node's free memory, or the rest of the job's where a control group limits it.
    private static var freeMemory: Int {
        func number(_ path: String) -> Int? {
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .newlines)) }
        }
        let information = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = information.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let node = (line?.split(separator: " ").compactMap { Int($0) }.first ?? 0) << 10
        let group =
            (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8))?
            .split(separator: "\n").first { $0.hasPrefix("0::") }?.dropFirst(3) ?? ""
        let folder = "/sys/fs/cgroup\(group)"
        guard let limit = number(folder + "/memory.max"), let used = number(folder + "/memory.current") else {
            return node
        }
        return min(node, max(0, limit - used))
    }

    /// Bytes that this process has in memory now.
    static var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
            * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// A step of training on a rank's largest volume: what it takes of time and memory.
struct TrialStep {
    let seconds: Double
    let extent: String
    /// Bytes of feature maps, gradients and scratch at the peak.
    let workingBytes: Int
    /// Bytes of a volume and its labels.
    let sampleBytes: Int

    /// Takes two steps, of which the second counts.
    init(_ configuration: Configuration, _ training: Preflight.TrainingCase) throws {
        let preprocessing = try Preprocessing(configuration.preprocessing.settings)
        let (participant, cohort) = (training.participant, training.cohort)
        let sample = try preprocessing.sample(of: training.item, in: cohort)
        let method = try configuration.method(heads: participant.heads)
        let state = method.state(of: participant.name, seed: configuration.seed)
        let server = method.serverState(seed: configuration.seed, keepsMemory: false)
        let context = TrainingContext(steps: 2, server: server, services: .here)
        let volume = TrainingVolume(sample, head: participant.head(of: cohort))
        TensorPool.shared.resetPeak()
        let before = TensorPool.shared.bytesInUse
        var seconds = 0.0
        for _ in 0..<2 {
            let start = monotonicSeconds()
            _ = try method.step(volume, state, context)
            seconds = monotonicSeconds() - start
        }
        self.seconds = seconds
        extent = "\(sample.size.depth)x\(sample.size.height)x\(sample.size.width)"
        workingBytes = TensorPool.shared.peakBytes - before
        sampleBytes = sample.image.count * (MemoryLayout<Float>.size + 1)
    }
}
