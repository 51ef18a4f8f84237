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

    @Test("a round's work is spread evenly by its seconds, and centers stay where that is even enough")
    func moves() {
        var assignment = CenterAssignment(volumes: [Int](repeating: 1, count: 8), ranks: 3)
        #expect(assignment.moves(Array(0..<8), seconds: [Double](repeating: 2, count: 8)).isEmpty)
        // All that take part are on one rank.
        let together = assignment.centers(of: 1)
        let moves = assignment.moves(together, seconds: [Double](repeating: 1, count: 4))
        #expect(moves.count == 2 && moves.allSatisfy { $0.from == 1 && $0.to == 2 })
        assignment.apply(moves)
        #expect(assignment.centers(of: 1).count == 2 && assignment.centers(of: 2).count == 6)
        #expect(assignment.moves(together, seconds: [Double](repeating: 1, count: 4)).isEmpty)
    }

    @Test("no rank has much more than its share or the longest center, whoever is slow", arguments: 2...9)
    func makespan(_ ranks: Int) {
        for trial in 0..<20 {
            var assignment = CenterAssignment(volumes: [Int](repeating: 1, count: 40), ranks: ranks)
            let centers = (0..<40).filter { ($0 * 7 + trial) % 3 > 0 }
            let seconds = centers.map { Double(1 + ($0 * 7919 + trial * 104_729) % 17) }
            assignment.apply(assignment.moves(centers, seconds: seconds))
            var load = [Double](repeating: 0, count: ranks)
            for (center, time) in zip(centers, seconds) { load[assignment.rankOf[center]] += time }
            let share = seconds.reduce(0, +) / Double(max(1, ranks - 1))
            // Graham's bound for "longest first", with the slack that spares moves.
            #expect(load.max() ?? 0 <= 4 / 3 * max(share, seconds.max() ?? 0) * 1.05, "\(load)")
            #expect(ranks == 1 || load[0] == 0)
        }
    }
}
