import NeuralNetwork
import Tensors

/// A convolution's kernel as a matrix, and the amplitudes of its two-dimensional Fourier transform.
///
/// A kernel (out, in, kD, kH, kW) is flattened to (in · kD · kH) rows of (kW · out) columns: the paper's (in · kH, kW · out), with
/// the depth beside the height.
struct KernelSpectrum {
    private let entry: ParameterLayout.Entry
    private let (rows, columns): (Int, Int)

    /// The spectrum of a parameter; nil where it is no kernel.
    init?(_ entry: ParameterLayout.Entry) {
        guard entry.layer == .convolution, entry.shape.count == 5 else { return nil }
        self.entry = entry
        rows = entry.shape[1] * entry.shape[2] * entry.shape[3]
        columns = entry.shape[4] * entry.shape[0]
    }

    /// Writes the amplitudes of all frequencies of a kernel in its places of other parameters.
    func setAmplitudes(of parameters: Parameters, in spectrum: Parameters) {
        let amplitudes = transform(of: parameters).map { Float(($0 * $0).sum().squareRoot()) }
        entry.setPytorchValues(kernel(amplitudes), in: spectrum)
    }

    /// Replaces the amplitudes of a kernel's low frequencies and keeps phases and all else.
    /// - Parameters:
    ///   - spectrum: where the amplitudes are.
    ///   - rate: the share of each axis that is low: of n frequencies those from −⌊n · rate / 2⌋ up to, without, the opposite.
    func setLowAmplitudes(of parameters: Parameters, to spectrum: Parameters, rate: Double) {
        let amplitudes = matrix(entry.pytorchValues(spectrum))
        var values = transform(of: parameters)
        let (lowRows, lowColumns) = (Self.low(rows, rate), Self.low(columns, rate))
        for row in lowRows {
            for column in lowColumns {
                let index = row * columns + column
                let amplitude = (values[index] * values[index]).sum().squareRoot()
                let wanted = Double(amplitudes[index])
                // The phase of 0 is 0.
                values[index] = amplitude > 0 ? values[index] * (wanted / amplitude) : [wanted, 0]
            }
        }
        entry.setPytorchValues(
            kernel(FourierTransform.inverse(values, rows: rows, columns: columns)), in: parameters)
    }

    /// The indices of an axis whose frequencies are low, as a transform orders them: from 0 up, then the negative ones.
    private static func low(_ count: Int, _ rate: Double) -> [Int] {
        let bound = Int(Double(count) * rate / 2)
        return (-bound..<bound).map { ($0 + count) % count }
    }

    private func transform(of parameters: Parameters) -> [FourierTransform.Complex] {
        FourierTransform.forward(matrix(entry.pytorchValues(parameters)), rows: rows, columns: columns)
    }

    /// From PyTorch's order to the matrix.
    private func matrix(_ values: [Float]) -> [Float] {
        let perOutput = rows * entry.shape[4]
        var result = values
        forEach { output, row, tap, index in
            result[index] = values[output * perOutput + row * entry.shape[4] + tap]
        }
        return result
    }

    /// From the matrix to PyTorch's order.
    private func kernel(_ matrix: [Float]) -> [Float] {
        let perOutput = rows * entry.shape[4]
        var result = matrix
        forEach { output, row, tap, index in
            result[output * perOutput + row * entry.shape[4] + tap] = matrix[index]
        }
        return result
    }

    /// Calls `body(output, row, tap of the width, index in the matrix)` for every value.
    private func forEach(_ body: (Int, Int, Int, Int) -> Void) {
        let (outputs, taps) = (entry.shape[0], entry.shape[4])
        for row in 0..<rows {
            for tap in 0..<taps {
                for output in 0..<outputs { body(output, row, tap, row * columns + tap * outputs + output) }
            }
        }
    }
}
