import Testing

import CardiacMR

/// Checks that `body` throws a `CardiacMRError` whose description holds every one of `fragments`.
func expectError(
    _ fragments: String..., sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
    let error = #expect(throws: CardiacMRError.self, sourceLocation: sourceLocation) { try body() }
    for fragment in fragments {
        #expect(error?.description.contains(fragment) == true, "\(fragment)", sourceLocation: sourceLocation)
    }
}

/// The largest absolute difference of two series of one length.
func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}
