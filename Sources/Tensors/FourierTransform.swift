import Foundation

/// Discrete Fourier transforms of some length, in double precision, by mixed radices: Cooley and Tukey's algorithm for the
/// length's prime factors, whatever they are.
package struct FourierTransform: Sendable {
    /// A complex number: x is its real part, y its imaginary one.
    package typealias Complex = SIMD2<Double>

    private let count: Int
    private let factors: [Int]
    /// exp(−2πi k / count).
    private let roots: [Complex]

    /// Transforms of `count` numbers.
    package init(_ count: Int) {
        require(count > 0, "a Fourier transform of \(count) numbers")
        self.count = count
        var (factors, rest, factor) = ([Int](), count, 2)
        while rest > 1 {
            if factor * factor > rest { factor = rest }
            while rest % factor == 0 {
                factors.append(factor)
                rest /= factor
            }
            factor += 1
        }
        self.factors = factors
        roots = (0..<count).map { index in
            let angle = -2 * Double.pi * Double(index) / Double(count)
            return Complex(cos(angle), sin(angle))
        }
    }

    /// Y[k] = Σ_n X[n] exp(−2πi k n / count), in place.
    package func forward(_ values: inout [Complex]) {
        require(values.count == count, "\(values.count) numbers for a Fourier transform of \(count)")
        var result = values
        let radix = factors.max() ?? 1
        withUnsafeTemporaryAllocation(of: Complex.self, capacity: radix) { terms in
            values.withUnsafeBufferPointer { values in
                result.withUnsafeMutableBufferPointer { result in
                    roots.withUnsafeBufferPointer { roots in
                        transform(values[...], stride: 1, factors[...], into: result[...], roots, terms)
                    }
                }
            }
        }
        values = result
    }

    /// The inverse of ``forward(_:)``, in place.
    package func inverse(_ values: inout [Complex]) {
        for index in values.indices { values[index].y = -values[index].y }
        forward(&values)
        let scale = 1 / Double(count)
        for index in values.indices { values[index] *= Complex(scale, -scale) }
    }

    /// The transform of every `stride`-th value, by the factors of their number.
    private func transform(
        _ values: Slice<UnsafeBufferPointer<Complex>>, stride: Int, _ factors: ArraySlice<Int>,
        into result: Slice<UnsafeMutableBufferPointer<Complex>>, _ roots: UnsafeBufferPointer<Complex>,
        _ terms: UnsafeMutableBufferPointer<Complex>
    ) {
        var result = result
        guard let radix = factors.first else {
            result[result.startIndex] = values[values.startIndex]
            return
        }
        let part = result.count / radix
        for index in 0..<radix {
            let start = result.startIndex + index * part
            transform(
                values[(values.startIndex + index * stride)...], stride: stride * radix, factors.dropFirst(),
                into: result[start..<start + part], roots, terms)
        }
        for position in 0..<part {
            for index in 0..<radix { terms[index] = result[result.startIndex + position + index * part] }
            for output in 0..<radix {
                let place = position + output * part
                var (sum, turn) = (terms[0], 0)
                for index in 1..<radix {
                    turn += stride * place
                    turn %= count
                    sum += Self.product(terms[index], roots[turn])
                }
                result[result.startIndex + place] = sum
            }
        }
    }

    /// The product of two complex numbers.
    @inline(__always)
    package static func product(_ a: Complex, _ b: Complex) -> Complex {
        Complex(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x)
    }
}

extension FourierTransform {
    /// The transform of a matrix of real numbers along both axes.
    /// - Parameter matrix: `rows` times `columns` values, row after row.
    package static func forward(_ matrix: [Float], rows: Int, columns: Int) -> [Complex] {
        var values = matrix.map { Complex(Double($0), 0) }
        transform(&values, rows: rows, columns: columns) { $0.forward(&$1) }
        return values
    }

    /// The real parts of the inverse transform of a matrix along both axes.
    package static func inverse(_ matrix: consuming [Complex], rows: Int, columns: Int) -> [Float] {
        transform(&matrix, rows: rows, columns: columns) { $0.inverse(&$1) }
        return matrix.map { Float($0.x) }
    }

    private static func transform(
        _ values: inout [Complex], rows: Int, columns: Int, by body: (FourierTransform, inout [Complex]) -> Void
    ) {
        require(values.count == rows * columns, "\(values.count) values for \(rows) x \(columns)")
        let (alongRow, alongColumn) = (FourierTransform(columns), FourierTransform(rows))
        for row in 0..<rows {
            var line = Array(values[row * columns..<(row + 1) * columns])
            body(alongRow, &line)
            values.replaceSubrange(row * columns..<(row + 1) * columns, with: line)
        }
        for column in 0..<columns {
            var line = (0..<rows).map { values[$0 * columns + column] }
            body(alongColumn, &line)
            for row in 0..<rows { values[row * columns + column] = line[row] }
        }
    }
}
