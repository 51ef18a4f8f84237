import CardiacMR

/// Differences of prediction and truth over their means, with bias and limits of agreement (Bland and Altman, Lancet 1986).
struct BlandAltmanPlot {
    let quantity: String
    let unit: String
    let pairs: [(prediction: Double, truth: Double)]

    var svg: String {
        let means = pairs.map { ($0.prediction + $0.truth) / 2 }
        let differences = pairs.map { $0.prediction - $0.truth }
        let agreement = Agreement(prediction: pairs.map(\.prediction), truth: pairs.map(\.truth))
        let bias = agreement?.bias ?? 0
        let limits = agreement?.limits ?? 0
        var axes = Axes(
            width: 320, height: 210, x: Axes.range(means),
            y: Axes.range(differences + [bias - limits, bias + limits, 0]))
        axes.right = 52
        var content = axes.grid(xLabel: "mean, \(unit)", yLabel: "prediction − truth, \(unit)")
        var lines = [(bias, "bias")]
        if limits > 0 { lines += [(bias + limits, "limit"), (bias - limits, "limit")] }
        for (value, style) in lines {
            let place = Markup.place(axes.down(value))
            content +=
                "<line class=\"\(style)\" x1=\"\(Markup.place(axes.left))\" x2=\"\(Markup.place(axes.width - axes.right))\" y1=\"\(place)\" y2=\"\(place)\"/>"
            content += axes.label(
                Markup.number(value, 1), axes.width - axes.right + 4, axes.down(value) + 3.5, "start", "name")
        }
        for (mean, difference) in zip(means, differences) {
            content +=
                "<circle class=\"case\" cx=\"\(Markup.place(axes.across(mean)))\" cy=\"\(Markup.place(axes.down(difference)))\" r=\"2.4\"/>"
        }
        let correlation = agreement?.correlation.map { ", correlation \(Markup.number($0, 2))" } ?? ""
        return axes.figure(
            title: quantity,
            description:
                "\(pairs.count) subjects, bias \(Markup.number(bias, 1)) \(unit), limits ± \(Markup.number(limits, 1)) \(unit)\(correlation)",
            content)
    }
}
