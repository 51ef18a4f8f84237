import Crypto
import Foundation

/// A center's long-term Ed25519 key, which signs the keys of each round: without it the server could stand between centers.
package struct CenterIdentity: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// A new one, from the system's generator.
    package init() { key = Curve25519.Signing.PrivateKey() }

    /// The one that a file holds.
    /// - Parameter secret: ``secret``; nil is returned where it is none.
    package init?(secret: String) {
        guard let bytes = Data(base64Encoded: secret.trimmingCharacters(in: .whitespacesAndNewlines)),
            let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
        else { return nil }
        self.key = key
    }

    /// What a file of the center holds, and nobody else may read: base64.
    package var secret: String { key.rawRepresentation.base64EncodedString() }

    /// What everybody may know: base64 of 32 bytes.
    package var publicKey: String { key.publicKey.rawRepresentation.base64EncodedString() }

    /// Whether a text is a public key.
    package static func isPublicKey(_ text: String) -> Bool { verifier(text) != nil }

    func signature(of message: Data) throws -> Data { try key.signature(for: message) }

    /// Whether a message was signed by the holder of a public key.
    static func isSigned(_ message: Data, by publicKey: String, _ signature: Data) -> Bool {
        verifier(publicKey)?.isValidSignature(signature, for: message) ?? false
    }

    private static func verifier(_ text: String) -> Curve25519.Signing.PublicKey? {
        Data(base64Encoded: text).flatMap { try? Curve25519.Signing.PublicKey(rawRepresentation: $0) }
    }
}
