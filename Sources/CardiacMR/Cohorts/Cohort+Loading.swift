import Foundation

extension Cohort {
    /// Reads and checks the cohort of one center: files exist, splits name subjects that have cases, no case twice.
    ///
    /// Images are not opened.
    /// - Throws: an error that names `cohort.json` and the key.
    package static func load(folder: String) throws(CardiacMRError) -> Cohort {
        let cohort = try parse(folder: folder)
        try cohort.validate()
        return cohort
    }

    /// Reads the cohorts of all centers, one per folder in `data`, by center name. Reads nothing but `cohort.json`.
    /// - Throws: when there is no cohort, two of one name, or one that cannot be trained on.
    package static func loadAll(data: String) throws(CardiacMRError) -> [Cohort] {
        let folders: [String]
        do {
            folders = try FileManager.default.contentsOfDirectory(atPath: data).sorted()
        } catch {
            throw CardiacMRError(
                attempted: "load cohorts from", subject: data,
                reason: FileManager.default.fileExists(atPath: data) ? "it is not a readable folder" : "no such folder",
                remedy:
                    "say with --data where the cohorts are, or make some with `fedcrld simulate` or `fedcrld import`")
        }
        var cohorts: [Cohort] = []
        var shared = SharedLists()
        for folder in folders where FileStatus.isFile("\(data)/\(folder)/\(fileName)") {
            cohorts.append(shared.sharing(try load(folder: "\(data)/\(folder)")))
        }
        guard !cohorts.isEmpty else {
            throw CardiacMRError(
                attempted: "load cohorts from", subject: data, reason: "no folder in it has a \(fileName)",
                remedy: "give the folder that holds one folder per center, as `fedcrld simulate` and `import` make it")
        }
        cohorts.sort { $0.center < $1.center }
        for (first, second) in zip(cohorts, cohorts.dropFirst()) where first.center == second.center {
            throw second.invalid("center", "\(first.folder) has the same center name \"\(first.center)\"")
        }
        // Files are named like centers, and some file systems take "A" and "a" for one name.
        var names: [String: Int] = [:]
        for (index, cohort) in cohorts.enumerated() {
            if let other = names.updateValue(index, forKey: cohort.center.lowercased()).map({ cohorts[$0] }) {
                throw cohort.invalid(
                    "center", "\"\(cohort.center)\" and \"\(other.center)\" of \(other.folder) differ in case alone")
            }
        }
        for cohort in cohorts {
            guard !cohort.cases.isEmpty else {
                throw cohort.untrainable("it has no cases")
            }
            guard !cohort.cases(in: .train).isEmpty else {
                throw cohort.untrainable("none of its \(cohort.cases.count) cases is in the train split")
            }
        }
        return cohorts
    }

    private func untrainable(_ reason: String) -> CardiacMRError {
        CardiacMRError(
            attempted: "use", subject: "center \(center) (\(folder)/\(Self.fileName))", reason: reason,
            remedy: "add subjects to \"splits.train\", or move the center's folder out of the data folder")
    }

    private func invalid(_ key: String, _ reason: String) -> CardiacMRError {
        .reading(
            "\(folder)/\(Self.fileName)", "key \"\(key)\": \(reason)", "correct the file or make the cohort again")
    }

    private func validate() throws(CardiacMRError) {
        guard Self.canNameFiles(center) else {
            let name = center.unicodeScalars.map { $0.escaped(asASCII: false) }.joined()
            throw invalid("center", "\"\(name)\" cannot name a file")
        }
        guard center.utf8.count <= Self.longestName else {
            throw invalid(
                "center",
                "the name has \(center.utf8.count) bytes; files of checkpoints are named by it, and it may have "
                    + "\(Self.longestName)")
        }
        guard !center.hasSuffix(".relocalization") else {
            throw invalid("center", "names of checkpoints' files end in .relocalization, so a center's may not")
        }
        guard (2...255).contains(classes.count) else {
            throw invalid("classes", "\(classes.count) classes; it takes the background and at least one more")
        }
        if let repeated = Self.repeated(classes) { throw invalid("classes", "\"\(repeated)\" is there twice") }
        if let labelValues {
            guard labelValues.count == classes.count, Self.repeated(labelValues) == nil else {
                throw invalid("labelValues", "it must hold \(classes.count) different numbers, one for each class")
            }
            // Voxels are read as float32, which has no whole numbers beyond.
            guard labelValues.allSatisfy({ $0.magnitude <= 1 << 24 }) else {
                throw invalid("labelValues", "numbers beyond ±16777216 cannot be told apart in a label file")
            }
        }
        let subjects = Set(cases.map(\.subject))
        var splitOf: [String: Split] = [:]
        for split in Split.allCases {
            for subject in splits[split] ?? [] {
                guard subjects.contains(subject) else {
                    throw invalid("splits.\(split.rawValue)", "no case is of subject \"\(subject)\"")
                }
                if let other = splitOf.updateValue(split, forKey: subject) {
                    throw invalid(
                        "splits.\(split.rawValue)", "subject \"\(subject)\" is already in split \(other.rawValue)")
                }
            }
        }
        var names: Set<String> = []
        for (index, item) in cases.enumerated() {
            let key = "cases[\(index)]"
            guard names.insert(item.name).inserted else {
                throw invalid(key, "subject \"\(item.subject)\" already has a case of phase \(item.phase.rawValue)")
            }
            for (field, file) in [("image", item.image), ("label", item.label)] {
                guard FileStatus.isFile(path(of: file)) else {
                    throw invalid("\(key).\(field)", "there is no file \(path(of: file))")
                }
            }
            guard item.spacing.min() > 0, item.spacing.max().isFinite else {
                throw invalid("\(key).spacing", "spacings must be positive")
            }
            for (field, frame) in [("frame", item.frame), ("labelFrame", item.labelFrame)] where (frame ?? 0) < 0 {
                throw invalid("\(key).\(field)", "frames count from 0")
            }
        }
    }

    /// The bytes that a center's name may have: the longest file name of 255 less what checkpoints, banks and caches add.
    package static let longestName = 200

    /// Whether a name has only characters that file names have, and is none of the hidden ones.
    private static func canNameFiles(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".")
            && name.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
                default: scalar != "/"
                }
            }
    }

    private static func repeated<Value: Hashable>(_ values: [Value]) -> Value? {
        var seen: Set<Value> = []
        return values.first { !seen.insert($0).inserted }
    }
}
