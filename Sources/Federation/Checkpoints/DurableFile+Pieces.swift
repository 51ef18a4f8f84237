internal import CZlib
import Files
import Foundation

extension DurableFile {
    /// A file that is written piece by piece, and replaces what was there when it is finished; before that nothing is left of it.
    final class Pieces {
        private let path: String
        private let temporary: String
        private var descriptor: Int32
        private var checksum = crc32_z(0, nil, 0)

        /// Begins a file.
        init(_ path: String) throws(FederationError) {
            self.path = path
            temporary = path + ".partial"
            descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw failure("write", path) }
        }

        deinit {
            guard descriptor >= 0 else { return }
            close(descriptor)
            unlink(temporary)
        }

        /// Writes the next piece.
        func append(_ bytes: [UInt8]) throws(FederationError) {
            let result = bytes.withUnsafeBytes { bytes in
                checksum = crc32_z(checksum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
                return Result { () throws(FederationError) in try write(bytes) }
            }
            try result.get()
        }

        /// Flushes the file and puts it where it belongs.
        /// - Parameter place: where the checksum of all pieces is put, as fingerprints have it.
        func finish(checksumAt place: Range<Int>) throws(FederationError) {
            guard lseek(descriptor, off_t(place.lowerBound), SEEK_SET) >= 0 else { throw failure("write", path) }
            let digits = Array(hexadecimal(checksum).utf8)
            precondition(digits.count == place.count, "\(digits.count) digits in the place of \(place.count)")
            let result = digits.withUnsafeBytes { bytes in
                Result { () throws(FederationError) in try write(bytes) }
            }
            try result.get()
            let written = descriptor
            descriptor = -1
            try end(written, of: temporary, for: path, isFlushed: true)
            try rename(temporary, to: path)
        }

        private func write(_ bytes: UnsafeRawBufferPointer) throws(FederationError) {
            var position = 0
            while position < bytes.count {
                let written = Foundation.write(
                    descriptor, bytes.baseAddress.map { $0 + position }, bytes.count - position)
                if written < 0, errno == EINTR { continue }
                guard written >= 0 else { throw failure("write", path) }
                position += written
            }
        }
    }
}
