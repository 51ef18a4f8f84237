import FederatedLearning
import Foundation
import Testing

@Suite("Schedules of the learning rate")
struct RateScheduleTests {
    @Test("a constant rate's factors are exactly 1, and their sum the number of steps")
    func constant() {
        let schedule = RateSchedule(rounds: 7)
        #expect(
            (1...9).allSatisfy { round in (0..<3).allSatisfy { schedule.factor(round: round, step: $0, of: 3) == 1 } })
        #expect(schedule.sum(round: 2, steps: 17) == 17)
        #expect(!schedule.dependsOnRounds)
    }

    @Test("nnU-Net's polynomial and the cosine, at every step of a run")
    func courses() {
        let (rounds, steps) = (5, 4)
        for round in 1...rounds {
            for step in 0..<steps {
                let t = Double((round - 1) * steps + step) / Double(rounds * steps)
                let polynomial = RateSchedule(.polynomial, rounds: rounds).factor(round: round, step: step, of: steps)
                #expect(abs(polynomial - pow(1 - t, 0.9)) < 1e-12)
                let cosine = RateSchedule(.cosine, rounds: rounds).factor(round: round, step: step, of: steps)
                #expect(abs(cosine - 0.5 * (1 + cos(.pi * t))) < 1e-12)
                #expect(polynomial > 0 && cosine > 0)
            }
        }
    }

    @Test("a warm-up rises in equal steps to what the course says")
    func warmup() {
        let schedule = RateSchedule(.polynomial, warmupRounds: 2, rounds: 10)
        let bare = RateSchedule(.polynomial, rounds: 10)
        let ratios = (1...3).flatMap { round in
            (0..<4).map { schedule.factor(round: round, step: $0, of: 4) / bare.factor(round: round, step: $0, of: 4) }
        }
        for (index, ratio) in ratios.enumerated() { #expect(abs(ratio - min(1, Double(index + 1) / 8)) < 1e-12) }
    }

    @Test("after its last round a schedule stays at its end")
    func after() {
        #expect(RateSchedule(.cosine, rounds: 3).factor(round: 9, step: 0, of: 2) == 0)
        #expect(RateSchedule(warmupRounds: 2, rounds: 3).factor(round: 9, step: 0, of: 2) == 1)
    }
}
