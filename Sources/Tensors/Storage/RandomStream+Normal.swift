#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension RandomStream {
    /// A standard normal number (Box-Muller, one of the pair, so that every call takes two numbers).
    package mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }
}
