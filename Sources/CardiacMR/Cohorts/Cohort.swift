/// The labelled images of one center: its folder's `cohort.json` and the NIfTI files that it names.
package struct Cohort: Equatable, Sendable {
    /// The file in a center's folder.
    package static let fileName = "cohort.json"

    /// The center's name; it names files and groups of checkpoints, too.
    package var center: String
    /// Who made the scanner.
    package var vendor: String
    /// `"bSSFP"`, `"LGE-PSIR"`, ….
    package var sequence: String
    /// The classes' names by label, the background first.
    package var classes: [String]
    /// What the label files hold for each class; nil when it is 0, 1, 2, …. For public data sets that number otherwise.
    package var labelValues: [Int]?
    /// The subjects of each split.
    package var splits: [Split: [String]]
    /// All cases, in the file's order. They are put together anew each time.
    package var cases: [Case] {
        get {
            described.enumerated().map { index, item in
                var item = item
                item.spacing = SIMD3(spacings[3 * index], spacings[3 * index + 1], spacings[3 * index + 2])
                return item
            }
        }
        set {
            spacings = newValue.flatMap { [$0.spacing.x, $0.spacing.y, $0.spacing.z] }
            described = newValue.map { item in
                var item = item
                item.spacing = .zero
                return item
            }
        }
    }
    /// The cases but for their voxel sizes: what centers of one kind have in common, however many they are.
    var described: [Case] = []
    private var spacings: [Double] = []
    /// The center's long-term Ed25519 key, base64, by which others know what it signs; nil until it has one.
    package var publicKey: String?
    /// Where the cohort lies.
    package var folder: String {
        get { parent + folderName }
        set {
            let name = newValue.lastIndex(of: "/").map(newValue.index(after:)) ?? newValue.startIndex
            (parent, folderName) = (String(newValue[..<name]), String(newValue[name...]))
        }
    }
    /// What its folder's path begins with, which centers of one run have in common.
    var parent = ""
    private var folderName = ""

    /// A cohort as its file describes it.
    package init(
        center: String, vendor: String, sequence: String, classes: [String], labelValues: [Int]? = nil,
        splits: [Split: [String]], cases: [Case], publicKey: String? = nil, folder: String
    ) {
        self.center = center
        self.vendor = vendor
        self.sequence = sequence
        self.classes = classes
        self.labelValues = labelValues
        self.splits = splits
        self.publicKey = publicKey
        self.cases = cases
        self.folder = folder
    }

    /// The cases of a split's subjects: by subject in the split's order, then by phase (ED before ES).
    package func cases(in split: Split) -> [Case] {
        let bySubject = Dictionary(grouping: cases, by: \.subject)
        return (splits[split] ?? []).flatMap { subject in
            (bySubject[subject] ?? []).sorted { $0.phase.rawValue < $1.phase.rawValue }
        }
    }

    /// All files of the center: `cohort.json`, images and labels, as paths that can be opened.
    package var files: [String] {
        ["\(folder)/\(Self.fileName)"]
            + cases.flatMap { [$0.image, $0.label] }.flatMap { ImageName.files(of: path(of: $0)) }
    }

    /// A case's file, as a path that can be opened.
    package func path(of file: String) -> String { file.hasPrefix("/") ? file : "\(folder)/\(file)" }
}
