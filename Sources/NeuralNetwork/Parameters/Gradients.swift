import Tensors

/// Where a backward pass leaves the gradients of a network's parameters, layer by layer: in an array of all, or with an
/// optimizer that takes its step of a layer's parameters at once, so that no gradient of the whole network exists.
///
/// Every parameter is written once in a backward pass. A layer's parameters may change as soon as it has written its
/// gradients: it computes before what else depends on them.
package struct Gradients {
    private enum Destination {
        case kept(Parameters)
        case taken((_ range: Range<Int>, _ gradients: UnsafePointer<Float>) -> Void)
    }
    private let destination: Destination

    /// Gradients that are written to `parameters`.
    package init(to parameters: Parameters) { destination = .kept(parameters) }

    /// Gradients that are given to `body` as they come: the places of neighbouring parameters, and as many values, which
    /// exist during the call alone.
    package init(_ body: @escaping (_ range: Range<Int>, _ gradients: UnsafePointer<Float>) -> Void) {
        destination = .taken(body)
    }

    /// Has `body` write the gradients of a layer's parameters.
    /// - Parameter body: is given the place of the first one's gradient; the parameters stay as they are until it returns.
    package func write<Result>(
        _ range: Range<Int>, _ body: (_ gradients: UnsafeMutablePointer<Float>) -> Result
    ) -> Result {
        switch destination {
        case .kept(let parameters): return body(parameters.tensor.base + range.lowerBound)
        case .taken(let take):
            let gradients = Tensor(flat: range.count)
            let result = body(gradients.base)
            take(range, gradients.base)
            return result
        }
    }
}
