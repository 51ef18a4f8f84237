import Foundation

extension Manifest {
    /// The text of the file.
    package func encoded() throws -> [UInt8] {
        var text: [UInt8] = []
        let place = try forEachPiece { text += $0 }
        text.replaceSubrange(place, with: text.withUnsafeBytes(DurableFile.crc32).utf8)
        return text
    }

    /// Writes the file into a checkpoint's folder.
    package func write(to folder: String) throws {
        let file = try DurableFile.Pieces("\(folder)/\(Self.fileName)")
        let place = try forEachPiece { try file.append($0) }
        try file.finish(checksumAt: place)
    }

    /// Calls `body` with the text piece by piece, since with thousands of centers it is megabytes. The checksum in it is unknown.
    /// - Returns: where that is.
    private func forEachPiece(_ body: ([UInt8]) throws -> Void) throws -> Range<Int> {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        var manifest = self
        manifest.checksum = Self.unknownChecksum
        (manifest.trainedRounds, manifest.files) = ([:], [:])
        let frame = Array(try encoder.encode(manifest) + [UInt8(ascii: "\n")])
        // With thousands of centers these two are nearly all of it.
        let (banks, files) = (Self.place(of: "banks", in: frame), Self.place(of: "files", in: frame))
        guard let checksum = Self.checksumPlace(in: Data(frame)), banks.upperBound <= checksum.lowerBound,
            checksum.upperBound <= files.lowerBound
        else { preconditionFailure("the checksum has a place between the lists") }
        var text = Array(frame[..<banks.lowerBound])
        var written = 0
        func flush() throws {
            try body(text)
            written += text.count
            text.removeAll(keepingCapacity: true)
        }
        func append<Value>(_ list: [String: Value], _ write: (Value, inout [UInt8]) -> Void) throws {
            guard !list.isEmpty else { return }
            var isFirst = true
            for name in list.keys.sorted() {
                guard let value = list[name] else { continue }
                text += (isFirst ? "\n    " : ",\n    ").utf8
                isFirst = false
                try Self.append(quoted: name, to: &text)
                text += " : ".utf8
                write(value, &text)
                if text.count > Self.piece { try flush() }
            }
            text += "\n  ".utf8
        }
        try append(trainedRounds) { $1 += "\($0)".utf8 }
        let place = written + text.count + checksum.lowerBound - banks.upperBound
        text += frame[banks.upperBound..<files.lowerBound]
        try append(self.files) { file, text in
            text += "{\n      \"crc32\" : \"".utf8
            text += file.crc32.utf8
            text += "\",\n      \"size\" : \(file.size)\n    }".utf8
        }
        text += frame[files.upperBound...]
        try flush()
        return place..<place + checksum.count
    }

    /// Bytes of a piece, about.
    private static let piece = 1 << 16

    /// The place between the braces of an empty list of the file's, with all that the encoder puts there.
    private static func place(of key: String, in text: [UInt8]) -> Range<Int> {
        // Members of members are further to the right.
        let text = Data(text)
        guard let start = text.range(of: Data("\n  \"\(key)\" : {".utf8)),
            let end = text[start.upperBound...].firstIndex(of: UInt8(ascii: "}"))
        else { preconditionFailure("a manifest has \(key)") }
        return start.upperBound..<end
    }

    /// Appends a text as JSON has it.
    private static func append(quoted text: String, to bytes: inout [UInt8]) throws {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) {
            bytes.append(UInt8(ascii: "\""))
            bytes += text.utf8
            bytes.append(UInt8(ascii: "\""))
        } else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.withoutEscapingSlashes]
            bytes += try encoder.encode(text)
        }
    }
}
