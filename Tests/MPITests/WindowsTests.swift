import MPI
import Testing

@Suite("Windows over the pieces of all ranks")
struct WindowsTests {
    static let cases: [(counts: [Int], width: Int)] = [
        ([0], 1), ([5], 1), ([5], 5), ([5], 6), ([3, 4, 5], 1), ([3, 4, 5], 4), ([3, 4, 5], 100), ([0, 0, 7, 0], 3),
        ([6, 0, 6], 6), ([0, 0], 2),
    ]

    @Test("move each element once, to its place", arguments: cases)
    func coverage(counts: [Int], width: Int) {
        let windows = Windows(counts: counts, width: width)
        let pieces = counts.enumerated().map { rank, count in (0..<count).map { "\(rank):\($0)" } }
        var whole = [String?](repeating: nil, count: windows.total)
        for window in 0..<windows.count {
            let layout = windows.layout(of: window)
            for (rank, piece) in pieces.enumerated() {
                let part = windows.part(of: rank, in: window)
                #expect(part.length == layout[rank].length)
                for element in 0..<Int(part.length) {
                    let place = windows.start(of: window) + Int(layout[rank].displacement) + element
                    #expect(whole[place] == nil)
                    whole[place] = piece[part.start + element]
                }
            }
            #expect(layout.reduce(0) { $0 + Int($1.length) } <= width)
        }
        #expect(whole == pieces.flatMap { $0 })
    }

    @Test("have lengths and displacements of 31 bits when the whole has not")
    func largeWhole() {
        let width = 1 << 23
        let windows = Windows(counts: [3_000_000_000, 1, 5_000_000_000], width: width)
        #expect(windows.total == 8_000_000_001)
        let last = windows.layout(of: windows.count - 1)
        #expect(last[0].length == 0 && last[1].length == 0)
        #expect(Int(last[2].length) == windows.total - windows.start(of: windows.count - 1))
        let end = windows.part(of: 2, in: windows.count - 1)
        #expect(end.start + Int(end.length) == 5_000_000_000)
        let border = windows.layout(of: 3_000_000_000 / width)
        #expect(border.reduce(0) { $0 + Int($1.length) } == width)
        #expect(border[1].length == 1)
        #expect(border[2].displacement == border[1].displacement + 1)
    }
}
