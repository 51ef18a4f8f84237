import Federation
import Testing

@Suite("Telemetry: tables and the clock of phases")
struct TelemetryTableTests {
    @Test("columns are aligned by what a terminal shows")
    func alignment() {
        var table = TextTable(columns: [.init("center", .left), .init("Dice")])
        table.append(["A", "0.5"])
        table.append(["心臓", "0.25"])
        table.separate()
        table.append(["mean", "-"])
        #expect(
            table.rendered(.unicode) == """
                ┌────────┬──────┐
                │ center │ Dice │
                ├────────┼──────┤
                │ A      │  0.5 │
                │ 心臓   │ 0.25 │
                ├────────┼──────┤
                │ mean   │    - │
                └────────┴──────┘

                """)
        #expect(
            table.rendered(.plain) == """
                center  Dice
                ------  ----
                A        0.5
                心臓    0.25
                ------  ----
                mean       -

                """)
    }

    @Test("plain tables have no spaces at the ends of lines, and empty tables are tables")
    func edges() {
        var table = TextTable(columns: [.init("a", .left), .init("long title", .left)])
        #expect(table.rendered(.plain) == "a  long title\n-  ----------\n")
        #expect(table.rendered(.unicode).split(separator: "\n").count == 4)
        table.append(["x", "y"])
        #expect(table.rendered(.plain).hasSuffix("\nx  y\n"))
    }

    @Test("the Dice table has every class that occurs, each center's mean, and the mean over centers")
    func dice() {
        let table = TextTable.dice([
            .init(center: "siemens", cases: 4, classes: [("LV", 0.9), ("MYO", 0.7), ("RV", 0.8)]),
            .init(center: "lge", cases: 2, classes: [("LV", 0.6), ("MYO", 0.5), ("infarct", nil)]),
            .init(center: "empty", cases: 0, classes: [("LV", nil)]),
        ])
        #expect(table.columns.map(\.title) == ["center", "cases", "LV", "MYO", "RV", "infarct", "mean"])
        #expect(
            table.rows == [
                ["siemens", "4", "0.900", "0.700", "0.800", "-", "0.800"],
                ["lge", "2", "0.600", "0.500", "-", "-", "0.550"],
                ["empty", "0", "-", "-", "-", "-", "-"],
                ["mean", "6", "0.750", "0.600", "0.800", "-", "0.675"],
            ])
    }

    @Test("the phase table shows least, average and most over the ranks, and what is in no phase")
    func phases() {
        // compute, wait, communicate, checkpoint, evaluate, total
        let table = TextTable.phases(ranks: [[60, 10, 5, 1, 4, 100], [20, 50, 5, 3, 2, 100]])
        #expect(
            table.rows == [
                ["compute", "20.0", "40.0", "60.0", "40.0"],
                ["wait", "10.0", "30.0", "50.0", "30.0"],
                ["communicate", "5.0", "5.0", "5.0", "5.0"],
                ["checkpoint", "1.0", "2.0", "3.0", "2.0"],
                ["evaluate", "2.0", "3.0", "4.0", "3.0"],
                ["other", "20.0", "20.0", "20.0", "20.0"],
                ["total", "100.0", "100.0", "100.0", "100.0"],
            ])
        #expect(TextTable.phases(ranks: []).rows.allSatisfy { $0.last == "0.0" })
    }

    @Test("an inner phase's time does not count for the outer one")
    func nesting() throws {
        var time = 5.0
        let clock = PhaseClock { time }
        time += 1
        clock.measure(.compute) {
            time += 2
            clock.measure(.communicate) {
                time += 4
                clock.measure(.wait) { time += 8 }
            }
            time += 16
        }
        #expect(clock.record == [18, 8, 4, 0, 0, 31])
    }

    @Test("a phase that is left by an error is left")
    func errors() {
        struct Failure: Error {}
        var time = 0.0
        let clock = PhaseClock { time }
        #expect(throws: Failure.self) {
            try clock.measure(.checkpoint) {
                time += 1
                throw Failure()
            }
        }
        time += 1
        #expect(clock.seconds(in: .checkpoint) == 1)
    }

    @Test("a running phase counts up to now, and time may be moved out of it, but no more than it has")
    func moving() {
        var time = 0.0
        let clock = PhaseClock { time }
        clock.measure(.communicate) {
            time += 3
            #expect(clock.seconds(in: .communicate) == 3)
            clock.move(seconds: 2, to: .wait)
            #expect(clock.seconds(in: .communicate) == 1)
            clock.move(seconds: 9, to: .wait)
        }
        clock.move(seconds: 1, to: .wait)
        #expect(clock.record == [0, 3, 0, 0, 0, 3])
    }

    @Test("the system's clock does not go back")
    func monotonic() {
        let first = monotonicSeconds()
        #expect(monotonicSeconds() >= first)
    }
}
