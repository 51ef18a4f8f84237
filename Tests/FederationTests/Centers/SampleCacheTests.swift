import CardiacMR
import Federation
import Foundation
import HDF5
import Testing

@Suite("Cache of prepared volumes")
struct SampleCacheTests {
    /// Two small centers on disk, and where their cache goes.
    private struct Example {
        let folder: TemporaryFolder
        var data: String { folder.path + "/data" }
        var cache: String { folder.path + "/cache" }

        init() throws {
            folder = try TemporaryFolder()
            _ = try PhantomSimulator(PhantomSettings(centers: 2, subjects: 2, depth: 2, height: 32, width: 32))
                .write(to: folder.path + "/data")
        }
    }

    private static func samples(_ example: Example, _ cache: String?, spacing: Double = 8) throws -> [[Sample]] {
        var configuration = Configuration(preset: .tiny)
        configuration.preprocessing.spacing = spacing
        configuration.preprocessing.cache = cache
        let data = try CenterData(configuration, capacity: 1) { Issue.record("warning: \($0)") }
        return try Cohort.loadAll(data: example.data).map { try data.trainingSamples(Participant($0)).map(\.sample) }
    }

    @Test("gives the very samples that preparing gives, and takes them from its files")
    func same() throws {
        let example = try Example()
        let cache = example.cache
        let prepared = try Self.samples(example, nil)
        #expect(try Self.samples(example, cache) == prepared)
        let files = Disk.names(cache)
        #expect(files.count == prepared.count)
        let dates = try files.map { try Self.date("\(cache)/\($0)") }
        #expect(try Self.samples(example, cache) == prepared)
        #expect(try files.map { try Self.date("\(cache)/\($0)") } == dates, "nothing was written again")
    }

    @Test("is made again when a setting or an image changes, or its file is damaged")
    func renewal() throws {
        let example = try Example()
        let cache = example.cache
        _ = try Self.samples(example, cache)
        #expect(try Self.samples(example, cache, spacing: 6) == Self.samples(example, nil, spacing: 6))

        let cohort = try #require(try Cohort.loadAll(data: example.data).first)
        let image = cohort.path(of: try #require(cohort.cases(in: .train).first).image)
        var volume = try NIfTI.read(image)
        volume.voxels.reverse()
        try NIfTI.write(volume, to: image, as: .int16)
        let changed = try Self.samples(example, nil)
        #expect(try Self.samples(example, cache) == changed)

        let file = "\(cache)/\(cohort.center).h5"
        try Data("no HDF5".utf8).write(to: URL(fileURLWithPath: file))
        #expect(try Self.samples(example, cache) == changed)
        #expect(try Self.samples(example, cache) == changed)
    }

    @Test("is made again when a label changes, and when a bit of its voxels has turned")
    func content() throws {
        let example = try Example()
        let cache = example.cache
        let before = try Self.samples(example, cache)
        let cohort = try #require(try Cohort.loadAll(data: example.data).first)
        let label = cohort.path(of: try #require(cohort.cases(in: .train).first).label)
        var volume = try NIfTI.read(label)
        volume.voxels.reverse()
        try NIfTI.write(volume, to: label, as: .uint8)
        let changed = try Self.samples(example, nil)
        #expect(changed != before)
        #expect(try Self.samples(example, cache) == changed, "the cache knows nothing of the label")

        // HDF5's own checksum is made right again: what is left is the cache's.
        let file = "\(cache)/\(cohort.center).h5"
        let stored = try HDF5File.openForUpdate(at: file)
        try stored.setAttribute("crc32", of: "000000", to: "00000000")
        try stored.close()
        #expect(try Self.samples(example, cache) == changed, "the cache's checksum is not looked at")
        let again = try HDF5File.open(at: file)
        let checksum: String = try again.attribute("crc32", of: "000000")
        #expect(checksum != "00000000", "the file was not made again")
    }

    @Test("no more centers' samples are in memory than there may be")
    func capacity() throws {
        let example = try Example()
        let data = try CenterData(Configuration(preset: .tiny), capacity: 1) { _ in }
        for cohort in try Cohort.loadAll(data: example.data) {
            _ = try data.trainingSamples(Participant(cohort))
            #expect(data.resident == [cohort.center])
        }
    }

    private static func date(_ path: String) throws -> Date? {
        try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    }
}
