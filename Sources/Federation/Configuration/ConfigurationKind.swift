/// Why a value does not suit its key: the reason part of an error's sentence.
struct ConfigurationMismatch: Error {
    var reason: String

    static let outOfRange = ConfigurationMismatch(reason: "the value is out of range")
}

/// What a key accepts: how a setting becomes a `Value`, and back.
struct ConfigurationKind<Value: Sendable>: Sendable {
    /// What is accepted, after "give": `"a whole number from 1 to 10000"`.
    let accepts: String
    /// Whether `--set` takes the text after the equals sign as it is, without reading it as YAML.
    var isVerbatim = false
    let read: @Sendable (ConfigurationValue) throws(ConfigurationMismatch) -> Value
    let write: @Sendable (Value) -> ConfigurationValue
}

extension ConfigurationKind where Value: FixedWidthInteger {
    /// A whole number in `range` that is a multiple of `step`.
    static func whole(_ range: ClosedRange<Value>, multipleOf step: Value = 1) -> ConfigurationKind {
        let steps = step == 1 ? "" : " that is a multiple of \(step)"
        return ConfigurationKind(
            accepts: "a whole number from \(range.lowerBound) to \(range.upperBound)\(steps)",
            read: { value throws(ConfigurationMismatch) in
                let number: Value = try wholeNumber(value)
                guard range.contains(number) else { throw .outOfRange }
                guard number % step == 0 else {
                    throw ConfigurationMismatch(reason: "the value is not a multiple of \(step)")
                }
                return number
            },
            write: { .plain(String($0)) })
    }
}

extension ConfigurationKind<Double> {
    /// A number in `range`; `excludingLowest` leaves out the lower bound.
    static func number(_ range: ClosedRange<Double>, excludingLowest: Bool = false) -> ConfigurationKind {
        let low = ConfigurationValue.number(range.lowerBound).yaml
        let high = ConfigurationValue.number(range.upperBound).yaml
        return ConfigurationKind(
            accepts: excludingLowest ? "a number above \(low), at most \(high)" : "a number from \(low) to \(high)",
            read: { value throws(ConfigurationMismatch) in
                let number = try realNumber(value)
                guard range.contains(number), !excludingLowest || number > range.lowerBound else { throw .outOfRange }
                return number
            },
            write: { .number($0) })
    }

    /// A probability.
    static var probability: ConfigurationKind { number(0...1) }
}

extension ConfigurationKind<ClosedRange<Double>> {
    /// An interval within `bounds`, written as `[lowest, highest]`.
    static func interval(_ bounds: ClosedRange<Double>) -> ConfigurationKind {
        let low = ConfigurationValue.number(bounds.lowerBound).yaml
        let high = ConfigurationValue.number(bounds.upperBound).yaml
        return ConfigurationKind(
            accepts: "[lowest, highest], two numbers from \(low) to \(high)",
            read: { value throws(ConfigurationMismatch) in
                guard case .list(let elements) = value, elements.count == 2 else {
                    throw ConfigurationMismatch(reason: "the value is not a list of two numbers")
                }
                let lowest = try realNumber(elements[0])
                let highest = try realNumber(elements[1])
                guard bounds.contains(lowest), bounds.contains(highest) else { throw .outOfRange }
                guard lowest <= highest else {
                    throw ConfigurationMismatch(reason: "the first number is above the second")
                }
                return lowest...highest
            },
            write: { .list([.number($0.lowerBound), .number($0.upperBound)]) })
    }
}

extension ConfigurationKind<Bool> {
    /// true or false.
    static var truth: ConfigurationKind {
        ConfigurationKind(
            accepts: "true or false",
            read: { value throws(ConfigurationMismatch) in
                switch value {
                case .plain("true"): true
                case .plain("false"): false
                default: throw ConfigurationMismatch(reason: "the value is neither true nor false")
                }
            },
            write: { .plain($0 ? "true" : "false") })
    }
}

extension ConfigurationKind where Value: CaseIterable & RawRepresentable<String> {
    /// One of the names of an enumeration.
    static var choice: ConfigurationKind {
        let word = ConfigurationKind<String>.word(of: Value.allCases.map(\.rawValue))
        return ConfigurationKind(
            accepts: word.accepts,
            read: { value throws(ConfigurationMismatch) in
                guard let choice = Value(rawValue: try word.read(value)) else {
                    throw ConfigurationMismatch(reason: "there is no such choice")
                }
                return choice
            },
            write: { word.write($0.rawValue) })
    }
}

extension ConfigurationKind<String?> {
    /// The path of a file or folder, or nothing.
    static var path: ConfigurationKind {
        ConfigurationKind(
            accepts: "a path", isVerbatim: true,
            read: { value throws(ConfigurationMismatch) in
                if case .plain(let text) = value, ConfigurationValue.isNull(text) { return nil }
                guard let path = scalar(value) else { throw ConfigurationMismatch(reason: "the value is not a path") }
                guard !path.isEmpty, !path.unicodeScalars.contains("\0") else {
                    throw ConfigurationMismatch(reason: "no file can have this name")
                }
                return path
            },
            write: { $0.map(ConfigurationValue.text) ?? .plain("null") })
    }
}

// MARK: Scalars

/// The text of a scalar, quoted or not; nil for lists and groups.
func scalar(_ value: ConfigurationValue) -> String? {
    switch value {
    case .plain(let text), .quoted(let text): text
    case .list, .group: nil
    }
}

/// An unquoted whole number. Numbers beyond the type's are out of range, whatever their length.
func wholeNumber<Number: FixedWidthInteger>(_ value: ConfigurationValue) throws(ConfigurationMismatch) -> Number {
    guard case .plain(let text) = value else { throw ConfigurationMismatch(reason: "the value is not a whole number") }
    if let number = Number(text) { return number }
    let digits = text.drop { $0 == "-" || $0 == "+" }
    guard !digits.isEmpty, text.count - digits.count <= 1, digits.allSatisfy({ ("0"..."9").contains($0) }) else {
        throw ConfigurationMismatch(reason: "the value is not a whole number")
    }
    throw .outOfRange
}

/// An unquoted decimal number that is finite. −0 is read as 0, so that equal values have one text.
func realNumber(_ value: ConfigurationValue) throws(ConfigurationMismatch) -> Double {
    guard case .plain(let text) = value, let number = Double(text), text.allSatisfy({ "0123456789+-.eE".contains($0) })
    else { throw ConfigurationMismatch(reason: "the value is not a number") }
    guard number.isFinite else { throw .outOfRange }
    return number + 0
}
