import Federation
import Testing

@Suite("Assignment of centers to ranks")
struct CenterAssignmentTests {
    static let volumes = [
        [4], [4, 4, 4, 4], [9, 1, 1, 1, 8, 3], [0, 0, 5], [10, 20, 30, 40, 50, 60, 70],
        (0..<100).map { $0 * 7919 % 101 },
    ]

    @Test("hosts every center once; the root hosts none unless it is alone", arguments: volumes, [1, 2, 3, 5, 9])
    func once(_ volumes: [Int], _ ranks: Int) {
        let assignment = CenterAssignment(volumes: volumes, ranks: ranks)
        #expect(assignment.rankOf.count == volumes.count)
        let hosted = (0..<ranks).map { assignment.centers(of: $0) }
        #expect(hosted.flatMap { $0 }.sorted() == Array(volumes.indices))
        #expect(hosted.allSatisfy { $0 == $0.sorted() })
        #expect(hosted[0].isEmpty == (ranks > 1))
        for (center, rank) in assignment.rankOf.enumerated() { #expect(hosted[rank].contains(center)) }
    }

    @Test("spreads the work: no rank has more than the least loaded one plus its last center", arguments: volumes)
    func balance(_ volumes: [Int]) {
        for ranks in 2...6 {
            let assignment = CenterAssignment(volumes: volumes, ranks: ranks)
            let loads = (1..<ranks).map { assignment.centers(of: $0).reduce(0) { $0 + volumes[$1] } }
            for rank in 1..<ranks {
                let smallest = assignment.centers(of: rank).map { volumes[$0] }.min() ?? 0
                #expect(loads[rank - 1] - smallest <= (loads.min() ?? 0), "\(loads)")
            }
        }
    }

    @Test("equal centers are spread evenly")
    func equal() {
        let assignment = CenterAssignment(volumes: [Int](repeating: 3, count: 6), ranks: 4)
        #expect((1...3).map { assignment.centers(of: $0).count } == [2, 2, 2])
    }
}
