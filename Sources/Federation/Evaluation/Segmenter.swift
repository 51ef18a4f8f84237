import CardiacMR
import FederatedLearning
import Tensors

/// What segments a center's images: a state, the method that made it, and the head that tells the center's classes apart.
package struct Segmenter {
    private let state: CenterState
    private let method: any FederatedMethod
    private let head: Int
    private let services: Services

    /// A center's segmenter.
    /// - Parameters:
    ///   - state: of the center, or of what trains its data together with others'.
    ///   - head: the center's.
    ///   - services: the way to what of the method runs elsewhere.
    package init(_ state: CenterState, _ method: any FederatedMethod, head: Int = 0, services: Services = .here) {
        (self.state, self.method, self.head, self.services) = (state, method, head, services)
    }

    /// Classes that it tells apart, background included.
    package var classes: Int { state.heads[head] }

    /// Class probabilities (D, H, W, classes) of a sample.
    package func probabilities(_ sample: Sample) throws -> Tensor {
        try method.predict(sample.tensor, head: head, state, services)
    }

    /// The labels of a sample on its native grid.
    package func segment(_ sample: Sample) throws -> LabelVolume {
        sample.geometry.restore(probabilities: try probabilities(sample).array, classes: classes)
    }
}
