import Foundation
import Reports
import Testing

@Suite("Report: text and pictures")
struct PageTests {
    @Test("what markup takes for itself is escaped")
    func escape() {
        #expect(Markup.escape("<a & \"b\">") == "&lt;a &amp; &quot;b&quot;&gt;")
        #expect(Markup.escape("Straße ❤") == "Straße ❤")
    }

    @Test("numbers have their digits; what is none is a dash")
    func numbers() {
        #expect(Markup.number(0.12345, 3) == "0.123")
        #expect(Markup.number(-1.5, 1) == "−1.5")
        for value in [nil, .nan, .infinity] as [Double?] { #expect(Markup.number(value, 2) == "–") }
    }

    @Test("an outline runs along the edges of a mask's pixels, those at the border included")
    func contour() {
        #expect(Contour.path(of: [false, false, false, false], width: 2, height: 2).isEmpty)
        // One pixel at the right below: its four edges.
        let path = Contour.path(of: [false, false, false, true], width: 2, height: 2)
        #expect(path == "M1 1H2M1 2H2M1 1V2M2 1V2")
        // A whole image: one line along each side.
        #expect(Contour.path(of: [true, true, true, true], width: 2, height: 2) == "M0 0H2M0 2H2M0 0V2M2 0V2")
    }

    @Test("an image becomes a PNG of its size")
    func png() throws {
        let data = try #require(GrayImage(width: 5, height: 3, pixels: (0..<15).map { UInt8($0 * 17) }).png)
        #expect(Array(data.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        // The header's width and height, as 32-bit big-endian numbers.
        #expect(Array(data[16..<24]) == [0, 0, 0, 5, 0, 0, 0, 3])
        #expect(data.suffix(8).starts(with: Data("IEND".utf8)))
    }
}
