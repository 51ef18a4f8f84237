import CardiacMR
import Files
import Foundation
import SecureAggregation

/// The centers' long-term keys: the public half in `cohort.json`, where all read it, the private one in a file beside it, which
/// only the center's rank reads.
package enum CenterKeys {
    /// The file of the private half in a center's folder.
    package static let fileName = "center.key"

    /// What became of a center's keys.
    package enum Outcome: String, Sendable {
        /// It has new ones.
        case made
        /// It has its keys already.
        case kept
        /// Its private key is kept elsewhere.
        case elsewhere
    }

    /// Gives a center keys, where it has none.
    /// - Parameter renewing: whether it gets new ones in any case.
    package static func make(for cohort: Cohort, renewing: Bool) throws -> (cohort: Cohort, outcome: Outcome) {
        let path = file(of: cohort)
        if !renewing {
            if cohort.publicKey != nil, !FileManager.default.fileExists(atPath: path) { return (cohort, .elsewhere) }
            if cohort.publicKey != nil {
                _ = try identity(of: cohort)
                return (cohort, .kept)
            }
        }
        // A private key without its public half is left of a call that was interrupted.
        let left =
            renewing ? nil : (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(CenterIdentity.init(secret:))
        let identity = left ?? CenterIdentity()
        if left == nil {
            try DurableFile.write((identity.secret + "\n").utf8, to: path)
            guard chmod(path, 0o600) == 0 else {
                throw FederationError(
                    attempted: "make", subject: path, reason: String(cString: strerror(errno)),
                    remedy: "choose a file system that has permissions")
            }
        }
        var cohort = cohort
        cohort.publicKey = identity.publicKey
        try cohort.write()
        return (cohort, .made)
    }

    /// A center's private key.
    static func identity(of cohort: Cohort) throws(FederationError) -> CenterIdentity {
        let path = file(of: cohort)
        func failure(_ reason: String, _ remedy: String) -> FederationError {
            FederationError(
                kind: .configuration, attempted: "sign for", subject: "center \(cohort.center)", reason: reason,
                remedy: remedy)
        }
        let text: String
        do { text = try TextFile.read(path) } catch {
            throw failure(
                "its private key cannot be read (\(error))",
                "put the center's \(fileName) there, or make new keys with `fedcrld keys --renew`")
        }
        guard let identity = CenterIdentity(secret: text) else {
            throw failure(
                "\(path) holds no private key", "put it back, or make new keys with `fedcrld keys --renew`")
        }
        guard identity.publicKey == cohort.publicKey else {
            throw failure(
                "\(path) is not the private half of the public key in \(Cohort.fileName)",
                "put the right file there, or make new keys with `fedcrld keys --renew`")
        }
        return identity
    }

    private static func file(of cohort: Cohort) -> String { "\(cohort.folder)/\(fileName)" }
}
