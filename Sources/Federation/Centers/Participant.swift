import CardiacMR

/// Whoever trains in a run: a center on its cohort or, where a method pools data, one participant on all cohorts.
package struct Participant: Sendable {
    /// All centers of the run, which the participants of a federation share, and its place among them; nil where it stands for
    /// all.
    private let all: [Cohort]
    private let place: Int?
    private let pooledClasses: [[String]]

    /// The center's name; it names files, too.
    package var name: String { place.map { all[$0].center } ?? Self.pooledName }
    /// Whose data it trains on.
    package var cohorts: [Cohort] { place.map { [all[$0]] } ?? all }
    /// The different lists of classes of its cohorts, background first: one for each head of its networks.
    package var classes: [[String]] { place.map { [all[$0].classes] } ?? pooledClasses }

    /// Whether it stands for all centers.
    package var isPooled: Bool { place == nil }

    /// The name of the one participant of a method that pools data.
    package static let pooledName = "pooled"

    /// A center.
    package init(_ cohort: Cohort) { self.init([cohort], 0) }

    private init(_ all: [Cohort], _ place: Int) { (self.all, self.place, pooledClasses) = (all, place, []) }

    /// All centers as one.
    package init(pooling cohorts: [Cohort]) {
        all = cohorts
        place = nil
        // An order that does not depend on the centers' names.
        pooledClasses = Set(cohorts.map(\.classes)).sorted {
            ($0.count, $0.joined(separator: "\n")) < ($1.count, $1.joined(separator: "\n"))
        }
    }

    /// The participants of a run.
    package static func all(_ cohorts: [Cohort], of method: Configuration.Method) -> [Participant] {
        method.type.about.poolsData
            ? [Participant(pooling: cohorts)] : cohorts.indices.map { Participant(cohorts, $0) }
    }

    /// The head of each center whose data is pooled, as checkpoints list them; nil where every center is a participant.
    package static func members(of participants: [Participant]) -> [String: Int]? {
        guard let pooled = participants.first(where: \.isPooled) else { return nil }
        return Dictionary(uniqueKeysWithValues: pooled.cohorts.map { ($0.center, pooled.head(of: $0)) })
    }

    /// Training volumes.
    package var volumes: Int { cohorts.reduce(0) { $0 + $1.cases(in: .train).count } }

    /// Numbers of classes, head by head.
    package var heads: [Int] { classes.map(\.count) }

    /// The head of one of its cohorts.
    package func head(of cohort: Cohort) -> Int {
        guard let head = classes.firstIndex(of: cohort.classes) else {
            preconditionFailure("\(cohort.center) is not one of the cohorts of \(name)")
        }
        return head
    }
}
