import Tensors

/// One value for every parameter of a layout: a network's, its gradients or an optimizer's moments.
///
/// A reference: copies share their values, except those that ``copy()`` makes. An image can never be taken for one.
package struct Parameters: Sendable {
    /// Names, shapes and places.
    package let layout: ParameterLayout
    /// All values in the layout's order.
    package let tensor: Tensor

    /// Memory for all values, which are undefined.
    package init(undefined layout: ParameterLayout) {
        self.layout = layout
        tensor = Tensor(flat: layout.count)
    }

    /// Zeros.
    package init(zeros layout: ParameterLayout) {
        self.layout = layout
        tensor = .zeros(Shape(depth: 1, height: 1, width: 1, channels: layout.count))
    }

    private init(_ layout: ParameterLayout, _ tensor: Tensor) {
        self.layout = layout
        self.tensor = tensor
    }

    /// A copy with memory of its own.
    package func copy() -> Parameters { Parameters(layout, tensor.copy()) }

    /// `self · share + other · (1 − share)`, with memory of its own.
    package func mixed(with other: Parameters, share: Float) -> Parameters {
        Parameters(layout, Elementwise.mixture(tensor, other.tensor, share: share))
    }

    /// Takes another's values. Both have the same layout.
    package func assign(_ other: Parameters) {
        precondition(other.count == count, "\(other.count) values for \(count) parameters")
        Elementwise.copy(other.tensor, to: tensor)
    }

    /// Number of values.
    package var count: Int { layout.count }

    /// The values in the layout's order.
    package var values: UnsafeMutableBufferPointer<Float> { tensor.values }

    /// The values as an array, in the layout's order.
    package var array: [Float] { tensor.array }

    /// The first value of a parameter.
    package subscript(place: ParameterLayout.Place) -> UnsafeMutablePointer<Float> { tensor.base + place.offset }

    /// The values of some neighbouring parameters.
    package subscript(range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: tensor.values[range])
    }
}
