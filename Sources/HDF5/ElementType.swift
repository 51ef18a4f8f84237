internal import CHDF5

/// Names of element types, for messages and listings.
enum ElementType {
    /// "float32", "uint8", "big-endian int16", "string", "bool" …, as numpy calls them where it has a name.
    static func name(of type: hid_t) -> String {
        let bits = H5Tget_size(type) * 8
        let order = H5Tget_order(type) == H5T_ORDER_BE && bits > 8 ? "big-endian " : ""
        switch H5Tget_class(type) {
        case H5T_INTEGER: return order + (H5Tget_sign(type) == H5T_SGN_NONE ? "uint" : "int") + "\(bits)"
        case H5T_FLOAT: return order + "float\(bits)"
        case H5T_STRING: return "string"
        case H5T_ENUM: return bits == 8 && H5Tget_nmembers(type) == 2 ? "bool" : "enumeration"
        case H5T_COMPOUND: return "compound"
        case H5T_REFERENCE: return "reference"
        case H5T_ARRAY: return "array"
        case H5T_VLEN: return "variable-length sequence"
        case H5T_OPAQUE: return "opaque"
        case H5T_BITFIELD: return "bit field"
        default: return "unknown"
        }
    }
}
