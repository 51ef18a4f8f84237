internal import CMPI

/// A type of element that ranks exchange.
package protocol MPIScalar: BitwiseCopyable, Sendable {
    /// Which of the element types this is; the code behind the generic face works with it and raw memory.
    static var kind: MPIKind { get }
}

/// The element types.
package enum MPIKind: Sendable {
    case float, double, int64, uint64, uint8
}

extension Float: MPIScalar {
    package static var kind: MPIKind { .float }
}

extension Double: MPIScalar {
    package static var kind: MPIKind { .double }
}

extension Int64: MPIScalar {
    package static var kind: MPIKind { .int64 }
}

extension UInt64: MPIScalar {
    package static var kind: MPIKind { .uint64 }
}

extension UInt8: MPIScalar {
    package static var kind: MPIKind { .uint8 }
}

/// How an all-reduce combines the values of the ranks.
package enum MPIReduction: Sendable {
    /// Integers wrap around. Sums of floating point numbers are rounded in an order that depends on the ranks.
    case sum
    case minimum
    case maximum

    var operation: CMPI_Op {
        switch self {
        case .sum: CMPI_SUM()
        case .minimum: CMPI_MIN()
        case .maximum: CMPI_MAX()
        }
    }
}

extension MPIKind {
    var datatype: CMPI_Datatype {
        switch self {
        case .float: CMPI_FLOAT()
        case .double: CMPI_DOUBLE()
        case .int64: CMPI_INT64_T()
        case .uint64: CMPI_UINT64_T()
        case .uint8: CMPI_UINT8_T()
        }
    }

    /// Size of an element in bytes.
    var byteCount: Int {
        switch self {
        case .float: 4
        case .double, .int64, .uint64: 8
        case .uint8: 1
        }
    }
}
