import Foundation

/// A plot's frame: its size, the ranges of both axes, and their grid.
package struct Axes {
    let width: Double
    let height: Double
    let x: ClosedRange<Double>
    let y: ClosedRange<Double>
    var left = 52.0
    var right = 12.0
    var top = 10.0
    var bottom = 34.0

    /// Where a value lies from the left, in pixels.
    func across(_ value: Double) -> Double {
        left + (value - x.lowerBound) / (x.upperBound - x.lowerBound) * (width - left - right)
    }

    /// Where a value lies from the top, in pixels.
    func down(_ value: Double) -> Double {
        height - bottom - (value - y.lowerBound) / (y.upperBound - y.lowerBound) * (height - top - bottom)
    }

    /// Lines and numbers of the y axis, numbers of the x axis, and both axes' names.
    func grid(xLabel: String, yLabel: String, xTicks: Int = 4, yTicks: Int = 4) -> String {
        var text = ""
        for tick in Self.ticks(y, yTicks) {
            let place = Markup.place(down(tick))
            text +=
                "<line class=\"grid\" x1=\"\(Markup.place(left))\" x2=\"\(Markup.place(width - right))\" y1=\"\(place)\" y2=\"\(place)\"/>"
            text += label(Self.text(tick), left - 5, down(tick) + 3.5, "end")
        }
        for tick in Self.ticks(x, xTicks) {
            text += label(Self.text(tick), across(tick), height - bottom + 14, "middle")
        }
        text += label(xLabel, (left + width - right) / 2, height - 4, "middle", "axis")
        if !yLabel.isEmpty {
            let (across, down) = (Markup.place(10), Markup.place((top + height - bottom) / 2))
            text +=
                "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(\(across) \(down)) rotate(-90)\">\(Markup.escape(yLabel))</text>"
        }
        return text
    }

    /// A text at a place.
    func label(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ style: String = "") -> String {
        "<text\(style.isEmpty ? "" : " class=\"\(style)\"") x=\"\(Markup.place(x))\" y=\"\(Markup.place(y))\" text-anchor=\"\(anchor)\">\(Markup.escape(text))</text>"
    }

    /// A whole figure, which a screen reader reads by its title and description.
    func figure(title: String, description: String, _ content: String) -> String {
        let size = "\(Markup.place(width)) \(Markup.place(height))"
        return """
            <svg viewBox="0 0 \(size)" role="img" aria-label="\(Markup.escape(title)): \(Markup.escape(description))">\
            <title>\(Markup.escape(title))</title><desc>\(Markup.escape(description))</desc>\(content)</svg>

            """
    }

    /// Round numbers over a range, about so many.
    package static func ticks(_ range: ClosedRange<Double>, _ count: Int) -> [Double] {
        let span = range.upperBound - range.lowerBound
        guard span > 0, span.isFinite else { return [range.lowerBound] }
        let raw = span / Double(count)
        let power = pow(10, floor(log10(raw)))
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw * 0.999 } ?? raw
        var ticks: [Double] = []
        var tick = (range.lowerBound / step).rounded(.up) * step
        while tick <= range.upperBound + step * 1e-6, ticks.count < 50 {
            ticks.append(abs(tick) < step * 1e-6 ? 0 : tick)
            tick += step
        }
        return ticks
    }

    /// A range that holds all values, with a margin; never empty.
    package static func range(_ values: [Double], from lowest: Double? = nil, to highest: Double? = nil) -> ClosedRange<
        Double
    > {
        let finite = values.filter(\.isFinite)
        let low = lowest ?? finite.min() ?? 0
        let high = highest ?? finite.max() ?? 1
        guard high > low else { return (low - 0.5)...(low + 0.5) }
        let margin = 0.06 * (high - low)
        return (lowest == nil ? low - margin : low)...(highest == nil ? high + margin : high)
    }

    /// A number beside an axis, short.
    package static func text(_ value: Double) -> String {
        let text =
            abs(value) >= 1e5 || (value != 0 && abs(value) < 1e-3)
            ? String(format: "%.0e", value) : String(format: "%g", value)
        return text.replacingOccurrences(of: "-", with: "−")
    }
}
