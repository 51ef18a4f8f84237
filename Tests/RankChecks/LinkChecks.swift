import Foundation
import MPI
import Tensors

/// Questions that each rank asks the root, whatever the others do.
func linkChecks() -> [RankCheck] {
    [true, false].map { sharesMemory in
        check(
            "the root answers every rank's questions, of any length, phase after phase"
                + (sharesMemory ? "" : "; without shared memory")
        ) { world in
            guard world.size > 1 else { return }
            let links = try RootLinks(world, sharesMemory: sharesMemory)
            for phase in 0..<3 {
                if world.rank == 0 {
                    try serve(links, world, phase)
                } else {
                    try ask(links, world, phase)
                }
            }
            try world.barrier()
            links.free()
        }
    }
}

/// The questions of a rank in a phase: in one phase a rank has none.
private func questions(_ rank: Int, _ phase: Int) -> [(count: Int, answer: Int)] {
    guard phase != rank % 3 else { return [] }
    var random = RandomStream(seed: 3, purpose: "questions", rank, phase)
    return (0..<5 + rank).map { number in
        // Some are empty, some longer than any before.
        (
            number % 4 == 0 ? 0 : random.index(below: 1 << min(20, 6 + 3 * number)),
            number == 0 ? 1 : 1 + random.index(below: 3000)
        )
    }
}

private func value(_ rank: Int, _ phase: Int, _ number: Int, _ index: Int) -> Float {
    Float((rank * 7919 + phase * 104_729 + number * 1299 + index) % 65_521)
}

private func serve(_ links: RootLinks, _ world: Communicator, _ phase: Int) throws {
    var asked: [Int: Int] = [:]
    while let question = try links.nextQuestion() {
        let number = asked[question.rank, default: 0]
        asked[question.rank] = number + 1
        let (count, answer) = questions(question.rank, phase)[number]
        expect(
            question.head == [question.rank, phase, number, count, answer, 0, 0, -1].map(Int64.init), "\(question.head)"
        )
        expect((0..<count).allSatisfy { question.content[$0] == value(question.rank, phase, number, $0) })
        // Others come meanwhile.
        if number == 2 { usleep(2000) }
        try links.answer(question, count: answer) { target in
            for index in 0..<answer { target[index] = -value(question.rank, phase, number, index) }
        }
    }
    for rank in 1..<world.size {
        expect(asked[rank, default: 0] == questions(rank, phase).count, "rank \(rank), phase \(phase): \(asked)")
    }
}

private func ask(_ links: RootLinks, _ world: Communicator, _ phase: Int) throws {
    for (number, (count, length)) in questions(world.rank, phase).enumerated() {
        let answer = UnsafeMutableBufferPointer<Float>.allocate(capacity: length)
        defer { answer.deallocate() }
        answer.initialize(repeating: 0)
        try links.ask(
            [world.rank, phase, number, count, length, 0, 0, -1].map(Int64.init), count: count,
            { target in for index in 0..<count { target[index] = value(world.rank, phase, number, index) } },
            answer: answer)
        expect((0..<length).allSatisfy { answer[$0] == -value(world.rank, phase, number, $0) }, "question \(number)")
    }
    try links.finish()
}
