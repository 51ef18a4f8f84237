import Foundation
internal import SwiftProtobuf

/// Appends to a TensorBoard event file: what `metrics.jsonl` says, as scalars over rounds.
///
/// Every process that continues a run begins a file of its own, whose first events say from which round on it counts:
/// TensorBoard then forgets what earlier files say of later rounds.
final class EventWriter {
    private let path: String
    private let handle: FileHandle
    /// The time of the last event, in seconds since 1970.
    private var lastTime: Double

    /// Begins a file in `folder`, which is made where it is not there.
    /// - Parameter round: the round that the run continues from; 0 for one that begins.
    init(folder: String, resumingAfter round: Int) throws(FederationError) {
        let host = ProcessInfo.processInfo.hostName
        // TensorBoard reads the files in the order of their names, and the clock may have been set back.
        let number = max(Int(Date().timeIntervalSince1970), (Self.numbers(in: folder).max() ?? 0) + 1)
        lastTime = Double(number)
        let name = String(
            format: "events.out.tfevents.%010d.%@.%d.fedcrld", number, host,
            ProcessInfo.processInfo.processIdentifier)
        path = "\(folder)/\(name)"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data().write(to: URL(fileURLWithPath: path))
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        } catch {
            throw Self.failure(path, error)
        }
        try append(step: 0) { $0.fileVersion = "brain.Event:2" }
        try append(step: round + 1) { $0.sessionLog.status = .start }
    }

    deinit { try? handle.close() }

    /// Appends scalars of a round.
    func append(round: Int, _ scalars: [(tag: String, value: Double)]) throws(FederationError) {
        try append(step: round) { event in
            event.summary.value = scalars.map { scalar in
                var value = TensorBoardSummary.Value()
                value.tag = scalar.tag
                value.simpleValue = Float(scalar.value)
                return value
            }
        }
    }

    private func append(step: Int, _ fill: (inout TensorBoardEvent) -> Void) throws(FederationError) {
        var event = TensorBoardEvent()
        lastTime = max(lastTime, Date().timeIntervalSince1970)
        event.wallTime = lastTime
        event.step = Int64(step)
        fill(&event)
        do { try handle.write(contentsOf: Self.record(try event.serializedBytes())) } catch {
            throw Self.failure(path, error)
        }
    }

    /// The numbers in the names of a folder's event files.
    private static func numbers(in folder: String) -> [Int] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
            name.hasPrefix("events.out.tfevents.") ? Int(name.dropFirst(20).prefix { $0 != "." }) : nil
        }
    }

    /// A record of a TFRecord file: length, its checksum, the bytes, their checksum; numbers little-endian.
    private static func record(_ bytes: [UInt8]) -> Data {
        func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
            (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        let length = littleEndian(UInt64(bytes.count))
        return Data(
            length + littleEndian(Castagnoli.maskedChecksum(of: length)) + bytes
                + littleEndian(Castagnoli.maskedChecksum(of: bytes)))
    }

    private static func failure(_ path: String, _ error: any Error) -> FederationError {
        FederationError(
            attempted: "write", subject: "the TensorBoard events \(path)", reason: error.localizedDescription,
            remedy: "check the folder, its permissions and the space on its disk, and resume")
    }
}

/// CRC-32C (Castagnoli's polynomial; zlib has another one), masked as TFRecord files have it.
enum Castagnoli {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
    }

    /// The checksum, turned by 15 bits, plus a constant: a checksum of data that hold checksums stays strong.
    static func maskedChecksum(of bytes: [UInt8]) -> UInt32 {
        let checksum = ~bytes.reduce(~0) { sum, byte in table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8 }
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }
}
