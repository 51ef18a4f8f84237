import Testing

import CardiacMR

@Suite("Affines")
struct AffineTests {
    @Test(
        "the orientation code says where each index grows",
        arguments: [
            ("RAS", [1, 0, 0], [0, 1, 0], [0, 0, 1]), ("LPS", [-1, 0, 0], [0, -1, 0], [0, 0, 1]),
            ("PIL", [0, -1, 0], [0, 0, -1], [-1, 0, 0]), ("PSR", [0, -1, 0], [0, 0, 1], [1, 0, 0]),
            ("RAS", [0.9, 0.4, 0.1], [-0.4, 0.8, 0.3], [0, -0.3, 0.9]),
        ] as [(String, SIMD3<Double>, SIMD3<Double>, SIMD3<Double>)])
    func orientation(_ code: String, _ x: SIMD3<Double>, _ y: SIMD3<Double>, _ z: SIMD3<Double>) {
        #expect(Affine(x: x, y: y * 2, z: z * 9, origin: .zero).orientation == code)
    }

    @Test(
        "the quaternion of a rotation gives the rotation back",
        arguments: [
            [0, 0, 0], [0.36, -0.48, 0.1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0], [0.1, 0.2, 0.97],
        ] as [SIMD3<Double>], [1.0, -1.0])
    func quaternion(_ rotation: SIMD3<Double>, _ factor: Double) throws {
        let spacing: SIMD3<Double> = [1.25, 1.5, 9]
        let affine = Affine(
            quaternion: rotation.x, rotation.y, rotation.z, factor: factor, spacing: spacing, origin: [1, 2, 3])
        let found = try #require(affine.quaternion(spacing: spacing))
        let again = Affine(
            quaternion: found.quaternion.x, found.quaternion.y, found.quaternion.z, factor: found.factor,
            spacing: spacing, origin: [1, 2, 3])
        #expect(found.factor == factor)
        let far = SIMD3<Double>(99, 99, 9)
        let apart = affine.position(of: far) - again.position(of: far)
        #expect((apart * apart).sum().squareRoot() < 1e-6)
    }

    @Test("axes that are not orthogonal have no quaternion")
    func skewed() {
        let affine = Affine(x: [1, 0, 0], y: [0.1, 1, 0], z: [0, 0, 1], origin: .zero)
        #expect(affine.quaternion(spacing: [1, 1, 1]) == nil)
    }
}
