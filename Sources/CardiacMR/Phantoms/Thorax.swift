#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import Tensors

/// What surrounds a heart in a short-axis plane: chest wall, lungs, liver, stomach, spleen, spine, aorta, fat. Its
/// brightness has no unit; ``ToneCurve`` gives it the statistics of a center.
struct Thorax {
    private var torso: Ellipse
    private var fatThickness, muscleThickness: Float
    private var fatPhase, ribPhase, ribCount: Float
    private var liver, stomach, spleen, spine, canal, aorta, mediastinum: Ellipse
    private var stomachBrightness, liverBrightness: Float
    private var heartFat: Float
    private var heartFatPhase: Float
    private var key: UInt64

    /// Draws a thorax around a heart at the image's center. Fields of view are chosen to hold the chest, so a large one
    /// means a large chest.
    /// - Parameter fieldOfView: in mm.
    init(random: inout RandomStream, fieldOfView: Float) {
        func vary(_ value: Float, _ deviation: Float) -> Float {
            value + deviation * Float(random.normal().clamped(to: -2...2))
        }
        let halfWidth = max(vary(176, 13), vary(0.49, 0.02) * fieldOfView)
        let halfDepth = max(vary(126, 8), vary(0.38, 0.015) * fieldOfView)
        torso = Ellipse(vary(-8, 8), halfDepth - vary(85, 6), halfWidth, halfDepth, angle: vary(-0.15, 0.08))
        fatThickness = max(vary(15, 6), 5) + 0.3 * (halfDepth - 126)
        muscleThickness = max(vary(13, 2.5), 8)
        fatPhase = vary(0, 1)
        ribPhase = vary(0, 2)
        ribCount = 15 + Float(random.index(below: 4))
        liver = Ellipse(vary(-72, 8), vary(78, 7), vary(88, 9), vary(52, 6), angle: vary(0.25, 0.12))
        stomach = Ellipse(vary(52, 9), vary(84, 7), vary(46, 8), vary(30, 5), angle: vary(-0.2, 0.2))
        spleen = Ellipse(vary(118, 7), vary(66, 9), vary(22, 4), vary(44, 7), angle: vary(-0.3, 0.15))
        spine = Ellipse(vary(4, 7), vary(116, 5), 22, 19, angle: 0)
        canal = Ellipse(spine.center.x, spine.center.y + 25, 8, 7, angle: 0)
        aorta = Ellipse(
            spine.center.x + vary(30, 4), spine.center.y - vary(20, 4), vary(11, 1.5), vary(11, 1.5), angle: 0)
        mediastinum = Ellipse(vary(-28, 6), vary(-34, 7), vary(46, 7), vary(34, 6), angle: vary(-0.5, 0.15))
        stomachBrightness = Float(random.uniform(in: 0.1...0.7))
        liverBrightness = vary(0.36, 0.05)
        heartFat = max(vary(6, 2.5), 2.5)
        heartFatPhase = vary(0, 2)
        key = random.next()
    }

    /// Brightness at a point of a slice, 0 (air) to about 1 (fat).
    /// - Parameters:
    ///   - x: mm to the right of the image's center; `y` below it.
    ///   - depth: mm below the heart's base; the diaphragm's organs grow with it.
    ///   - motion: where the breath has moved heart and abdomen in this slice, in mm.
    ///   - section: the heart in this slice.
    ///   - pixel: in mm; borders are as sharp as it permits.
    func brightness(
        x: Float, y: Float, slice: Int, depth: Float, motion: SIMD2<Float>, section: HeartSection?, pixel: Float
    ) -> Float {
        let blur = max(pixel, 1)
        let texture = SmoothNoise(key: key &+ UInt64(slice))
        let body = torso.distance(x, y)
        guard body < blur else { return 0 }
        let angle = atan2f(y - torso.center.y, x - torso.center.x)
        let fat = fatThickness * (1 + 0.35 * cosf(2 * angle + fatPhase) + 0.15 * texture.value(angle * 3, 7))
        let muscle = fat + muscleThickness * (1 + 0.2 * texture.value(angle * 5, 31))
        func cover(_ distance: Float) -> Float { (0.5 - distance / blur).clamped(to: 0...1) }
        // Most organs miss most pixels: their texture is not even asked for.
        func paint(_ value: inout Float, _ color: @autoclosure () -> Float, _ coverage: Float) {
            if coverage > 0 { value += (color() - value) * coverage }
        }

        var value: Float = 0
        // Fat is never uniform: septa and the coil's nearness.
        paint(&value, 0.88 + 0.16 * texture.value(x / 9, y / 9), cover(body))
        if body < -fat + blur {
            let rib = cosf(ribCount * angle + ribPhase + depth * 0.05)
            let inside = rib > 0.45 ? 0.5 * (rib - 0.45) : 0
            paint(
                &value, 0.27 + 0.05 * texture.value(x / 5, y / 5) - 0.12 * (rib > 0.3 ? 1 : 0) + inside,
                cover(body + fat))
        }
        if body < -muscle + blur {
            let chest = cover(body + muscle)
            let vessels = texture.value(x / 6 + 100, y / 6)
            paint(&value, 0.07 + 0.03 * texture.value(x / 30, y / 30) + max(0, vessels - 0.55) * 0.7, chest)
            let (u, v) = (x - motion.x, y - motion.y)
            organs(&value, u, v, depth: depth, texture: texture, chest: chest, blur: blur)
            if let section {
                let (distance, turn) = section.distanceOutside(x: x, y: y)
                let layer = heartFat * (1 + 0.6 * cosf(turn + heartFatPhase) + 0.3 * texture.value(turn * 2, 3))
                paint(&value, 0.72 + 0.15 * texture.value(x / 8, y / 8 + 50), cover(distance - max(layer, 1)) * chest)
            }
        }
        return value
    }

    private func organs(
        _ value: inout Float, _ x: Float, _ y: Float, depth: Float, texture: SmoothNoise, chest: Float, blur: Float
    ) {
        func paint(_ color: @autoclosure () -> Float, _ distance: Float) {
            let coverage = (0.5 - distance / blur).clamped(to: 0...1) * chest
            if coverage > 0 { value += (color() - value) * coverage }
        }
        // Nearer to the apex the plane cuts more of what is below the diaphragm.
        let growth = (depth - 45) * 0.22
        paint(0.62 + 0.12 * texture.value(x / 12, y / 12 + 9), mediastinum.distance(x, y))
        paint(
            liverBrightness + 0.03 * texture.value(x / 15, y / 15)
                + max(0, texture.value(x / 8 + 300, y / 8) - 0.6) * 0.35,
            liver.distance(x, y) - growth)
        paint(
            stomachBrightness * (0.9 + 0.3 * texture.value(x / 14 + 40, y / 14)), stomach.distance(x, y) - growth)
        paint(0.48 + 0.03 * texture.value(x / 10, y / 10), spleen.distance(x, y) - growth)
        paint(0.33 + 0.06 * texture.value(x / 6, y / 6 + 70), spine.distance(x, y))
        paint(0.75, canal.distance(x, y))
        paint(0.70 + 0.06 * texture.value(x / 9 + 5, y / 9), aorta.distance(x, y))
    }
}

/// An ellipse in the image plane, in mm.
struct Ellipse {
    var center: SIMD2<Float>
    private var axes: SIMD2<Float>
    private var direction: SIMD2<Float>

    init(_ x: Float, _ y: Float, _ a: Float, _ b: Float, angle: Float) {
        center = [x, y]
        axes = [a, b]
        direction = [cosf(angle), sinf(angle)]
    }

    /// The distance from its border, negative inside; exact near the border (the implicit function over its gradient).
    func distance(_ x: Float, _ y: Float) -> Float {
        let offset = SIMD2(x, y) - center
        let along = SIMD2(
            offset.x * direction.x + offset.y * direction.y, offset.y * direction.x - offset.x * direction.y)
        let scaled = along / axes
        let level = (scaled * scaled).sum().squareRoot()
        guard level > 0.05 else { return -axes.min() }
        let gradient = scaled / axes
        return (level - 1) * level / (gradient * gradient).sum().squareRoot()
    }
}
