import Foundation
import MPI

/// Collectives on values of any kind that has a code.
extension RankContext {
    /// The root's value, on all ranks; what the others bring does not matter.
    package func broadcast<Value: Codable>(_ value: Value) throws -> Value {
        let bytes = isRoot ? try Self.encode(value) : nil
        let received = try communicate { ranks throws(MPIError) in try ranks.broadcastBytes(bytes) }
        return try Self.decode(received)
    }

    /// All ranks' values in their order, on the root; nil elsewhere.
    package func gather<Value: Codable>(_ value: Value) throws -> [Value]? {
        let bytes = try Self.encode(value)
        let all = try communicate { ranks throws(MPIError) in try ranks.gatherBytes(bytes) }
        return try all?.map { try Self.decode($0) }
    }

    /// All ranks' values in their order, on all ranks.
    package func shareAll<Value: Codable>(_ value: Value) throws -> [Value] {
        try broadcast(try gather(value) ?? [])
    }

    /// What the root finds out, on all ranks.
    /// - Throws: on all ranks where the root fails; the root alone says why.
    package func onRoot<Value: Codable>(_ body: () throws -> Value) throws -> Value {
        var value: Value?
        var failure: FederationError?
        if isRoot {
            do { value = try body() } catch let error as AgreedFailure { failure = error.error } catch {
                failure = FederationError(describing: error)
            }
        }
        let isMisconfigured = try broadcast(failure.map { $0.kind == .configuration })
        if let isMisconfigured {
            throw AgreedFailure(
                onRoot: self,
                failure
                    ?? FederationError(
                        kind: isMisconfigured ? .configuration : .failure, attempted: "", subject: "", reason: "",
                        remedy: ""))
        }
        guard let found = try broadcast(value) else { preconditionFailure("a root that does not fail has a value") }
        return found
    }

    /// What only the root does.
    /// - Throws: on all ranks where it fails; the root alone says why.
    package func onRoot(_ body: () throws -> Void) throws {
        _ = try onRoot {
            try body()
            return true
        }
    }

    private static func encode(_ value: some Codable) throws -> [UInt8] { [UInt8](try JSONEncoder().encode([value])) }

    private static func decode<Value: Codable>(_ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode([Value].self, from: Data(bytes))[0]
    }
}
