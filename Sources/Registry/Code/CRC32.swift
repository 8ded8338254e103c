import CZlib

/// The checksum of zip archives.
enum CRC32 {
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBytes { buffer in
            UInt32(
                truncatingIfNeeded: crc32_z(
                    0,
                    buffer.bindMemory(to: UInt8.self).baseAddress,
                    buffer.count
                )
            )
        }
    }
}

/// Inflates raw deflate streams.
enum Inflate {
    /// The content, which must have exactly the stated size; nil when it is anything else.
    static func bytes(_ packed: ArraySlice<UInt8>, size: Int) -> [UInt8]? {
        var stream = z_stream()
        guard portico_inflate_raw(&stream) == Z_OK else { return nil }
        defer { inflateEnd(&stream) }
        // One byte more than stated, so that content which goes on is noticed.
        var output = [UInt8](repeating: 0, count: size + 1)
        let (code, written) = packed.withUnsafeBytes { input in
            output.withUnsafeMutableBytes { target -> (Int32, Int) in
                stream.next_in = UnsafeMutablePointer(
                    mutating: input.bindMemory(to: UInt8.self).baseAddress
                )
                stream.avail_in = UInt32(input.count)
                stream.next_out = target.bindMemory(to: UInt8.self).baseAddress
                stream.avail_out = UInt32(target.count)
                return (inflate(&stream, Z_FINISH), target.count - Int(stream.avail_out))
            }
        }
        guard code == Z_STREAM_END, written == size else { return nil }
        output.removeLast()
        return output
    }
}
