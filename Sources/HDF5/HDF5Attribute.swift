/// The value of an attribute. Arrays have one axis in files of ours; of foreign files all axes, row-major.
package enum HDF5Attribute: Equatable, Sendable {
    case integer(Int)
    case real(Double)
    case text(String)
    case integers([Int])
    case reals([Double])
    case texts([String])
}

/// A Swift type that attributes can be read and written as.
package protocol HDF5AttributeValue {
    /// For messages: "an integer".
    static var attributeDescription: String { get }
    /// The value, if the attribute is of this type or converts to it without loss.
    init?(attribute: HDF5Attribute)
    /// The attribute of this value.
    var attribute: HDF5Attribute { get }
}

/// One of the types that attributes consist of. A single value of it is read from an array of one element too, and an
/// array from a single value, since numpy programs write either.
package protocol HDF5AttributeElement: HDF5AttributeValue {
    /// For messages: "integers".
    static var pluralDescription: String { get }
    /// The elements of an attribute, if it is of this type or converts to it without loss.
    static func elements(of attribute: HDF5Attribute) -> [Self]?
    /// The attribute that is an array of these.
    static func attribute(of elements: [Self]) -> HDF5Attribute
}

extension HDF5AttributeElement {
    package init?(attribute: HDF5Attribute) {
        guard let elements = Self.elements(of: attribute), elements.count == 1 else { return nil }
        self = elements[0]
    }
}

extension Array: HDF5AttributeValue where Element: HDF5AttributeElement {
    package static var attributeDescription: String { Element.pluralDescription }

    package init?(attribute: HDF5Attribute) {
        guard let elements = Element.elements(of: attribute) else { return nil }
        self = elements
    }

    package var attribute: HDF5Attribute { Element.attribute(of: self) }
}

extension Int: HDF5AttributeElement {
    package static var attributeDescription: String { "an integer" }
    package static var pluralDescription: String { "integers" }
    package var attribute: HDF5Attribute { .integer(self) }
    package static func attribute(of elements: [Int]) -> HDF5Attribute { .integers(elements) }

    package static func elements(of attribute: HDF5Attribute) -> [Int]? {
        switch attribute {
        case .integer(let value): [value]
        case .integers(let values): values
        default: nil
        }
    }
}

extension Double: HDF5AttributeElement {
    package static var attributeDescription: String { "a number" }
    package static var pluralDescription: String { "numbers" }
    package var attribute: HDF5Attribute { .real(self) }
    package static func attribute(of elements: [Double]) -> HDF5Attribute { .reals(elements) }

    /// Takes integers too.
    package static func elements(of attribute: HDF5Attribute) -> [Double]? {
        switch attribute {
        case .real(let value): [value]
        case .reals(let values): values
        case .integer(let value): [Double(value)]
        case .integers(let values): values.map { Double($0) }
        default: nil
        }
    }
}

extension String: HDF5AttributeElement {
    package static var attributeDescription: String { "a string" }
    package static var pluralDescription: String { "strings" }
    package var attribute: HDF5Attribute { .text(self) }
    package static func attribute(of elements: [String]) -> HDF5Attribute { .texts(elements) }

    package static func elements(of attribute: HDF5Attribute) -> [String]? {
        switch attribute {
        case .text(let value): [value]
        case .texts(let values): values
        default: nil
        }
    }
}
