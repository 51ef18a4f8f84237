import Tensors

extension PhantomSubject {
    /// The image of a scene, in units of its 99.5th percentile (about), without noise.
    ///
    /// The profile's brightness is what was measured over labelled voxels, which at their borders hold some of their
    /// neighbours. So the pure tissues' brightness is solved for: the three for which the labels' means come out right.
    func composed(_ scene: inout Scene) -> [Float] {
        let tissues = HeartTissue.allCases.count
        let perVoxel = Float(scene.samplesPerVoxel)
        var isHeart = [Bool](repeating: false, count: grid.count)
        for (position, index) in scene.heartVoxels.enumerated() {
            isHeart[index] = 2 * Float(scene.samples[position * tissues]) < perVoxel
        }
        var outside = scene.surround.indices.filter { !isHeart[$0] }.map { scene.surround[$0] }
        let bright = 0.005 * Double(grid.count) / Double(max(outside.count, 1))
        let isPhaseSensitive = profile.sequence == .phaseSensitiveEnhancement
        // Phase-sensitive images have their zero in the gray.
        let tone = ToneCurve(
            &outside, floor: isPhaseSensitive ? 0.55 : 0, median: Float(surroundMedian), high: Float(surroundHigh),
            bright: bright)
        var image = scene.surround.map { tone($0) }

        let mixtures = mixtures(scene, image)
        let solved = solvedBrightness(scene, mixtures)
        for (position, index) in scene.heartVoxels.enumerated() {
            let mixture = mixtures[position]
            image[index] = mixture.fixed + (mixture.weights * solved).sum()
        }
        return image
    }

    /// How a heart voxel's value depends on the brightness of left blood, muscle and right blood.
    struct Mixture {
        var weights: SIMD3<Float>
        /// The rest: surround, scar, no-reflow.
        var fixed: Float
    }

    private func mixtures(_ scene: Scene, _ surround: [Float]) -> [Mixture] {
        let tissues = HeartTissue.allCases.count
        let perVoxel = Float(scene.samplesPerVoxel)
        let flow = SmoothNoise(key: textureKey)
        let pixel = Float(grid.spacing.x)
        return scene.heartVoxels.enumerated().map { position, index in
            let voxel = grid.voxel(at: index)
            let bias = scene.bias[index]
            let place = SIMD2(Float(voxel.x), Float(voxel.y)) * pixel / 8
            let swirl = 1 + 0.05 * flow.value(place.x, place.y + Float(100 * voxel.z))
            let scale: SIMD3<Float> = [
                Float(leftInflow[voxel.z]) * swirl, Float(muscleVariation[voxel.z]),
                Float(rightInflow[voxel.z]) * swirl,
            ]
            var mixture = Mixture(weights: .zero, fixed: 0)
            for tissue in HeartTissue.allCases {
                let share = Float(scene.samples[position * tissues + Int(tissue.rawValue)]) / perVoxel
                guard share > 0 else { continue }
                switch tissue {
                case .outside: mixture.fixed += share * surround[index]
                case .scar: mixture.fixed += share * bias * Float(profile.scar)
                case .noReflow: mixture.fixed += share * bias * Float(profile.noReflow)
                case .leftBlood, .leftAtrium: mixture.weights.x += share * bias * scale.x
                case .myocardium, .papillary, .rightWall: mixture.weights.y += share * bias * scale.y
                case .rightBlood, .rightAtrium: mixture.weights.z += share * bias * scale.z
                }
            }
            return mixture
        }
    }

    private func solvedBrightness(_ scene: Scene, _ mixtures: [Mixture]) -> SIMD3<Float> {
        let targets: SIMD3<Double> = [leftBlood, myocardium, rightBlood]
        let right = profile.sequence == .phaseSensitiveEnhancement ? Scene.unlabelledRight : 3
        var sums = [SIMD3<Double>](repeating: .zero, count: 3)
        var fixed = SIMD3<Double>.zero
        var counts = SIMD3<Double>.zero
        for (position, index) in scene.heartVoxels.enumerated() {
            let label = scene.labels[index]
            guard let row = label == 1 ? 0 : label == 2 ? 1 : label == right ? 2 : nil else { continue }
            sums[row] += SIMD3<Double>(mixtures[position].weights)
            fixed[row] += Double(mixtures[position].fixed)
            counts[row] += 1
        }
        // Gauss-Seidel: the rows are dominated by their own tissue.
        var solved = targets
        for _ in 0..<30 {
            for row in 0..<3 where counts[row] > 0 && sums[row][row] > 0 {
                let others = (sums[row] * solved).sum() - sums[row][row] * solved[row]
                let exact = (targets[row] * counts[row] - fixed[row] - others) / sums[row][row]
                solved[row] = exact.clamped(to: (0.35 * targets[row])...(1.7 * targets[row]))
            }
        }
        return SIMD3<Float>(solved)
    }
}
