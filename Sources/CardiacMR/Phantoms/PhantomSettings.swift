/// What is simulated: how many centers and subjects, how different, how large.
package struct PhantomSettings: Equatable, Sendable {
    /// Number of centers; the first six are those of the table in ``CenterProfile/table``, the last of them distant.
    package var centers: Int = 6
    /// Subjects of each center.
    package var subjects: Int = 20
    /// 0: all centers alike. 0.7: as different as the real ones. 1: more different than those.
    package var heterogeneity: Double = 0.7
    /// What all random numbers follow from.
    package var seed: UInt64 = 1
    /// Slices of each volume.
    package var depth: Int = 10
    /// Rows of each slice. The field of view stays that of a real scan, whatever the matrix.
    package var height: Int = 128
    /// Columns of each slice.
    package var width: Int = 128

    /// Settings of so many centers and subjects.
    package init(
        centers: Int = 6, subjects: Int = 20, heterogeneity: Double = 0.7, seed: UInt64 = 1, depth: Int = 10,
        height: Int = 128, width: Int = 128
    ) {
        self.centers = centers
        self.subjects = subjects
        self.heterogeneity = heterogeneity
        self.seed = seed
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// - Throws: an error that names the first setting out of range.
    package func validate() throws(CardiacMRError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>, _ why: String) throws(CardiacMRError) {
            guard !range.contains(value) else { return }
            throw CardiacMRError(
                attempted: "simulate with", subject: "\(name) = \(value)", reason: why,
                remedy: "choose \(range.lowerBound) to \(range.upperBound)")
        }
        try check("centers", centers, 1...100_000, "there must be a center")
        try check("subjects", subjects, 2...100_000, "each center needs a subject to train on and one to test on")
        try check("size (slices)", depth, 1...256, "there must be a slice")
        try check("size (rows)", height, 16...2048, "a heart cannot be seen in fewer rows")
        try check("size (columns)", width, 16...2048, "a heart cannot be seen in fewer columns")
        guard (0...1).contains(heterogeneity) else {
            throw CardiacMRError(
                attempted: "simulate with", subject: "heterogeneity = \(heterogeneity)", reason: "it is out of range",
                remedy: "choose 0 (all centers alike) to 1")
        }
    }
}
