import Foundation

/// What a run must never forget, whatever is killed or rolled back: how many secure exchanges it has begun, and how often it has
/// released a sum. It is on disk before either happens.
package struct PrivacyRecord: Codable, Equatable {
    /// What tells the run from all others: 32 hexadecimal digits.
    package let run: String
    /// What the rounds' samples of centers follow from, where nobody may know these.
    let sampling: UInt64
    /// Secure exchanges that were begun.
    package private(set) var exchanges = 0
    /// Sums with noise that may have been seen, those of rounds that were interrupted and done again included.
    package private(set) var releases = 0

    /// Of a new run.
    package init() {
        var random = SystemRandomNumberGenerator()
        run = (0..<2).map { _ in String(format: "%016lx", random.next() as UInt64) }.joined()
        sampling = random.next()
    }

    /// What the samples of a configuration's rounds follow from; nil where all is open.
    func sampling(_ configuration: Configuration) -> UInt64? {
        let settings = configuration.privacy.differential
        guard settings.isEnabled else { return nil }
        return settings.insecureSeed == 0 ? sampling : settings.insecureSeed
    }

    /// Begins a secure exchange, a release, or both; once this returns they are counted for good.
    mutating func begin(exchange: Bool, release: Bool, in folder: RunFolder) throws {
        count(exchange: exchange, release: release)
        try write(to: folder)
    }

    /// Counts a secure exchange, a release, or both.
    package mutating func count(exchange: Bool, release: Bool) {
        exchanges += exchange ? 1 : 0
        releases += release ? 1 : 0
    }

    /// Writes it down.
    func write(to folder: RunFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try DurableFile.write(try encoder.encode(self) + [UInt8(ascii: "\n")], to: folder.privacy)
    }

    /// What the folder says; nil where nothing was written yet.
    static func read(_ folder: RunFolder) throws(FederationError) -> PrivacyRecord? {
        guard FileManager.default.fileExists(atPath: folder.privacy) else { return nil }
        do {
            let record = try JSONDecoder().decode(
                PrivacyRecord.self, from: Data(contentsOf: URL(filePath: folder.privacy)))
            let counts = 0..<Int.max
            guard counts.contains(record.exchanges), counts.contains(record.releases) else {
                throw CocoaError(.fileReadCorruptFile)
            }
            return record
        } catch {
            throw FederationError(
                attempted: "read", subject: folder.privacy,
                reason: "it does not say what the run has released, or cannot be read",
                remedy: "put the file back as it was; without it nobody knows what the run has told")
        }
    }
}
