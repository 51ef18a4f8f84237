import CardiacMR
import Federation
import Testing

@Suite("Participants: who trains")
struct ParticipantTests {
    private static func cohort(_ center: String, _ classes: [String], volumes: Int = 1) -> Cohort {
        let cases = (0..<volumes).map {
            Case(image: "i\($0)", label: "l\($0)", subject: "s\($0)", phase: .endDiastole, spacing: [1, 1, 1])
        }
        return Cohort(
            center: center, vendor: "", sequence: "", classes: classes, splits: [.train: cases.map(\.subject)],
            cases: cases, folder: "/")
    }

    private static let cohorts = [
        cohort("a", ["background", "scar", "LV"], volumes: 2), cohort("b", ["background", "LV", "MYO", "RV"]),
        cohort("c", ["background", "LV", "MYO"], volumes: 3), cohort("pooled", ["background", "LV", "MYO", "RV"]),
    ]

    @Test("every center is one, unless the method pools data")
    func centers() throws {
        let all = Participant.all(Self.cohorts, of: try #require(Configuration.Method(rawValue: "fedavg")))
        #expect(all.map(\.name) == ["a", "b", "c", "pooled"])
        #expect(all.map(\.volumes) == [2, 1, 3, 1])
        #expect(all.map(\.heads) == [[3], [4], [3], [4]])
        #expect(Participant.members(of: all) == nil)
        #expect(Participant.members(of: [all[3]]) == nil, "a center may have any name")
    }

    @Test("pooled, there is a head for each list of classes: by number first, then by name; whoever the centers are")
    func pooled() throws {
        let method = try #require(Configuration.Method(rawValue: "centralized"))
        for cohorts in [Self.cohorts, Self.cohorts.reversed()] {
            let all = Participant.all(cohorts, of: method)
            #expect(all.count == 1 && all[0].isPooled && all[0].volumes == 7)
            #expect(all[0].heads == [3, 3, 4])
            #expect(Participant.members(of: all) == ["c": 0, "a": 1, "b": 2, "pooled": 2])
        }
    }
}
