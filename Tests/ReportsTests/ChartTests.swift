import Foundation
import Reports
import Testing

@Suite("Report: charts")
struct ChartTests {
    @Test(
        "ticks are round numbers within the range",
        arguments: [
            (0.0...1.0, 4, [0, 0.5, 1]), (0...10, 5, [0, 2, 4, 6, 8, 10]), (-3...3, 3, [-2, 0, 2]),
            (0.2...0.9, 4, [0.2, 0.4, 0.6, 0.8]), (1...400, 4, [100, 200, 300, 400]), (5...5, 4, [5]),
        ] as [(ClosedRange<Double>, Int, [Double])])
    func ticks(_ range: ClosedRange<Double>, _ count: Int, _ wanted: [Double]) {
        let found = Axes.ticks(range, count)
        #expect(found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-9 }, "\(found)")
    }

    @Test("a range holds all finite values with a margin, and is never empty")
    func range() {
        let range = Axes.range([3, .nan, 5, .infinity])
        #expect(range.lowerBound < 3 && range.lowerBound > 2.5)
        #expect(range.upperBound > 5 && range.upperBound < 5.5)
        #expect(Axes.range([1, 2], from: 0, to: 4) == 0...4)
        for values in [[], [.nan], [7, 7]] as [[Double]] {
            let range = Axes.range(values)
            #expect(range.upperBound > range.lowerBound, "\(values)")
        }
    }

    @Test(
        "numbers beside axes are short",
        arguments: [(0, "0"), (0.25, "0.25"), (-3, "−3"), (2e6, "2e+06"), (1e-4, "1e−04")])
    func numbers(_ value: Double, _ wanted: String) { #expect(Axes.text(value) == wanted) }

    @Test("a box has the quartiles, whiskers to the last value within reach, and a point for every value")
    func boxes() {
        // Quartiles 2, 3, 4; 20 is beyond 4 + 1.5 · 2.
        let plot = BoxPlot(
            title: "t", description: "d", xLabel: "mm", rows: [("a", [1, 2, 3, 4, 20]), ("none", [])], x: 0...20)
        let svg = plot.svg
        #expect(svg.matches(of: /<circle/).count == 5)
        func place(_ value: Double) -> String { String(format: "%.1f", 200 + value / 20 * (640 - 200 - 12)) }
        #expect(svg.contains("class=\"box\" x=\"\(place(2))\""))
        #expect(svg.contains("class=\"median\" x1=\"\(place(3))\""))
        #expect(svg.contains("class=\"whisker\" x1=\"\(place(1))\" x2=\"\(place(4))\""))
        #expect(svg.contains(">none</text>"))
    }
}
