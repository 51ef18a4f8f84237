import Federation
import Foundation
import Testing

@Suite("Selection of the best round")
struct ModelSelectionTests {
    @Test("the greatest Dice is the best, of several the first; what is unknown is none")
    func best() {
        var selection = ModelSelection()
        #expect(selection.best == nil && selection.evaluated == 0)
        selection.note(round: 2, dice: nil)
        #expect(selection.best == nil && selection.evaluated == 2)
        for (round, dice) in [(4, 0.5), (6, 0.7), (8, 0.7), (10, 0.6)] { selection.note(round: round, dice: dice) }
        #expect(selection.best?.round == 6 && selection.best?.dice == 0.7 && selection.evaluated == 10)
    }

    @Test("patience counts rounds from the best to the last evaluation", arguments: [0, 1, 2, 3, 4])
    func patience(_ patience: Int) {
        var selection = ModelSelection()
        #expect(!selection.isExhausted(patience: patience))
        selection.note(round: 5, dice: 0.5)
        #expect(!selection.isExhausted(patience: patience))
        selection.note(round: 8, dice: 0.4)
        #expect(selection.isExhausted(patience: patience) == (1...3).contains(patience))
    }

    @Test("checkpoints are chosen by latest, best or a round")
    func choice() {
        #expect(CheckpointChoice("latest") == .latest)
        #expect(CheckpointChoice("best") == .best)
        #expect(CheckpointChoice("12") == .round(12))
        for text in ["", "newest", "-1", "1.5", "Best"] { #expect(CheckpointChoice(text) == nil, "\(text)") }
    }

    @Test("a manifest keeps it")
    func manifest() throws {
        var selection = ModelSelection()
        selection.note(round: 3, dice: 0.1 + 0.2)
        var manifest = try ExampleCenters.manifest(round: 3, trainedRounds: [:], files: [:])
        manifest.selection = selection
        #expect(try JSONDecoder().decode(Manifest.self, from: Data(manifest.encoded())).selection == selection)
    }
}
