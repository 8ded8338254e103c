import CBrotli
import CZlib

/// Compresses content piece by piece into gzip (RFC 1952) or brotli (RFC 7932).
///
/// Confined to whoever feeds it.
package final class ContentEncoder {
    /// A content coding (RFC 9110 §8.4.1).
    package enum Coding: String, Sendable {
        case gzip
        case brotli = "br"
    }

    private enum State {
        case gzip(UnsafeMutablePointer<z_stream>)
        case brotli(OpaquePointer)
    }

    /// How hard brotli tries, from 0 to 11; this takes about the time of gzip.
    private static let brotliQuality: UInt32 = 5
    /// Unit: bytes.
    private static let pieceSize = 16 << 10

    private let state: State

    /// Starts a compressed content; nil when there is no memory for it.
    package init?(_ coding: Coding) {
        switch coding {
        case .gzip:
            // SAFETY: zlib keeps the address of its stream, so it lives outside of Swift's values.
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard portico_deflate_gzip(stream) == Z_OK else {
                stream.deallocate()
                return nil
            }
            state = .gzip(stream)
        case .brotli:
            guard let encoder = BrotliEncoderCreateInstance(nil, nil, nil) else { return nil }
            BrotliEncoderSetParameter(encoder, BROTLI_PARAM_QUALITY, Self.brotliQuality)
            state = .brotli(encoder)
        }
    }

    deinit {
        switch state {
        case .gzip(let stream):
            deflateEnd(stream)
            stream.deallocate()
        case .brotli(let encoder): BrotliEncoderDestroyInstance(encoder)
        }
    }

    /// Takes a piece of content and returns what of its compressed form is ready; may be empty.
    package func encode(_ bytes: Bytes, isLast: Bool) -> Bytes {
        var input = Array(bytes)
        return input.withUnsafeMutableBufferPointer { input in
            switch state {
            case .gzip(let stream): Self.deflate(stream, input, isLast)
            case .brotli(let encoder): Self.compress(encoder, input, isLast)
            }
        }
    }

    private static func deflate(
        _ stream: UnsafeMutablePointer<z_stream>,
        _ input: UnsafeMutableBufferPointer<UInt8>,
        _ isLast: Bool
    ) -> Bytes {
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceSize)
        stream.pointee.next_in = input.baseAddress
        stream.pointee.avail_in = UInt32(input.count)
        while true {
            // SAFETY: the pointers are only used within this call, while both arrays are held.
            let made = piece.withUnsafeMutableBufferPointer { room -> Int in
                stream.pointee.next_out = room.baseAddress
                stream.pointee.avail_out = UInt32(room.count)
                _ = CZlib.deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                return room.count - Int(stream.pointee.avail_out)
            }
            output += piece[..<made]
            // Room that was left means that nothing waits to be written.
            if made < pieceSize { return output[...] }
        }
    }

    private static func compress(
        _ encoder: OpaquePointer,
        _ input: UnsafeMutableBufferPointer<UInt8>,
        _ isLast: Bool
    ) -> Bytes {
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceSize)
        var left = input.count
        var next = UnsafePointer(input.baseAddress)
        let operation = isLast ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS
        while true {
            // SAFETY: the pointers are only used within this call, while both arrays are held.
            let made = piece.withUnsafeMutableBufferPointer { room -> Int in
                var free = room.count
                var target = room.baseAddress
                _ = BrotliEncoderCompressStream(
                    encoder,
                    operation,
                    &left,
                    &next,
                    &free,
                    &target,
                    nil
                )
                return room.count - free
            }
            output += piece[..<made]
            if left == 0, BrotliEncoderHasMoreOutput(encoder) == 0 { return output[...] }
        }
    }
}
