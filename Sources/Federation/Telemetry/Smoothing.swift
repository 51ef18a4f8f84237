import Foundation

/// Losses averaged over about the last ten steps, each step weighing nine tenths of the one after it.
struct SmoothedLosses {
    private var sums: [(name: String, sum: Double, weight: Double)] = []

    /// The averages, in the order in which the names first came.
    var values: [RunProgress.Loss] { sums.map { RunProgress.Loss($0.name, $0.sum / $0.weight) } }

    mutating func add(_ losses: [RunProgress.Loss]) {
        for loss in losses {
            if let index = sums.firstIndex(where: { $0.name == loss.name }) {
                sums[index].sum = 0.9 * sums[index].sum + loss.value
                sums[index].weight = 0.9 * sums[index].weight + 1
            } else {
                sums.append((loss.name, loss.value, 1))
            }
        }
    }
}

/// Events per second, averaged over about the last half minute.
struct SmoothedRate {
    private var events = 0.0
    private var seconds = 0.0
    private var last: Double

    init(start: Double) { last = start }

    /// nil before the first event.
    var perSecond: Double? { seconds > 0 && events > 0 ? events / seconds : nil }

    mutating func add(_ count: Int, at time: Double) {
        let passed = max(0, time - last)
        let decay = exp(-passed / 30)
        events = events * decay + Double(count)
        seconds = seconds * decay + passed
        last = time
    }
}
