internal import CHDF5

/// Creates an attribute of an open object. Under the library's lock.
struct AttributeWriter {
    let object: hid_t
    let name: String
    let attempt: Attempt

    func write(_ value: HDF5Attribute) throws(HDF5Error) {
        switch value {
        case .integer(let value): try write(integers: [value], shape: [])
        case .integers(let values): try write(integers: values, shape: [values.count])
        case .real(let value): try write(reals: [value], shape: [])
        case .reals(let values): try write(reals: values, shape: [values.count])
        case .text(let value): try write(texts: [value], shape: [])
        case .texts(let values): try write(texts: values, shape: [values.count])
        }
    }

    private func write(integers: [Int], shape: [Int]) throws(HDF5Error) {
        let values = integers.map { Int64($0) }
        try write(values, CHDF5_T_STD_I64LE(), CHDF5_T_NATIVE_INT64(), shape)
    }

    private func write(reals: [Double], shape: [Int]) throws(HDF5Error) {
        try write(reals, CHDF5_T_IEEE_F64LE(), CHDF5_T_NATIVE_DOUBLE(), shape)
    }

    private func write(texts: [String], shape: [Int]) throws(HDF5Error) {
        guard !texts.contains(where: { $0.utf8.contains(0) }) else {
            throw attempt.failure("the string has a NUL in it", remedy: "take the NUL out")
        }
        let type = try Handle(H5Tcopy(CHDF5_T_C_S1()), attempt)
        try attempt.check(H5Tset_size(type.identifier, CHDF5_T_VARIABLE()))
        try attempt.check(H5Tset_cset(type.identifier, H5T_CSET_UTF8))
        // One block holds all strings; the library gets pointers into it.
        let starts = texts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.utf8.count + 1) }
        let block = texts.flatMap { text -> [UInt8] in text.utf8 + [0] }
        try block.withUnsafeBufferPointer { block throws(HDF5Error) in
            let pointers = starts.dropLast().map { start in block.baseAddress?.advanced(by: start) }
            try write(pointers, type.identifier, type.identifier, shape)
        }
    }

    private func write<Element: BitwiseCopyable>(
        _ values: [Element], _ fileType: hid_t, _ memoryType: hid_t, _ shape: [Int]
    ) throws(HDF5Error) {
        let space = try HDF5File.makeSpace(shape, attempt)
        let attribute = try Handle(
            H5Acreate2(object, name, fileType, space.identifier, CHDF5_P_DEFAULT(), CHDF5_P_DEFAULT()), attempt)
        if !values.isEmpty { try attempt.check(H5Awrite(attribute.identifier, memoryType, values)) }
        try attribute.close(attempt)
    }
}
