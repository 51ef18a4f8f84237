internal import CHDF5

/// Owner of one identifier of the library (dataset, group, data space, type, property list, attribute); closes it when
/// it goes. Made, used and dropped under the library's lock.
///
/// Keep it in a constant: a temporary would be closed as soon as its identifier is read, before the call that gets it.
struct Handle: ~Copyable {
    private(set) var identifier: hid_t

    /// Takes over what a library call returned; negative means that the call failed.
    init(_ identifier: hid_t, _ attempt: Attempt) throws(HDF5Error) {
        self.identifier = identifier
        try attempt.check(identifier)
    }

    deinit {
        if identifier >= 0 { _ = H5Idec_ref(identifier) }
    }

    /// Closes now. Data still in the library's cache are written here, so whoever wrote must look at the outcome.
    consuming func close(_ attempt: Attempt) throws(HDF5Error) {
        let closing = identifier
        identifier = -1
        try attempt.check(H5Idec_ref(closing))
    }
}
