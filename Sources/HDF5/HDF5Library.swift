internal import CHDF5

/// The HDF5 library that this process has loaded.
package enum HDF5Library {
    /// Its version: "1.10.8".
    package static var version: String {
        var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
        guard H5get_libversion(&major, &minor, &release) >= 0 else { return "unknown" }
        return "\(major).\(minor).\(release)"
    }
}
