import CardiacMR
import Testing

@Suite("Samples of a cohort's cases")
struct CaseLoadingTests {
    /// A cohort of one case, whose files `change` may spoil before they are written.
    private static func withCase(
        labelValues: [Int]? = nil, _ change: (inout Volume, inout Volume) -> Void,
        _ body: (Cohort, Case) throws -> Void
    ) throws {
        try withTemporaryFolder { folder in
            let heart = Examples.heart(Examples.grid(20, 16, 3))
            var image = heart.image
            var label = Volume(
                grid: heart.labels.grid,
                voxels: heart.labels.labels.map { Float(labelValues?[Int($0)] ?? Int($0)) })
            change(&image, &label)
            try NIfTI.write(image, to: "\(folder)/image.nii.gz")
            try NIfTI.write(label, to: "\(folder)/label.nii.gz")
            let item = Case(
                image: "image.nii.gz", label: "label.nii.gz", subject: "s1", phase: .endSystole,
                spacing: image.grid.spacing)
            let cohort = Cohort(
                center: "hospital", vendor: "GE", sequence: "bSSFP", classes: ["background", "LV", "MYO", "RV"],
                labelValues: labelValues, splits: [.train: ["s1"]], cases: [item], folder: folder)
            try body(cohort, item)
        }
    }

    private static let preprocessing = Result { try Preprocessing(PreprocessingSettings(height: 24, width: 24)) }

    @Test(
        "a case's sample says whose it is, has its labels and restores to its grid",
        arguments: [nil, [0, 500, 200, 600]])
    func sample(_ labelValues: [Int]?) throws {
        try Self.withCase(labelValues: labelValues) { _, _ in
        } _: { cohort, item in
            let sample = try Self.preprocessing.get().sample(of: item, in: cohort)
            #expect(sample.center == "hospital" && sample.subject == "s1" && sample.phase == .endSystole)
            #expect(sample.classes == 4)
            #expect(sample.warnings.isEmpty)
            let labels = try #require(sample.labels)
            #expect(Set(labels) == [0, 1, 2, 3])
            let truth = Examples.heart(Examples.grid(20, 16, 3)).labels
            #expect(sample.geometry.restore(labels: labels) == truth)
            let alone = try Self.preprocessing.get().sample(
                ofImage: cohort.path(of: item.image), center: "hospital", classes: 4)
            #expect(alone.image == sample.image && alone.labels == nil && alone.phase == nil)
        }
    }

    @Test(
        "a voxel that is not finite is an error that names center, file and voxel", arguments: [Float.nan, .infinity])
    func notFinite(_ value: Float) throws {
        try Self.withCase { image, _ in
            image.voxels[20 * 16 + 20 * 2 + 3] = value
        } _: { cohort, item in
            expectError("hospital", "image.nii.gz", "voxel (3, 2, 1) is") {
                _ = try Self.preprocessing.get().sample(of: item, in: cohort)
            }
        }
    }

    @Test(
        "a label of no class is an error that names center, file and voxel", arguments: [Float(4), -1, 0.5, .nan, 1e9])
    func unknownLabel(_ value: Float) throws {
        try Self.withCase { _, label in
            label.voxels[5] = value
        } _: { cohort, item in
            expectError("hospital", "label.nii.gz", "voxel (5, 0, 0)", "0, 1, 2, 3") {
                _ = try Self.preprocessing.get().sample(of: item, in: cohort)
            }
        }
    }

    @Test("a segmentation of another size is an error that names both files")
    func otherSize() throws {
        try Self.withCase { _, label in
            label = Volume(grid: Examples.grid(16, 20, 3), voxels: label.voxels)
        } _: { cohort, item in
            expectError("hospital", "label.nii.gz", "image.nii.gz", "(16, 20, 3)") {
                _ = try Self.preprocessing.get().sample(of: item, in: cohort)
            }
        }
    }

    @Test("a segmentation that lies elsewhere is used with the image's position, with a warning")
    func elsewhere() throws {
        try Self.withCase { _, label in
            label.grid.affine.origin.x += 30
        } _: { cohort, item in
            let sample = try Self.preprocessing.get().sample(of: item, in: cohort)
            #expect(sample.warnings.count == 1 && sample.warnings[0].contains("label.nii.gz lies up to 30.0 mm"))
            #expect(sample.geometry.native.affine.origin.x == 0)
        }
    }
}
