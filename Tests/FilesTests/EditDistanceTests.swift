import Testing

import Files

@Suite("Edit distance")
struct EditDistanceTests {
    @Test(
        "the edit distance counts insertions, deletions, substitutions and swaps",
        arguments: [
            ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 1),
            ("rounds", "rounds", 0), ("ronuds", "rounds", 1), ("width", "wdiht", 2),
        ])
    func editDistance(_ first: String, _ second: String, _ distance: Int) {
        #expect(EditDistance.between(first, second) == distance)
        #expect(EditDistance.between(second, first) == distance)
    }

    @Test("the nearest name is the one that was meant, also by its last part or in another case")
    func nearest() {
        #expect(EditDistance.nearest(to: "labelvalues", among: ["labelValues", "label", "splits"]) == "labelValues")
        #expect(EditDistance.nearest(to: "Frame", among: ["image", "frame", "labelFrame"]) == "frame")
        #expect(EditDistance.nearest(to: "placment", among: ["rounds", "crl.placement"]) == "crl.placement")
        #expect(EditDistance.nearest(to: "val", among: ["train", "validation", "test"]) == "validation")
        #expect(EditDistance.nearest(to: "x", among: []) == nil)
    }
}
