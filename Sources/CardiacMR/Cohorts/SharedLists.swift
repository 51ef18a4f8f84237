/// What cohorts have in common, which is in memory once: thousands of centers have few classes, sequences and names of files.
struct SharedLists {
    private var texts: Set<String> = []
    private var classes: Set<[String]> = []
    private var splits: Set<[Split: [String]]> = []
    private var cases: Set<[Case]> = []

    /// The same cohort, with what others have as well.
    mutating func sharing(_ cohort: Cohort) -> Cohort {
        var cohort = cohort
        cohort.vendor = sharing(cohort.vendor)
        cohort.sequence = sharing(cohort.sequence)
        cohort.parent = sharing(cohort.parent)
        cohort.classes = classes.insert(cohort.classes).memberAfterInsert
        cohort.splits = splits.insert(cohort.splits).memberAfterInsert
        cohort.described = cases.insert(cohort.described.map { sharing($0) }).memberAfterInsert
        return cohort
    }

    private mutating func sharing(_ item: Case) -> Case {
        var item = item
        item.image = sharing(item.image)
        item.label = sharing(item.label)
        item.subject = sharing(item.subject)
        return item
    }

    private mutating func sharing(_ text: String) -> String { texts.insert(text).memberAfterInsert }
}
