import Tensors
import Testing

@Suite("Segmentation loss")
struct SegmentationLossTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let shape: Shape
        var hasTeacher = true
        var weights: [Float] = [1, 1, 0.2]
        var background = true
        var absent = true
        var isEmpty = false

        var testDescription: String {
            "\(shape), weights \(weights)\(hasTeacher ? ", teacher" : "")\(background ? "" : ", no background")"
                + "\(absent ? "" : ", none absent")\(isEmpty ? ", nothing there" : "")"
        }
        var classes: DiceClasses {
            var classes = DiceClasses()
            (classes.background, classes.absent) = (background, absent)
            return classes
        }

        var loss: SegmentationLoss {
            SegmentationLoss(dice: weights[0], crossEntropy: weights[1], distillation: weights[2], classes: classes)
        }
        var scores: [Float] { Reference.values("scores", shape.count).map { 3 * $0 } }
        /// Every class but the last of more than two occurs.
        var labels: [UInt8] {
            guard !isEmpty else { return [UInt8](repeating: 0, count: shape.positions) }
            let occurring = max(2, shape.channels - 1)
            return Reference.values("labels", shape.positions).map { UInt8(Int(($0 + 1) * 8) % occurring) }
        }
        var teacher: Tensor? {
            guard hasTeacher else { return nil }
            let tensor = Reference.tensor("teacher", shape)
            SegmentationLoss.softmax(tensor)
            return tensor
        }
        var reference: SegmentationReference {
            .init(classes: shape.channels, labels: labels, teacher: teacher.map(Reference.doubles), counted: classes)
        }

        func total(_ scores: [Double]) -> Double {
            let p = reference.probabilities(scores)
            let terms = [reference.dice(p), reference.crossEntropy(p), reference.distillation(p)]
            return zip(weights, terms).reduce(0) { $0 + Double($1.0) * $1.1 }
        }
    }

    static let cases = [
        Case(shape: Shape(1, 3, 4, 2)), Case(shape: Shape(2, 3, 5, 4)), Case(shape: Shape(2, 3, 3, 6)),
        Case(shape: Shape(2, 3, 5, 3), hasTeacher: false), Case(shape: Shape(1, 1, 1, 2)),
        Case(shape: Shape(2, 3, 5, 4), weights: [1, 0, 0]), Case(shape: Shape(2, 3, 5, 4), weights: [0, 1, 0]),
        Case(shape: Shape(2, 3, 5, 4), weights: [0, 0, 1]), Case(shape: Shape(2, 3, 5, 4), weights: [0, 0, 0]),
        Case(shape: Shape(2, 3, 5, 4), background: false), Case(shape: Shape(2, 3, 5, 4), absent: false),
        Case(shape: Shape(2, 3, 3, 6), background: false, absent: false),
        Case(shape: Shape(2, 3, 5, 4), background: false, absent: false, isEmpty: true),
    ]

    @Test("its gradient is that of the definition, by differences in float64", arguments: cases)
    func gradient(_ row: Case) {
        let tensor = Tensor(row.shape, values: row.scores)
        SegmentationLoss.softmax(tensor)
        _ = row.loss.evaluate(tensor, labels: row.labels, teacher: row.teacher)
        let expected = Reference.differences(row.scores.map(Double.init), of: row.total)
        if row.weights.allSatisfy({ $0 == 0 }) {
            #expect(tensor.values.allSatisfy { $0 == 0 })
        } else {
            #expect(Reference.relativeError(tensor.values, expected) < 2e-6)
        }
    }

    @Test("its terms are the definitions', unweighted", arguments: cases + [Case(shape: Shape(3, 41, 43, 4))])
    func terms(_ row: Case) {
        let tensor = Tensor(row.shape, values: row.scores)
        SegmentationLoss.softmax(tensor)
        let p = row.reference.probabilities(row.scores.map(Double.init))
        #expect(Reference.relativeError(tensor.values, p) < 1e-6)
        let terms = row.loss.evaluate(tensor, labels: row.labels, teacher: row.teacher)
        #expect(abs(terms.dice - row.reference.dice(p)) < 1e-6)
        #expect(abs(terms.crossEntropy - row.reference.crossEntropy(p)) < 1e-6)
        #expect(abs(terms.distillation - row.reference.distillation(p)) < 1e-6)
    }

    @Test("over several blocks of voxels, its gradient agrees along a direction")
    func manyVoxels() {
        let row = Case(shape: Shape(3, 41, 43, 4))
        let tensor = Tensor(row.shape, values: row.scores)
        SegmentationLoss.softmax(tensor)
        _ = row.loss.evaluate(tensor, labels: row.labels, teacher: row.teacher)
        let direction = Reference.values("direction", row.shape.count).map(Double.init)
        let scores = row.scores.map(Double.init)
        let along = Reference.differences([0]) { step in
            row.total(zip(scores, direction).map { $0 + step[0] * $1 })
        }[0]
        let actual = zip(tensor.array, direction).reduce(0) { $0 + Double($1.0) * $1.1 }
        let norm = tensor.values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(actual - along) < 1e-6 * norm * Double(row.shape.count).squareRoot())
    }

    @Test("a prediction that is certain and wrong has a finite loss and gradient")
    func certain() {
        let shape = Shape(1, 2, 2, 3)
        let tensor = Tensor(shape, values: (0..<4).flatMap { _ in [0, 200, -200] as [Float] })
        SegmentationLoss.softmax(tensor)
        #expect(tensor.array.prefix(3) == [0, 1, 0])
        let terms = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 0.2)
            .evaluate(tensor, labels: [0, 0, 2, 2], teacher: nil)
        // −log 10⁻⁶
        #expect(abs(terms.crossEntropy - 13.8155) < 1e-3)
        #expect(tensor.values.allSatisfy { $0.isFinite })
    }

    @Test("a perfect prediction has no loss worth mentioning")
    func perfect() {
        let tensor = Tensor(Shape(1, 1, 2, 2), values: [100, -100, -100, 100])
        SegmentationLoss.softmax(tensor)
        let terms = SegmentationLoss(dice: 1, crossEntropy: 1, distillation: 0)
            .evaluate(tensor, labels: [0, 1], teacher: nil)
        #expect(abs(terms.dice) < 1e-6)
        #expect(abs(terms.crossEntropy) < 2e-6)
    }
}
