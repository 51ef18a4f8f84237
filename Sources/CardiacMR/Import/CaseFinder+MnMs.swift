import Files
import Foundation

extension CaseFinder {
    /// `{Training/Labeled,Training/Unlabeled,Validation,Testing}/CODE/CODE_sa[_gt].nii.gz` and a table with External code,
    /// VendorName, Centre, ED and ES (frames from 0), which alone are labelled.
    mutating func findMnMs() throws(CardiacMRError) {
        let table = try self.table(["External code", "ED", "ES", "Centre"], like: "Dataset_information")
        let (code, center) = (try table.column("External code"), try table.column("Centre"))
        let vendor = table.has("VendorName") ? "vendorname" : "vendor"
        let phases = [(Phase.endDiastole, try table.column("ED")), (.endSystole, try table.column("ES"))]
        var folderOf: [String: String] = [:]
        for part in ["Training/Labeled", "Validation", "Testing", "Training/Unlabeled"] {
            for folder in folders(part) {
                for subject in names(in: folder) {
                    if let other = folderOf[subject] {
                        note(.duplicated, subject, "\(folder)/\(subject) is left out; \(other) came first")
                    } else {
                        folderOf[subject] = "\(folder)/\(subject)"
                    }
                }
            }
        }
        var named: Set<String> = []
        for row in table.rows {
            let subject = row[code] ?? ""
            guard !subject.isEmpty else { continue }
            guard named.insert(subject).inserted else {
                note(.duplicated, subject, "the table has a second row for it, which is left out")
                continue
            }
            guard let folder = folderOf[subject] else {
                note(.missing, subject, "the table names it, but it has no folder")
                continue
            }
            guard let image = image("\(folder)/\(subject)_sa") else {
                note(.missing, subject, "there is no \(folder)/\(subject)_sa.nii.gz")
                continue
            }
            guard let label = self.image("\(folder)/\(subject)_sa_gt") else {
                note(.unlabelled, subject, "there is no \(folder)/\(subject)_sa_gt.nii.gz")
                continue
            }
            if phases.allSatisfy({ row[$0.1] == row[phases[0].1] }) {
                note(.contradictory, subject, "ED and ES are the same frame \(row[phases[0].1] ?? ""); left out")
                continue
            }
            for (phase, column) in phases {
                guard let frame = Table.wholeNumber(row[column] ?? ""), frame >= 0 else {
                    note(
                        .missing, "\(subject)-\(phase.rawValue)",
                        "the table's \(phase.rawValue) is \"\(row[column] ?? "")\", no frame")
                    continue
                }
                add(
                    ImportedCase(
                        center: "mnms-center-\(Self.fileName(row[center] ?? ""))", vendor: row[vendor] ?? "",
                        subject: subject, phase: phase, image: image, label: label, frame: frame, labelFrame: frame))
            }
        }
        for subject in folderOf.keys.sorted() where !named.contains(subject) {
            note(.missing, subject, "it has a folder, but the table does not name it")
        }
    }

    /// `dataset/001/001_SA_{ED,ES}[_gt].nii.gz` and `dataset_information.csv` with SUBJECT_CODE and VENDOR.
    mutating func findMnMs2() throws(CardiacMRError) {
        let table = try self.table(["SUBJECT_CODE", "VENDOR"], like: "dataset_information")
        let (code, vendor) = (try table.column("SUBJECT_CODE"), try table.column("VENDOR"))
        var vendorOf: [String: String] = [:]
        for row in table.rows {
            // Spreadsheets drop the zeros in front.
            let subject = Self.threeDigits(row[code] ?? "")
            if vendorOf.updateValue(row[vendor] ?? "", forKey: subject) != nil {
                note(.duplicated, subject, "the table has several rows for it; the last counts")
            }
        }
        for folder in folders("dataset") + (image("\(source)/001/001_SA_ED") == nil ? [] : [source]) {
            for subject in names(in: folder) where Int(subject) != nil {
                guard let vendor = vendorOf.removeValue(forKey: subject) else {
                    note(
                        .missing, subject,
                        "\(folder)/\(subject) is left out: the table does not name it, or it is there twice")
                    continue
                }
                for phase in Phase.allCases {
                    let name = "\(folder)/\(subject)/\(subject)_SA_\(phase.rawValue)"
                    guard let image = image(name) else {
                        note(.missing, "\(subject)-\(phase.rawValue)", "there is no \(name).nii.gz")
                        continue
                    }
                    guard let label = self.image("\(name)_gt") else {
                        note(.unlabelled, "\(subject)-\(phase.rawValue)", "there is no \(name)_gt.nii.gz")
                        continue
                    }
                    add(
                        ImportedCase(
                            center: "mnms2-\(Self.fileName(vendor))", vendor: vendor, subject: subject, phase: phase,
                            image: image, label: label))
                }
            }
        }
        for subject in vendorOf.keys.sorted() {
            note(.missing, subject, "the table names it, but it has no folder")
        }
    }

    /// The first CSV file that has these columns; those whose name says so are looked at first.
    private func table(_ columns: [String], like name: String) throws(CardiacMRError) -> Table {
        let files = allFiles().filter { path in Table.endings.contains { path.lowercased().hasSuffix($0) } }
        func isLikely(_ path: String) -> Bool { Path.name(of: path).lowercased().contains(name.lowercased()) }
        let (likely, others) = (files.filter(isLikely), files.filter { !isLikely($0) })
        for file in likely + others {
            guard let table = try? Table(path: file), columns.allSatisfy(table.has) else { continue }
            return table
        }
        // The likeliest file's own error says which column is missing.
        if let file = likely.first {
            let table = try Table(path: file)
            for column in columns { _ = try table.column(column) }
        }
        throw .reading(
            source,
            "there is no CSV table (\(Table.endings.joined(separator: ", "))) in it with the columns \(columns.joined(separator: ", "))",
            "put the data set's own table (\(name)….csv) beside its folders")
    }

    private static func threeDigits(_ text: String) -> String {
        let number = text.prefix { $0.isNumber }
        return String(repeating: "0", count: max(0, 3 - number.count)) + number
    }

    /// A text as a part of a file's name: lower case, no blanks.
    private static func fileName(_ text: String) -> String {
        let whole = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        let name = whole.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
        return name.isEmpty ? "unknown" : String(String(name).prefix(60))
    }
}
