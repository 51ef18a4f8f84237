internal import CHDF5

/// A type of element that datasets hold. On disk all are little-endian, whatever the machine.
package protocol HDF5Scalar: BitwiseCopyable, Sendable {
    /// Which of the element types this is; the code behind the generic face works with it and raw memory.
    static var kind: HDF5Kind { get }
}

/// The element types.
package enum HDF5Kind: Sendable {
    case float32, float64, int64, uint8
}

extension Float: HDF5Scalar {
    package static var kind: HDF5Kind { .float32 }
}

extension Double: HDF5Scalar {
    package static var kind: HDF5Kind { .float64 }
}

extension Int64: HDF5Scalar {
    package static var kind: HDF5Kind { .int64 }
}

extension UInt8: HDF5Scalar {
    package static var kind: HDF5Kind { .uint8 }
}

extension HDF5Kind {
    /// Type of the elements in memory. The identifier belongs to the library.
    var memoryType: hid_t {
        switch self {
        case .float32: CHDF5_T_NATIVE_FLOAT()
        case .float64: CHDF5_T_NATIVE_DOUBLE()
        case .int64: CHDF5_T_NATIVE_INT64()
        case .uint8: CHDF5_T_NATIVE_UINT8()
        }
    }

    /// Type of the elements in a file. The identifier belongs to the library.
    var fileType: hid_t {
        switch self {
        case .float32: CHDF5_T_IEEE_F32LE()
        case .float64: CHDF5_T_IEEE_F64LE()
        case .int64: CHDF5_T_STD_I64LE()
        case .uint8: CHDF5_T_STD_U8LE()
        }
    }

    var isInteger: Bool { self == .int64 || self == .uint8 }

    /// Size of an element in bytes.
    var byteCount: Int {
        switch self {
        case .float32: 4
        case .float64, .int64: 8
        case .uint8: 1
        }
    }
}
