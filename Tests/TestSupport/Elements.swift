import Testing

/// Records one issue, with the first place and how many there are, unless a condition holds at every place: an expectation
/// for each voxel would bury what is wrong under thousands of lines.
/// - Parameters:
///   - count: the number of places.
///   - place: what a place is called, such as "voxel (3, 2, 1)".
///   - detail: what was found there.
package func expectEverywhere(
    _ count: Int, place: (Int) -> String = { "element \($0)" }, detail: (Int) -> String = { _ in "" },
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: (Int) throws -> Bool
) rethrows {
    var wrong = 0
    var first: Int?
    for index in 0..<count where try !condition(index) {
        wrong += 1
        first = first ?? index
    }
    guard let first else { return }
    let found = detail(first)
    Issue.record(
        "\(place(first)) is the first of \(wrong) of \(count) that are wrong\(found.isEmpty ? "" : ": \(found)")",
        sourceLocation: sourceLocation)
}

/// The same of two series of numbers, which are to be equal within a tolerance.
package func expectNear<Number: BinaryFloatingPoint>(
    _ found: [Number], _ wanted: [Number], within tolerance: Number = 0, place: (Int) -> String = { "element \($0)" },
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard found.count == wanted.count else {
        Issue.record("\(found.count) elements instead of \(wanted.count)", sourceLocation: sourceLocation)
        return
    }
    expectEverywhere(
        found.count, place: place, detail: { "\(found[$0]) instead of \(wanted[$0])" }, sourceLocation: sourceLocation
    ) { abs(found[$0] - wanted[$0]) <= tolerance }
}
