import Files
import Foundation

extension CaseFinder {
    /// `{training,testing}/patient001/{Info.cfg,patient001_frame01[_gt].nii.gz}`; Info.cfg counts the frames from 1.
    mutating func findACDC() throws(CardiacMRError) {
        for part in ["training", "testing"] {
            for folder in folders(part) {
                for subject in names(in: folder) where subject.hasPrefix("patient") {
                    let place = "\(folder)/\(subject)"
                    guard let text = try? TextFile.read("\(place)/Info.cfg") else {
                        note(.missing, subject, "there is no \(place)/Info.cfg, or it cannot be read")
                        continue
                    }
                    let info = Self.info(text)
                    let frames = info.mapValues(Table.wholeNumber)
                    if let first = frames["ed"] ?? nil, first == frames["es"] {
                        note(.contradictory, subject, "ED and ES are the same frame \(first); left out")
                        continue
                    }
                    for phase in Phase.allCases {
                        let name = "\(subject)-\(phase.rawValue)"
                        guard let frame = frames[phase.rawValue.lowercased()] ?? nil, frame >= 1 else {
                            let found = info[phase.rawValue.lowercased()].map { ": it says \"\($0)\"" } ?? ""
                            note(
                                .missing, name, "\(place)/Info.cfg does not say the frame of \(phase.rawValue)\(found)")
                            continue
                        }
                        let number = frame < 10 ? "0\(frame)" : String(frame)
                        let path = "\(place)/\(subject)_frame\(number)"
                        guard let image = image(path) else {
                            note(.missing, name, "there is no \(path).nii.gz")
                            continue
                        }
                        guard let label = self.image(path + "_gt") else {
                            note(.unlabelled, name, "there is no \(path)_gt.nii.gz")
                            continue
                        }
                        add(
                            ImportedCase(
                                center: "acdc", vendor: "Siemens", subject: subject, phase: phase, image: image,
                                label: label))
                    }
                }
            }
        }
    }

    /// `key: value` or `key = value` lines, by their keys in lower case.
    private static func info(_ text: String) -> [String: String] {
        var info: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(maxSplits: 1) { ":=".contains($0) }.map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2 { info[parts[0].lowercased()] = parts[1] }
        }
        return info
    }

    /// `Case_P001/{Images,Contours}/Case_P001.nii.gz`: P are pathological cases, N normal ones, whose segmentations lack
    /// the classes infarct and no-reflow.
    mutating func findEMIDEC() {
        let place = "Case_"
        let candidates =
            [source] + names(in: source).map { "\(source)/\($0)" }
            + names(in: source).flatMap { first in names(in: "\(source)/\(first)").map { "\(source)/\(first)/\($0)" } }
        for folder in candidates {
            for subject in names(in: folder) where subject.hasPrefix(place) {
                let path = "\(folder)/\(subject)"
                guard let image = image("\(path)/Images/\(subject)") else {
                    // Files may be named like folders: "Case_P001.txt".
                    if !names(in: path).isEmpty {
                        note(.missing, subject, "there is no \(path)/Images/\(subject).nii.gz")
                    }
                    continue
                }
                guard let label = self.image("\(path)/Contours/\(subject)") else {
                    note(.unlabelled, subject, "there is no \(path)/Contours/\(subject).nii.gz")
                    continue
                }
                add(
                    ImportedCase(
                        center: "emidec", vendor: "Siemens", subject: subject, phase: .endDiastole, image: image,
                        label: label))
            }
        }
    }

    /// Pairs `NAME_LGE.nii.gz` and `NAME_LGE_manual.nii.gz`, wherever they lie.
    mutating func findMSCMR() {
        let files = allFiles().filter(ImageName.isImage)
        func stem(_ path: String) -> String { ImageName.stem(of: Path.name(of: path)) }
        var manual: [String: String] = [:]
        for file in files where stem(file).hasSuffix("_LGE_manual") {
            if let other = manual[stem(file)] {
                note(.duplicated, stem(file), "\(file) is left out; \(other) came first")
            } else {
                manual[stem(file)] = file
            }
        }
        var images: Set<String> = []
        for file in files where stem(file).hasSuffix("_LGE") {
            let name = stem(file)
            images.insert(name)
            let subject = String(name.dropLast(4))
            guard let label = manual[name + "_manual"] else {
                note(.unlabelled, subject, "there is no \(name)_manual.nii.gz for \(file)")
                continue
            }
            add(
                ImportedCase(
                    center: "mscmr", vendor: "Philips", subject: subject, phase: .endDiastole, image: file, label: label
                ))
        }
        for name in manual.keys.sorted() where !images.contains(String(name.dropLast(7))) {
            note(.missing, String(name.dropLast(11)), "there is a segmentation \(name), but no image of it")
        }
    }
}
