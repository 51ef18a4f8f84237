import Foundation

/// Text that other programs wrote: spreadsheets' tables, data sets' notes, configurations from other systems.
package enum TextFile {
    /// The text of some bytes, whichever of the usual encodings they are in, without byte order mark.
    ///
    /// A byte order mark decides (UTF-8, UTF-16, UTF-32). Without one, bytes of which every other one is mostly 0 are
    /// UTF-16; the rest is UTF-8, or Latin-1 where that is not valid.
    package static func decode(_ bytes: [UInt8]) -> String {
        let marks: [([UInt8], String.Encoding)] = [
            ([0xFF, 0xFE, 0, 0], .utf32LittleEndian), ([0, 0, 0xFE, 0xFF], .utf32BigEndian),
            ([0xEF, 0xBB, 0xBF], .utf8), ([0xFF, 0xFE], .utf16LittleEndian), ([0xFE, 0xFF], .utf16BigEndian),
        ]
        for (mark, encoding) in marks where bytes.starts(with: mark) {
            let rest = bytes.dropFirst(mark.count)
            return String(bytes: rest, encoding: encoding) ?? String(decoding: rest, as: UTF8.self)
        }
        if let encoding = unmarkedWideEncoding(bytes), let text = String(bytes: bytes, encoding: encoding) {
            return text
        }
        return String(bytes: bytes, encoding: .utf8)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }

    /// The text of a file.
    package static func read(_ path: String) throws -> String {
        decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
    }

    /// UTF-16 without a mark, in which most characters of a Western text have a zero byte.
    private static func unmarkedWideEncoding(_ bytes: [UInt8]) -> String.Encoding? {
        let sample = bytes.prefix(4096)
        guard sample.count >= 4, bytes.count % 2 == 0 else { return nil }
        var zeros = [0, 0]
        for (index, byte) in sample.enumerated() where byte == 0 { zeros[index % 2] += 1 }
        let half = sample.count / 2
        if zeros[1] * 10 > half * 6, zeros[0] * 10 < half { return .utf16LittleEndian }
        if zeros[0] * 10 > half * 6, zeros[1] * 10 < half { return .utf16BigEndian }
        return nil
    }
}
