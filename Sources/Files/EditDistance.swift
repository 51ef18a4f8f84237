/// How far two names are apart, to suggest the one that was meant.
package enum EditDistance {
    /// The least number of insertions, deletions, substitutions and swaps of neighbours that turn `first` into
    /// `second` (optimal string alignment). O(n · m) time.
    package static func between(_ first: String, _ second: String) -> Int {
        let a = Array(first)
        let b = Array(second)
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[b.count]
    }

    /// The candidate nearest to `name`; of a dotted candidate the last part alone may match, one edit further off.
    /// The first of several equally near ones; nil without candidates.
    package static func nearest(to name: String, among candidates: [String]) -> String? {
        // A text of any length may stand where a key should; the nearest key to its beginning is as good.
        let name = String(name.prefix(100)).lowercased()
        func distance(_ candidate: String) -> Int {
            // A beginning is an abbreviation, however much is missing.
            let isBeginning = name.count > 2 && candidate.lowercased().hasPrefix(name)
            let whole = min(between(name, candidate), isBeginning ? 2 : .max)
            guard let dot = candidate.lastIndex(of: ".") else { return whole }
            return min(whole, between(name, String(candidate[candidate.index(after: dot)...])) + 1)
        }
        return candidates.map { (candidate: $0, distance: distance($0)) }
            .min { $0.distance < $1.distance }?.candidate
    }
}
