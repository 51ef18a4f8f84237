import Foundation
import Testing

import Files

@Suite("Text of other programs")
struct TextFileTests {
    private static let text = "Naïve;Größe\r\n1,5;µ\n"

    @Test(
        "every usual encoding is told by its mark",
        arguments: [
            ([0xEF, 0xBB, 0xBF], String.Encoding.utf8), ([0xFF, 0xFE], .utf16LittleEndian),
            ([0xFE, 0xFF], .utf16BigEndian), ([0xFF, 0xFE, 0, 0], .utf32LittleEndian),
            ([0, 0, 0xFE, 0xFF], .utf32BigEndian),
        ] as [([UInt8], String.Encoding)])
    func marked(_ mark: [UInt8], _ encoding: String.Encoding) throws {
        let bytes = try #require(Self.text.data(using: encoding))
        #expect(TextFile.decode(mark + bytes) == Self.text)
    }

    @Test("without a mark UTF-8, UTF-16 of Western text and Latin-1 are told apart")
    func unmarked() throws {
        for encoding in [String.Encoding.utf8, .utf16LittleEndian, .utf16BigEndian, .isoLatin1] {
            let bytes = try #require(Self.text.data(using: encoding))
            #expect(TextFile.decode([UInt8](bytes)) == Self.text, "\(encoding)")
        }
        #expect(TextFile.decode([]) == "")
        #expect(TextFile.decode([0xFF, 0xFE]) == "")
        #expect(TextFile.decode([0xE4]) == "ä")
    }
}
