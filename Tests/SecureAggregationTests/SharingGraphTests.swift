import Testing

import SecureAggregation

@Suite struct SharingGraphTests {
    @Test func fewCentersMaskWithAllOthers() {
        for count in [2, 3, 6, 50] {
            let centers = (0..<count).map { 3 * $0 }
            let graph = SharingGraph(centers, seed: 1, round: 1)
            for center in centers {
                #expect(graph.neighbours(of: center) == centers.filter { $0 != center })
                #expect(graph.holders(of: center) == centers)
                #expect(graph.threshold(of: center) == count / 2 + 1)
            }
        }
    }

    @Test func ofManyEachHasAsManyNeighbours() {
        let centers = (0..<1000).map { 2 * $0 }
        let graph = SharingGraph(centers, seed: 1, round: 1)
        let degree = SharingGraph.degree(1000)
        #expect(degree < 300)
        for center in centers {
            let neighbours = graph.neighbours(of: center)
            #expect(neighbours.count == degree && Set(neighbours).count == degree && !neighbours.contains(center))
            #expect(neighbours.allSatisfy { graph.neighbours(of: $0).contains(center) })
        }
        #expect(SharingGraph(centers.shuffled(), seed: 1, round: 1) == graph)
        #expect(SharingGraph(centers, seed: 1, round: 2) != graph)
        #expect(SharingGraph(centers, seed: 2, round: 1) != graph)
    }

    @Test func theDegreeSufficesForTheToleratedDropout() {
        #expect(SharingGraph.degree(0) == 0 && SharingGraph.degree(1) == 0 && SharingGraph.degree(50) == 49)
        for count in [51, 100, 240, 300, 1000, 100_000] {
            let degree = SharingGraph.degree(count)
            #expect(degree == count - 1 || degree % 2 == 0)
            guard degree < count - 1 else { continue }
            // The binomial tail itself, in logarithms, times the number of centers.
            let holders = degree + 1
            let failing = holders - (holders / 2 + 1) + 1
            var tail = 0.0
            for failed in failing...holders {
                var term = 1.0
                for index in 0..<failed { term *= Double(holders - index) / Double(failed - index) * 0.25 }
                for _ in failed..<holders { term *= 0.75 }
                tail += term
            }
            #expect(tail * Double(count) < 0x1p-40, "\(count): \(degree)")
        }
    }
}
