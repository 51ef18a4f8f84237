import Foundation

/// Folders that cohorts are written to.
enum CohortFolder {
    /// Refuses a folder that holds something: it does not exist yet or is empty.
    static func requireEmpty(_ folder: String) throws(CardiacMRError) {
        guard FileManager.default.fileExists(atPath: folder) else { return }
        guard let content = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .writing(folder, "it is not a readable folder", "choose another output folder")
        }
        guard content.isEmpty else {
            throw .writing(folder, "the folder is not empty", "choose another output folder, or remove this one")
        }
    }
}
