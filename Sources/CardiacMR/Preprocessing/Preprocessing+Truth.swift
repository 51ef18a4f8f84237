extension Preprocessing {
    /// A case's segmentation as classes, on its own grid: what a restored prediction is compared with.
    /// - Throws: when the file cannot be read or holds a value of no class.
    package func truth(of item: Case, in cohort: Cohort) throws(CardiacMRError) -> LabelVolume {
        let path = cohort.path(of: item.label)
        let volume = try NIfTI.read(path, frame: item.labelFrame ?? 0)
        return LabelVolume(grid: volume.grid, labels: try classes(of: volume, in: cohort, path: path))
    }
}
