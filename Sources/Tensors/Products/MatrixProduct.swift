internal import COpenBLAS

/// Matrix products by OpenBLAS, always on the calling thread: the kernels divide the work themselves, which is faster
/// for this network's shapes than OpenBLAS's threads and keeps the bits independent of their number.
enum MatrixProduct {
    /// A row-major matrix: first element, distance of rows, and whether the product uses its transpose.
    struct Operand {
        var pointer: UnsafePointer<Float>
        var rowStride: Int
        var transposed = false

        init(_ pointer: UnsafePointer<Float>, _ rowStride: Int, transposed: Bool = false) {
            self.pointer = pointer
            self.rowStride = rowStride
            self.transposed = transposed
        }

        init(_ pointer: UnsafeMutablePointer<Float>, _ rowStride: Int, transposed: Bool = false) {
            self.init(UnsafePointer(pointer), rowStride, transposed: transposed)
        }

        /// Floats from a row of the (transposed) matrix to the next.
        var rowDistance: Int { transposed ? 1 : rowStride }
        /// Floats from a column of the (transposed) matrix to the next.
        var stepStride: Int { transposed ? rowStride : 1 }

        /// The matrix without its first rows and columns.
        func advanced(row: Int, column: Int) -> Operand {
            Operand(pointer + (row * rowDistance + column * stepStride), rowStride, transposed: transposed)
        }
    }

    /// `result[rows × columns] = left[rows × inner] · right[inner × columns]`, added to `result` where `accumulating`.
    static func multiply(
        _ left: Operand, _ right: Operand, rows: Int, inner: Int, columns: Int,
        into result: UnsafeMutablePointer<Float>, rowStride: Int, accumulating: Bool = false
    ) {
        _ = singleThread
        cblas_sgemm(
            CblasRowMajor, left.transposed ? CblasTrans : CblasNoTrans, right.transposed ? CblasTrans : CblasNoTrans,
            Int32(rows), Int32(columns), Int32(inner), 1, left.pointer, Int32(left.rowStride), right.pointer,
            Int32(right.rowStride), accumulating ? 1 : 0, result, Int32(rowStride))
    }

    /// Makes every call of OpenBLAS run on its caller's thread; evaluated once.
    private static let singleThread: Void = openblas_set_num_threads(1)
}

/// What the linked OpenBLAS says of itself.
package enum LinearAlgebraLibrary {
    /// Version and build options.
    package static var configuration: String { String(cString: openblas_get_config()) }
    /// The processor family whose kernels run.
    package static var core: String { String(cString: openblas_get_corename()) }
}
