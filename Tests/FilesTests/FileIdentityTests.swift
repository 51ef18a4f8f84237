import Foundation
import Testing

import Files

@Suite("Files under other names")
struct FileIdentityTests {
    @Test("an output that is an input is found under every name of it, and two outputs of one name, too")
    func collisions() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "files-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/sub", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let scan = folder + "/scan.nii"
        try Data([1]).write(to: URL(filePath: scan))
        try FileManager.default.createSymbolicLink(atPath: folder + "/link.nii", withDestinationPath: scan)
        try FileManager.default.createSymbolicLink(atPath: folder + "/folder", withDestinationPath: folder)
        try FileManager.default.linkItem(atPath: scan, toPath: folder + "/hard.nii")
        for name in ["scan.nii", "link.nii", "hard.nii", "folder/scan.nii", "sub/../scan.nii"] {
            let found = FileIdentity.collision(outputs: ["\(folder)/\(name)"], inputs: [scan])
            #expect(found?.output == "\(folder)/\(name)" && found?.other == scan, "\(name)")
        }
        #expect(FileIdentity.collision(outputs: [folder + "/new.nii"], inputs: [scan]) == nil)
        #expect(FileIdentity.collision(outputs: [folder + "/new", folder + "/folder/new"], inputs: []) != nil)
        #expect(FileIdentity.collision(outputs: [folder + "/a", folder + "/b"], inputs: [folder + "/a"]) == nil)
    }
}
