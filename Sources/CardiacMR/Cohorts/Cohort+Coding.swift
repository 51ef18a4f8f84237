import Files
import Foundation

/// The content of `cohort.json`, as it is written.
private struct CohortFile: Codable {
    struct Splits: Codable {
        var train: [String]
        var validation: [String]
        var test: [String]
    }

    var center: String
    var vendor: String
    var sequence: String
    var classes: [String]
    var labelValues: [Int]?
    var splits: Splits
    var cases: [Case]
    var publicKey: String?
}

extension Cohort {
    /// Writes `cohort.json` into ``folder``, with sorted keys: the same cohort gives the same bytes.
    package func write() throws(CardiacMRError) {
        let path = "\(folder)/\(Self.fileName)"
        let content = CohortFile(
            center: center, vendor: vendor, sequence: sequence, classes: classes, labelValues: labelValues,
            splits: .init(
                train: splits[.train] ?? [], validation: splits[.validation] ?? [], test: splits[.test] ?? []),
            cases: cases, publicKey: publicKey)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try (encoder.encode(content) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .writing(path, "\(error.localizedDescription)", "check that the folder exists and is writable")
        }
    }

    /// Parses `cohort.json` of a folder, without looking at what it names.
    static func parse(folder: String) throws(CardiacMRError) -> Cohort {
        let path = "\(folder)/\(fileName)"
        let content: CohortFile
        do {
            _ = try FileStatus.size(ofFile: path)
            let text = Data(try TextFile.read(path).utf8)
            try refuseUnknownKeys(text, path: path)
            content = try JSONDecoder().decode(CohortFile.self, from: text)
        } catch let error as CardiacMRError {
            throw error
        } catch let error as DecodingError {
            throw .reading(path, error.explanation, "correct the file or make the cohort again")
        } catch {
            throw .reading(path, error.localizedDescription, "check the file's permissions")
        }
        return Cohort(
            center: content.center, vendor: content.vendor, sequence: content.sequence, classes: content.classes,
            labelValues: content.labelValues,
            splits: [
                .train: content.splits.train, .validation: content.splits.validation, .test: content.splits.test,
            ], cases: content.cases, publicKey: content.publicKey, folder: folder)
    }
}

extension Cohort {
    private static let keys = [
        "center", "vendor", "sequence", "classes", "labelValues", "splits", "cases", "publicKey",
    ]
    private static let caseKeys = ["image", "label", "subject", "phase", "spacing", "frame", "labelFrame"]

    /// A key that is misspelt would be ignored, and labels or frames be taken for others.
    private static func refuseUnknownKeys(_ text: Data, path: String) throws(CardiacMRError) {
        // What is not JSON at all is for the decoder to describe.
        guard let root = try? JSONSerialization.jsonObject(with: text) as? [String: Any] else { return }
        func check(_ object: Any?, _ known: [String], at place: String) throws(CardiacMRError) {
            guard let object = object as? [String: Any] else { return }
            for key in object.keys.sorted() where !known.contains(key) {
                let nearest = EditDistance.nearest(to: key, among: known) ?? known[0]
                throw .reading(
                    path, "there is no key \"\(place)\(key)\"; the nearest is \"\(place)\(nearest)\"",
                    "correct the key, or remove it (keys: \(known.joined(separator: ", ")))")
            }
        }
        try check(root, keys, at: "")
        try check(root["splits"], Split.allCases.map(\.rawValue), at: "splits.")
        for (index, item) in ((root["cases"] as? [Any]) ?? []).enumerated() {
            try check(item, caseKeys, at: "cases[\(index)].")
        }
    }
}

extension DecodingError {
    /// The key and what is wrong with it, in one line.
    fileprivate var explanation: String {
        func key(_ path: [any CodingKey]) -> String {
            let text = path.reduce(into: "") { text, key in
                text += key.intValue.map { "[\($0)]" } ?? (text.isEmpty ? key.stringValue : ".\(key.stringValue)")
            }
            return text.isEmpty ? "the file" : "key \"\(text)\""
        }
        switch self {
        case .keyNotFound(let missing, let context):
            return "\(key(context.codingPath + [missing])) is missing"
        case .valueNotFound(_, let context):
            return "\(key(context.codingPath)) is null"
        case .typeMismatch(let type, let context):
            return "\(key(context.codingPath)) is not of type \(type)"
        case .dataCorrupted(let context):
            let cause = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
            return "\(key(context.codingPath)) is not valid: \(cause ?? context.debugDescription)"
        @unknown default:
            return "it cannot be decoded"
        }
    }
}
