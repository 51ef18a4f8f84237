/// The extent of a feature map: slices, rows, columns and channels.
package struct Shape: Hashable, Sendable, CustomStringConvertible {
    /// Slices.
    package var depth: Int
    /// Rows.
    package var height: Int
    /// Columns.
    package var width: Int
    /// Channels, contiguous in memory.
    package var channels: Int

    /// A feature map of `depth × height × width` positions with `channels` values each.
    package init(depth: Int, height: Int, width: Int, channels: Int) {
        require(depth > 0 && height > 0 && width > 0 && channels > 0, "every extent of a shape is positive")
        self.depth = depth
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// Number of positions, `depth · height · width`.
    package var positions: Int { depth &* height &* width }

    /// Number of values.
    package var count: Int { positions &* channels }

    /// The same positions with another number of channels.
    package func with(channels: Int) -> Shape {
        Shape(depth: depth, height: height, width: width, channels: channels)
    }

    /// "8×96×96×16".
    package var description: String { "\(depth)×\(height)×\(width)×\(channels)" }
}
