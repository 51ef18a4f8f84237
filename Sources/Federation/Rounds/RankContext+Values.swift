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

    private static func encode(_ value: some Codable) throws -> [UInt8] { [UInt8](try JSONEncoder().encode([value])) }

    private static func decode<Value: Codable>(_ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode([Value].self, from: Data(bytes))[0]
    }
}
