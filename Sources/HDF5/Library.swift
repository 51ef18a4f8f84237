internal import CHDF5

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The HDF5 library of this process: one lock, since most builds of it are not thread-safe, and the property lists
/// that every file is opened with.
final class Library: @unchecked Sendable {
    private static let shared = Library()

    /// Of files: no file locking, since parallel file systems often lack it and our files have one writer each.
    private let fileAccess: hid_t
    /// Of files that exist in memory only.
    private let memoryAccess: hid_t
    /// Of paths: external links open their file for reading only, and without locking.
    private let linkAccess: hid_t
    /// Of new objects: missing groups on the way are created, names are UTF-8.
    private let linkCreation: hid_t
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    private init() {
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        // Closing a file in a `deinit` may happen inside another call.
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)

        // Releases without the property obey the environment only; a choice of the user is kept.
        if CHDF5_HAS_FILE_LOCKING_PROPERTY() == 0 { setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0) }
        // After a failed write (a full disk) the library's closing at exit, which tries again, ends in a crash. Whatever
        // is open has its owner here; what an exit leaves open is unfinished anyway.
        _ = H5dont_atexit()
        let opened = H5open()
        precondition(opened >= 0, "the HDF5 library cannot be initialized")
        fileAccess = H5Pcreate(CHDF5_P_FILE_ACCESS())
        memoryAccess = H5Pcreate(CHDF5_P_FILE_ACCESS())
        linkAccess = H5Pcreate(CHDF5_P_LINK_ACCESS())
        linkCreation = H5Pcreate(CHDF5_P_LINK_CREATE())
        let statuses = [
            CHDF5_Pset_file_locking(fileAccess, 0),
            CHDF5_Pset_fapl_core(memoryAccess, Library.memoryIncrement),
            H5Pset_elink_fapl(linkAccess, fileAccess),
            H5Pset_elink_acc_flags(linkAccess, CHDF5_F_ACC_RDONLY()),
            H5Pset_create_intermediate_group(linkCreation, 1),
            H5Pset_char_encoding(linkCreation, H5T_CSET_UTF8),
        ]
        precondition(statuses.allSatisfy { $0 >= 0 }, "the HDF5 library refuses its property lists")
        LibraryFailure.explain()
    }

    /// By how many bytes a file in memory grows.
    private static let memoryIncrement = 4 << 20

    /// The property lists, to be used under the lock.
    struct Access {
        let file: hid_t
        let memory: hid_t
        let link: hid_t
        let creation: hid_t
    }

    /// Runs `body` as the only user of the library in this process.
    static func locked<Result: ~Copyable>(
        _ body: (Access) throws(HDF5Error) -> Result
    ) throws(HDF5Error) -> Result {
        let library = shared
        pthread_mutex_lock(library.mutex)
        LibraryFailure.enter()
        defer {
            LibraryFailure.leave()
            pthread_mutex_unlock(library.mutex)
        }
        // Builds that are thread-safe keep this setting per thread.
        H5Eset_auto2(CHDF5_E_DEFAULT(), nil, nil)
        return try body(
            Access(
                file: library.fileAccess, memory: library.memoryAccess, link: library.linkAccess,
                creation: library.linkCreation))
    }
}
