internal import CHDF5

/// Attributes of the root, of groups and of datasets.
extension HDF5File {
    /// Reads an attribute as `Int`, `Double`, `String` or an array of one of them. Fixed-length and variable-length
    /// strings, numpy scalars and booleans (as 0 and 1) are understood.
    /// - Throws: when the object or the attribute is missing, or the value is of another type.
    package func attribute<Value: HDF5AttributeValue>(
        _ name: String, of path: String = "/", as type: Value.Type = Value.self
    ) throws(HDF5Error) -> Value {
        let found = try anyAttribute(name, of: path)
        guard let value = Value(attribute: found) else {
            throw attempt("read", "attribute \(name) of", path).failure(
                "it is \(found), not \(Value.attributeDescription)", remedy: "check which program wrote the file")
        }
        return value
    }

    /// Reads an attribute as what it is.
    package func anyAttribute(_ name: String, of path: String = "/") throws(HDF5Error) -> HDF5Attribute {
        let attempt = attempt("read", "attribute \(name) of", path)
        return try Library.locked { access throws(HDF5Error) in
            let object = try openObject(path, attempt, access)
            guard try attempt.check(H5Aexists(object.identifier, name)) > 0 else {
                throw attempt.failure("there is no such attribute", remedy: "check which program wrote the file")
            }
            let attribute = try Handle(H5Aopen(object.identifier, name, CHDF5_P_DEFAULT()), attempt)
            return try AttributeReader(attribute.identifier, attempt).value()
        }
    }

    /// Whether the object at the path exists and has the attribute.
    package func hasAttribute(_ name: String, of path: String = "/") -> Bool {
        let attempt = attempt("look up", "attribute \(name) of", path)
        let found = try? Library.locked { access throws(HDF5Error) in
            let object = try openObject(path, attempt, access)
            return try attempt.check(H5Aexists(object.identifier, name)) > 0
        }
        return found ?? false
    }

    /// Names of the attributes of an object, sorted by their bytes.
    package func attributeNames(of path: String = "/") throws(HDF5Error) -> [String] {
        let attempt = attempt("list", "attributes of", path)
        return try Library.locked { access throws(HDF5Error) in
            let object = try openObject(path, attempt, access)
            return try namesVisited(attempt) { names in CHDF5_Aiterate(object.identifier, appendName, names) }
        }
    }

    /// Writes an attribute, in place of one of that name. Strings become UTF-8 of variable length, as h5py's.
    /// - Throws: when the object is missing or the value too large (64 KiB, strings excepted).
    package func setAttribute(
        _ name: String, of path: String = "/", to value: some HDF5AttributeValue
    ) throws(HDF5Error) {
        try setAttribute(name, of: path, to: value.attribute)
    }

    /// Writes an attribute of any type, in place of one of that name.
    package func setAttribute(
        _ name: String, of path: String = "/", to value: HDF5Attribute
    ) throws(HDF5Error) {
        let attempt = attempt("write", "attribute \(name) of", path)
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw attempt.failure("the name is empty or has a NUL in it", remedy: "choose another name")
        }
        try Library.locked { access throws(HDF5Error) in
            let object = try openObject(path, attempt, access)
            if try attempt.check(H5Aexists(object.identifier, name)) > 0 {
                try attempt.check(H5Adelete(object.identifier, name))
            }
            try AttributeWriter(object: object.identifier, name: name, attempt: attempt).write(value)
        }
    }
}
