/// The outline of a mask along the edges of its pixels.
package enum Contour {
    /// An SVG path, in pixels from the image's upper left corner; empty for an empty mask.
    package static func path(of mask: [Bool], width: Int, height: Int) -> String {
        func isInside(_ x: Int, _ y: Int) -> Bool {
            x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x]
        }
        var path = ""
        // Runs of edges that lie on one line are drawn as one.
        for y in 0...height {
            var start: Int?
            for x in 0...width {
                let isEdge = x < width && isInside(x, y) != isInside(x, y - 1)
                if isEdge, start == nil { start = x }
                if !isEdge, let first = start {
                    path += "M\(first) \(y)H\(x)"
                    start = nil
                }
            }
        }
        for x in 0...width {
            var start: Int?
            for y in 0...height {
                let isEdge = y < height && isInside(x, y) != isInside(x - 1, y)
                if isEdge, start == nil { start = y }
                if !isEdge, let first = start {
                    path += "M\(x) \(first)V\(y)"
                    start = nil
                }
            }
        }
        return path
    }
}
