import CardiacMR
import Foundation

/// A slice of a case with the outlines of prediction and truth.
struct Overlay {
    /// What is below the picture: the case and its Dice.
    let caption: String
    private let image: GrayImage
    private let contours: [(style: String, path: String)]

    /// The slice with most foreground in the truth, cut to the heart and a margin.
    /// - Parameters:
    ///   - image, prediction, truth: of one grid.
    init(caption: String, image: Volume, prediction: LabelVolume, truth: LabelVolume) {
        self.caption = caption
        let (width, height) = (image.grid.size.x, image.grid.size.y)
        let plane = width * height
        let counts = (0..<image.grid.size.z).map { z in
            truth.labels[z * plane..<(z + 1) * plane].count { $0 > 0 }
        }
        let slice = counts.indices.max { counts[$0] < counts[$1] } ?? 0
        let range = slice * plane..<(slice + 1) * plane
        let window = Self.window(truth.labels[range], prediction.labels[range], width, height)

        let sorted = image.voxels[range].filter(\.isFinite).sorted()
        let low = sorted.isEmpty ? 0 : sorted[sorted.count / 100]
        let high = sorted.isEmpty ? 1 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        let scale = high > low ? 255 / (high - low) : 0
        var pixels: [UInt8] = []
        var ours: [UInt8] = []
        var theirs: [UInt8] = []
        for y in window.y {
            for x in window.x {
                let place = range.lowerBound + y * width + x
                let value = (image.voxels[place] - low) * scale
                pixels.append(value.isFinite ? UInt8(min(255, max(0, value))) : 0)
                ours.append(prediction.labels[place])
                theirs.append(truth.labels[place])
            }
        }
        self.image = GrayImage(width: window.x.count, height: window.y.count, pixels: pixels)
        let labels = Set(ours + theirs).subtracting([0]).sorted()
        var contours: [(String, String)] = []
        for (kind, mask) in [("truth", theirs), ("prediction", ours)] {
            for label in labels {
                let path = Contour.path(of: mask.map { $0 == label }, width: window.x.count, height: window.y.count)
                if !path.isEmpty { contours.append((kind, path)) }
            }
        }
        self.contours = contours
    }

    var html: String {
        guard let png = image.png else { return "" }
        let (width, height) = (image.width, image.height)
        var text = "<figure><svg class=\"overlay\" viewBox=\"0 0 \(width) \(height)\" role=\"img\" "
        text += "aria-label=\"\(Markup.escape(caption)): image with the outlines of truth and prediction\">"
        text +=
            "<image width=\"\(width)\" height=\"\(height)\" href=\"data:image/png;base64,\(png.base64EncodedString())\"/>"
        for contour in contours { text += "<path class=\"\(contour.style)\" d=\"\(contour.path)\"/>" }
        return text + "</svg><figcaption>\(Markup.escape(caption))</figcaption></figure>\n"
    }

    /// Columns and rows around all foreground; a square as far as the slice allows, the whole slice where there is none.
    private static func window(
        _ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>, _ width: Int, _ height: Int
    ) -> (x: Range<Int>, y: Range<Int>) {
        var (left, right, top, bottom) = (width, -1, height, -1)
        for (index, pair) in zip(first, second).enumerated() where pair.0 > 0 || pair.1 > 0 {
            (left, right) = (min(left, index % width), max(right, index % width))
            (top, bottom) = (min(top, index / width), max(bottom, index / width))
        }
        guard right >= 0 else { return (0..<width, 0..<height) }
        let side = max(right - left, bottom - top) * 3 / 2 + 4
        func range(_ middle: Int, _ extent: Int) -> Range<Int> {
            let length = min(extent, side)
            let start = min(max(0, middle - length / 2), extent - length)
            return start..<start + length
        }
        return (range((left + right) / 2, width), range((top + bottom) / 2, height))
    }
}
