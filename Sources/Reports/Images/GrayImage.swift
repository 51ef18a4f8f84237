internal import CPNG
import Foundation

/// An 8-bit gray image, row by row from the top.
package struct GrayImage {
    let width: Int
    let height: Int
    /// `width · height` brightnesses.
    let pixels: [UInt8]

    /// An image of so many columns and rows.
    package init(width: Int, height: Int, pixels: [UInt8]) {
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// The image as a PNG file; nil where libpng cannot make one.
    package var png: Data? {
        var image = png_image()
        image.version = fedcrld_png_version
        image.width = UInt32(width)
        image.height = UInt32(height)
        image.format = fedcrld_png_gray
        var size = width * height + 1024
        var data = Data(count: size)
        let status = data.withUnsafeMutableBytes { buffer in
            png_image_write_to_memory(&image, buffer.baseAddress, &size, 0, pixels, 0, nil)
        }
        guard status != 0 else { return nil }
        return data.prefix(size)
    }
}
