/// How this build's kernels calculate.
package enum Arithmetic {
    /// Whether a multiplication and an addition are rounded once. Where they are rounded twice, on processors without fused
    /// multiply-add, results differ in their last bits.
    package static var fusesMultiplyAdd: Bool {
        #if SEPARATE_MULTIPLY_ADD
            false
        #else
            true
        #endif
    }
}
