internal import CHDF5
import Synchronization

/// An open HDF5 file; closed when it goes out of scope, or by ``close()``, which reports what `deinit` cannot.
///
/// Paths inside a file are names joined by slashes ("network/global_encoder/level1/conv1/weight"); "/" is the root, a
/// leading slash is optional. Only the elements of datasets carry checksums: HDF5 trusts the structure of a file, and may
/// even end the process over a damaged one, so check a checksum of the whole file first where one is at hand. Files are not locked: a file has one writer at a time. Calls may come from any thread and
/// run one after the other, since the library is not thread-safe.
package struct HDF5File: ~Copyable {
    /// The path that the file was opened at, for messages.
    package let path: String
    private(set) var identifier: hid_t

    private init(path: String, identifier: hid_t) {
        self.path = path
        self.identifier = identifier
    }

    /// Creates a file, in place of one that is there.
    package static func create(at path: String) throws(HDF5Error) -> HDF5File {
        try open(path, attempted: "create") { access in
            H5Fcreate(path, CHDF5_F_ACC_TRUNC(), CHDF5_P_DEFAULT(), access.file)
        }
    }

    /// Creates a file that exists in memory only, until ``withImage(_:)`` gives its bytes to whoever writes them.
    /// - Parameter name: for messages.
    package static func createInMemory(_ name: String) throws(HDF5Error) -> HDF5File {
        // The library takes two open files of one name for the same.
        let unique = "\(name)#\(memoryFiles.wrappingAdd(1, ordering: .relaxed).newValue)"
        return try open(name, attempted: "create in memory") { access in
            H5Fcreate(unique, CHDF5_F_ACC_TRUNC(), CHDF5_P_DEFAULT(), access.memory)
        }
    }

    private static let memoryFiles = Atomic<Int>(0)

    /// Opens a file for reading.
    /// - Throws: an error that tells a missing file, one that is not HDF5 and a truncated one apart.
    package static func open(at path: String) throws(HDF5Error) -> HDF5File {
        if let damage = GlobalHeap.damage(of: path) {
            throw Attempt(attempted: "open", subject: path).failure(damage, remedy: "use another copy of the file")
        }
        return try open(path, attempted: "open") { access in H5Fopen(path, CHDF5_F_ACC_RDONLY(), access.file) }
    }

    /// Opens a file that exists, to add to it or to change its attributes.
    package static func openForUpdate(at path: String) throws(HDF5Error) -> HDF5File {
        try open(path, attempted: "open for writing") { access in H5Fopen(path, CHDF5_F_ACC_RDWR(), access.file) }
    }

    private static func open(
        _ path: String, attempted: String, with call: (Library.Access) -> hid_t
    ) throws(HDF5Error) -> HDF5File {
        let attempt = Attempt(attempted: attempted, subject: path)
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw attempt.failure("the path is empty or has a NUL in it", remedy: "check the path")
        }
        return try Library.locked { access throws(HDF5Error) in
            LibraryFailure.note(attempt)
            let identifier = try attempt.check(call(access))
            return HDF5File(path: path, identifier: identifier)
        }
    }

    deinit {
        let closing = identifier
        guard closing >= 0 else { return }
        // There is nobody to tell; whoever needs to know calls `close()`.
        try? Library.locked { _ in _ = H5Fclose(closing) }
    }

    /// Writes what the library still holds back and closes the file. It is not yet on the disk for good: HDF5 never
    /// calls `fsync`.
    /// - Throws: when the rest could not be written (a full disk); the file must not be used then.
    package consuming func close() throws(HDF5Error) {
        let closing = identifier
        let attempt = attempt("close")
        identifier = -1
        try Library.locked { _ throws(HDF5Error) in _ = try attempt.check(H5Fclose(closing)) }
    }

    /// Calls `body` with the bytes of a file that was created in memory, as they are to be on a disk.
    ///
    /// Other files may be used meanwhile, on other threads; this one may not.
    package func withImage<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws -> Result {
        let attempt = attempt("lay out")
        let image = try Library.locked { access throws(HDF5Error) in
            _ = try attempt.check(H5Fflush(identifier, H5F_SCOPE_GLOBAL))
            var start: UnsafeMutableRawPointer?
            _ = try attempt.check(H5Fget_vfd_handle(identifier, access.memory, &start))
            // Without a place for the image, its size: the memory has some more, which H5Fget_filesize would count.
            let size = H5Fget_file_image(identifier, nil, 0)
            // What the driver gives is the address of its pointer to the memory.
            guard size >= 0, let memory = start?.load(as: UnsafeRawPointer?.self) else {
                throw attempt.failure("the library does not give its image", remedy: "this is a defect")
            }
            return UnsafeRawBufferPointer(start: memory, count: size)
        }
        return try body(image)
    }

    /// The start of errors about the file as a whole.
    func attempt(_ attempted: String) -> Attempt { Attempt(attempted: attempted, subject: path) }

    /// The start of errors about an object in the file.
    func attempt(_ attempted: String, _ kind: String, _ name: String) -> Attempt {
        Attempt(attempted: attempted, subject: "\(kind) \(name) in \(path)")
    }
}
