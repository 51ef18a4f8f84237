#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// A transform of the plane, the same for all slices of a volume: for each output pixel where it comes from.
struct PlaneWarp {
    private let height, width: Int
    /// The pixel left above of each output's source, and how far the source lies from it; `outside` where there is none.
    private var corners: [Int32]
    private var fractions: [SIMD2<Float>]
    private static let outside = Int32.min

    /// What a transform consists of, applied in this order: displacement, rotation and scaling, mirrors.
    struct Parameters {
        var mirrorsRows = false
        var mirrorsColumns = false
        /// In radians.
        var rotation = 0.0
        var magnification = 1.0
        var elastic: ElasticField?
        /// Row spacing over column spacing: rotations are in mm.
        var aspect = 1.0

        var isIdentity: Bool {
            !mirrorsRows && !mirrorsColumns && rotation == 0 && magnification == 1 && elastic == nil
        }
    }

    init(_ parameters: Parameters, height: Int, width: Int) {
        self.height = height
        self.width = width
        corners = [Int32](repeating: Self.outside, count: height * width)
        fractions = [SIMD2<Float>](repeating: .zero, count: height * width)
        // The inverse of the transform: from output to source.
        let cosine = cos(parameters.rotation) / parameters.magnification
        let sine = sin(parameters.rotation) / parameters.magnification
        let (middleX, middleY) = (Double(width - 1) / 2, Double(height - 1) / 2)
        for row in 0..<height {
            let y = (Double(row) - middleY) * (parameters.mirrorsRows ? -1 : 1)
            for column in 0..<width {
                let x = (Double(column) - middleX) * (parameters.mirrorsColumns ? -1 : 1)
                var sourceX = x * cosine + y * parameters.aspect * sine + middleX
                var sourceY = y * cosine - x / parameters.aspect * sine + middleY
                if let shift = parameters.elastic?.displacement(row: row, column: column) {
                    sourceX += Double(shift.x)
                    sourceY += Double(shift.y)
                }
                guard sourceX > -0.5, sourceY > -0.5, sourceX < Double(width) - 0.5, sourceY < Double(height) - 0.5
                else { continue }
                let (left, top) = (sourceX.rounded(.down), sourceY.rounded(.down))
                // One row and column of margin keep the corner's number positive.
                corners[row * width + column] = (Int32(top) + 1) * Int32(width + 1) + Int32(left) + 1
                fractions[row * width + column] = [Float(sourceX - left), Float(sourceY - top)]
            }
        }
    }

    /// Interpolates a slice by Catmull and Rom's cubic; what comes from outside is `air`.
    func apply(_ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, air: Float) {
        for index in 0..<height * width {
            guard corners[index] != Self.outside else {
                output[index] = air
                continue
            }
            let (top, left) = place(index)
            let (across, down) = (Self.weights(fractions[index].x), Self.weights(fractions[index].y))
            var sum: Float = 0
            if top >= 1, left >= 1, top + 2 < height, left + 2 < width {
                for row in 0..<4 {
                    let line = input + (top - 1 + row) * width + left - 1
                    sum += down[row] * (across * SIMD4(line[0], line[1], line[2], line[3])).sum()
                }
            } else {
                for row in 0..<4 {
                    let line = input + min(max(top - 1 + row, 0), height - 1) * width
                    for column in 0..<4 {
                        sum += down[row] * across[column] * line[min(max(left - 1 + column, 0), width - 1)]
                    }
                }
            }
            output[index] = sum
        }
    }

    /// The class with the highest linearly interpolated mask; the lower of equals, background outside.
    func apply(_ input: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>) {
        for index in 0..<height * width {
            guard corners[index] != Self.outside else {
                output[index] = 0
                continue
            }
            let (top, left) = place(index)
            let (upper, lower) = (max(top, 0) * width, min(top + 1, height - 1) * width)
            let (near, far) = (max(left, 0), min(left + 1, width - 1))
            let labels = SIMD4(input[upper + near], input[upper + far], input[lower + near], input[lower + far])
            guard labels.min() != labels.max() else {
                output[index] = labels[0]
                continue
            }
            let (u, v) = (fractions[index].x, fractions[index].y)
            let weights: SIMD4<Float> = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]
            var best: (weight: Float, label: UInt8) = (-1, 0)
            for corner in 0..<4 {
                var weight: Float = 0
                for other in 0..<4 where labels[other] == labels[corner] { weight += weights[other] }
                if weight > best.weight || weight == best.weight && labels[corner] < best.label {
                    best = (weight, labels[corner])
                }
            }
            output[index] = best.label
        }
    }

    private func place(_ index: Int) -> (top: Int, left: Int) {
        let (row, column) = Int(corners[index]).quotientAndRemainder(dividingBy: width + 1)
        return (row - 1, column - 1)
    }

    private static func weights(_ t: Float) -> SIMD4<Float> {
        let square = t * t
        let cube = square * t
        return [
            -0.5 * t + square - 0.5 * cube, 1 - 2.5 * square + 1.5 * cube, 0.5 * t + 2 * square - 1.5 * cube,
            0.5 * (cube - square),
        ]
    }
}
