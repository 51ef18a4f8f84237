import Foundation
import HDF5

/// What a run, a checkpoint or a file holds, as text and as JSON.
package struct Inspection {
    /// Lines for a person.
    package private(set) var text = ""
    /// The same for a program.
    package private(set) var metrics: MetricsValue

    init(text: String, metrics: MetricsValue) {
        self.text = text
        self.metrics = metrics
    }

    /// A run: its configuration's main points, its checkpoints and the banks' history. Of a checkpoint that cannot be
    /// read it says why.
    package init(run path: String) throws {
        let run = RunFolder(path)
        let configuration = try RunAccess.configuration(of: run)
        let own = configuration.method.type.about.settings.map(\.name)
        let settings = (["preset", "data", "method", "rounds", "width", "size", "learning_rate", "seed"] + own)
            .map { ($0, configuration.value(of: $0) ?? "") }
        text += "run \(path)\n"
        for (key, value) in settings { text += "  \(key): \(value)\n" }
        var checkpoints: [MetricsValue] = []
        if run.positions.isEmpty { text += "no complete checkpoint\n" }
        for position in run.positions {
            text += "checkpoint of \(position.description): "
            do {
                let manifest = try Manifest.read(folder: run.checkpoint(position))
                checkpoints.append(Self.summary(manifest))
                text += "\(manifest.trainedRounds.count) centers, \(manifest.files.count) files, "
                text += "\(Self.size(of: manifest)), CRL at the \(manifest.placement)\n"
            } catch {
                checkpoints.append(["round": .integer(position.round), "error": .text(error.description)])
                text += "\(error.description)\n"
            }
        }
        if let newest = run.positions.first, let manifest = try? Manifest.read(folder: run.checkpoint(newest)) {
            text += "centers: \(manifest.centers.joined(separator: ", "))\n"
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: run.banks)) ?? []
        for center in names.sorted() {
            let snapshots = (try? FileManager.default.contentsOfDirectory(atPath: "\(run.banks)/\(center)")) ?? []
            let rounds = Set(snapshots.compactMap(CheckpointRetention.round(ofSnapshot:))).sorted()
            text += "bank of \(center): rounds \(rounds.map(String.init).joined(separator: ", "))\n"
        }
        metrics = .object([
            "run": .text(path), "checkpoints": .list(checkpoints),
            "configuration": .object(Dictionary(uniqueKeysWithValues: settings.map { ($0, .text($1)) })),
        ])
    }

    /// A checkpoint: its centers and files.
    package init(checkpoint path: String) throws {
        let manifest = try Manifest.read(folder: path)
        text +=
            "checkpoint of \(manifest.position.description), written by \(manifest.program), CRL at the \(manifest.placement), "
        text += "configuration \(manifest.configuration)\n"
        if manifest.members != nil { text += "  trained together: \(manifest.centers.joined(separator: ", "))\n" }
        for (center, round) in manifest.trainedRounds.sorted(by: { $0.key < $1.key }) {
            let steps = manifest.isUnderWay(center) ? manifest.progress?.centers[center]?.steps : nil
            text +=
                round > 0 ? "  center \(center), last trained in round \(round)" : "  center \(center), not trained yet"
            text += steps.map { ", \($0) steps into round \(manifest.round + 1)\n" } ?? "\n"
        }
        for (name, file) in manifest.files.sorted(by: { $0.key < $1.key }) {
            text += "  \(name): \(file.size) bytes, CRC-32 \(file.crc32)\n"
        }
        metrics = Self.summary(manifest)
    }

    /// An HDF5 file: attributes, and datasets with shapes and L2 norms.
    package init(file path: String) throws {
        let file = try HDF5File.open(at: path)
        var attributes: [String: MetricsValue] = [:]
        text += "file \(path)\n"
        if file.exists("info") {
            for name in try file.attributeNames(of: "info") {
                let value = Self.value(try file.anyAttribute(name, of: "info"))
                attributes[name] = value
                text += "  \(name): \(value.json)\n"
            }
        }
        var datasets: [String: MetricsValue] = [:]
        for name in try file.datasets() {
            let shape = try file.shape(of: name)
            let type = try file.elementType(of: name)
            // Text and compound types have no norm.
            let values = try? file.read(name, as: Double.self)
            let norm = values.map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
            datasets[name] = [
                "shape": .list(shape.map { .integer($0) }), "type": .text(type),
                "norm": norm.map(MetricsValue.number) ?? .null,
            ]
            text += "  \(name) \(shape.map(String.init).joined(separator: "×")) \(type)"
            text += norm.map { String(format: ", norm %.6g", $0) } ?? ""
            text += "\n"
        }
        metrics = ["file": .text(path), "info": .object(attributes), "datasets": .object(datasets)]
    }

    private static func summary(_ manifest: Manifest) -> MetricsValue {
        [
            "round": .integer(manifest.round), "steps": .integer(manifest.position.steps),
            "program": .text(manifest.program),
            "placement": .text(manifest.placement), "configuration": .text(manifest.configuration),
            "bytes": .integer(manifest.files.values.reduce(0) { $0 + $1.size }),
            "centers": .object(manifest.trainedRounds.mapValues { ["last_trained": .integer($0)] }),
            "files": .object(manifest.files.mapValues { ["bytes": .integer($0.size), "crc32": .text($0.crc32)] }),
        ]
    }

    private static func size(of manifest: Manifest) -> String {
        String(format: "%.1f MiB", Double(manifest.files.values.reduce(0) { $0 + $1.size }) / 0x1p20)
    }

    private static func value(_ attribute: HDF5Attribute) -> MetricsValue {
        switch attribute {
        case .integer(let value): .integer(value)
        case .integers(let values): .list(values.map { .integer($0) })
        case .real(let value): .number(value)
        case .reals(let values): .list(values.map { .number($0) })
        case .text(let value): .text(value)
        case .texts(let values): .list(values.map { .text($0) })
        }
    }
}
