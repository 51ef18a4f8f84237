internal import CHDF5

/// Reads the value of an open attribute. Under the library's lock.
struct AttributeReader: ~Copyable {
    private let attribute: hid_t
    private let attempt: Attempt
    private let type: Handle
    private let space: Handle
    private let isScalar: Bool
    private let count: Int

    init(_ attribute: hid_t, _ attempt: Attempt) throws(HDF5Error) {
        let type = try Handle(H5Aget_type(attribute), attempt)
        let space = try Handle(H5Aget_space(attribute), attempt)
        let shape = try extent(of: space.identifier, attempt)
        guard let count = elementCount(of: shape), count <= 1 << 22 else {
            throw attempt.failure("its shape \(shape) is too large", remedy: "check the file with h5dump -A")
        }
        self.attribute = attribute
        self.attempt = attempt
        self.type = type
        self.space = space
        self.isScalar = shape.isEmpty
        self.count = count
    }

    /// The most bytes of text that an attribute may have.
    private static let longestText = 1 << 24

    /// The value, converted to the types of this machine.
    func value() throws(HDF5Error) -> HDF5Attribute {
        switch H5Tget_class(type.identifier) {
        case H5T_INTEGER, H5T_ENUM:
            let values = try integers()
            return isScalar ? .integer(values[0]) : .integers(values)
        case H5T_FLOAT:
            let values: [Double] = try numbers(CHDF5_T_NATIVE_DOUBLE(), zero: 0)
            return isScalar ? .real(values[0]) : .reals(values)
        case H5T_STRING:
            let variable = try attempt.check(H5Tis_variable_str(type.identifier)) > 0
            let values = variable ? try variableLengthTexts() : try fixedLengthTexts()
            return isScalar ? .text(values[0]) : .texts(values)
        default:
            throw attempt.failure(
                "its type is \(ElementType.name(of: type.identifier))", remedy: "only numbers and strings are read")
        }
    }

    private func numbers<Number: BitwiseCopyable>(_ memoryType: hid_t, zero: Number) throws(HDF5Error) -> [Number] {
        var values = [Number](repeating: zero, count: count)
        guard count > 0 else { return values }
        try attempt.check(H5Aread(attribute, memoryType, &values))
        return values
    }

    private func integers() throws(HDF5Error) -> [Int] {
        guard H5Tget_sign(type.identifier) == H5T_SGN_NONE else {
            let values: [Int64] = try numbers(CHDF5_T_NATIVE_INT64(), zero: 0)
            return values.map { Int($0) }
        }
        // Read as signed, HDF5 would silently clip large values.
        let values: [UInt64] = try numbers(CHDF5_T_NATIVE_UINT64(), zero: 0)
        return try values.map { value throws(HDF5Error) in
            guard let value = Int(exactly: value) else {
                throw attempt.failure("\(value) is too large an integer", remedy: "check which program wrote the file")
            }
            return value
        }
    }

    private func variableLengthTexts() throws(HDF5Error) -> [String] {
        let memoryType = try Handle(H5Tcopy(CHDF5_T_C_S1()), attempt)
        try attempt.check(H5Tset_size(memoryType.identifier, CHDF5_T_VARIABLE()))
        try attempt.check(H5Tset_cset(memoryType.identifier, H5Tget_cset(type.identifier)))
        var pointers: [UnsafeMutablePointer<CChar>?] = try numbers(memoryType.identifier, zero: nil)
        let texts = pointers.map { pointer in pointer.map { String(cString: $0) } ?? "" }
        if count > 0 { try attempt.check(CHDF5_Treclaim(memoryType.identifier, space.identifier, &pointers)) }
        return texts
    }

    private func fixedLengthTexts() throws(HDF5Error) -> [String] {
        let length = H5Tget_size(type.identifier)
        guard count > 0, length > 0 else { return [String](repeating: "", count: count) }
        let (bytesOfAll, overflow) = count.multipliedReportingOverflow(by: length)
        guard !overflow, bytesOfAll <= Self.longestText else {
            throw attempt.failure(
                "it claims \(count) texts of \(length) bytes", remedy: "check the file with h5dump -A")
        }
        var bytes = [UInt8](repeating: 0, count: count * length)
        try attempt.check(H5Aread(attribute, type.identifier, &bytes))
        let padded = H5Tget_strpad(type.identifier) == H5T_STR_SPACEPAD
        return (0..<count).map { index in
            var text = bytes[index * length..<(index + 1) * length].prefix { $0 != 0 }
            while padded, text.last == UInt8(ascii: " ") { text.removeLast() }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
