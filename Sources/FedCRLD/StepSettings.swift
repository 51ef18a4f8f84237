import Tensors

/// What a client step depends on beside its volume and its model.
package struct StepSettings: Sendable, Equatable {
    /// Weights of the loss terms (`method.md`, "Loss of one step").
    package struct LossWeights: Sendable, Equatable {
        /// Dice.
        package var dice = 1.0
        /// Cross-entropy.
        package var crossEntropy = 1.0
        /// Cross-entropy against the bank's probabilities.
        package var distillation = 0.2
        /// Mean squared error against the bank's bottlenecks.
        package var correlation = 1.0
        /// The contrastive difference metric.
        package var contrast = 1.0
        /// The classes that the Dice losses, the bank's too, are the mean over.
        package var diceClasses = DiceClasses()

        /// The method's weights.
        package init() {}
    }

    /// Adam's rate.
    package var learningRate: Double
    /// The bank's momentum m; nil: there is no bank, and the network learns from labels alone (an ablation).
    package var momentum: Double?
    /// Weights of the loss terms.
    package var weights: LossWeights

    /// Settings with the method's momentum and weights by default.
    package init(learningRate: Double, momentum: Double? = 0.5, weights: LossWeights = .init()) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.weights = weights
    }
}

/// The loss terms of one step, unweighted, the weighted total, and the bank's self-training loss.
package struct StepLosses: Sendable, Equatable {
    /// 1 − mean Dice.
    package var dice = 0.0
    /// Cross-entropy.
    package var crossEntropy = 0.0
    /// Cross-entropy against the bank.
    package var distillation = 0.0
    /// Mean squared errors against the bank's bottlenecks, summed.
    package var correlation = 0.0
    /// The contrastive difference metric.
    package var contrast = 0.0
    /// The weighted sum of the above.
    package var total = 0.0
    /// The bank's dice + cross-entropy.
    package var bank = 0.0

    /// No loss.
    package init() {}

    /// The terms in the order of `method.md`: dice, cross-entropy, distillation, correlation, contrast, total, bank.
    package var array: [Double] { [dice, crossEntropy, distillation, correlation, contrast, total, bank] }

    /// The terms that there are without a bank, in the same order.
    package var arrayWithoutBank: [Double] { [dice, crossEntropy, contrast, total] }
}
