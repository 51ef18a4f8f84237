import Foundation
import Tensors

extension RandomStream {
    /// A number of the gamma distribution with scale 1 (Marsaglia, Tsang: "A simple method for generating gamma variables", ACM
    /// TOMS 26, 2000; below a shape of 1 by their last section).
    package mutating func gamma(shape: Double) -> Double {
        guard shape >= 1 else {
            let larger = gamma(shape: shape + 1)
            return larger * pow(max(uniform(), 0x1p-53), 1 / shape)
        }
        let d = shape - 1 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = pow(1 + c * x, 3)
            guard v > 0 else { continue }
            if log(max(uniform(), 0x1p-53)) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
        }
    }
}
