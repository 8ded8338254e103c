import CNGHTTP2

/// What one stream has to send after its head.
///
/// One piece at a time: the next is asked for when this one is on its way, which is the backpressure.
final class H2Outbound {
    let stream: Int32
    @exclusivity(unchecked)
    var piece: Bytes
    @exclusivity(unchecked)
    var hasEnded: Bool
    var trailers = Headers()
    /// Whether the stream's other direction goes on after our end (a tunnel), so that it is not reset.
    var isTunnel = false
    /// Frame bytes sent.
    @exclusivity(unchecked)
    var bytesSent = 0
    /// Whether libnghttp2 was told to come back when there is more.
    @exclusivity(unchecked)
    var isDeferred = false

    init(stream: Int32, piece: Bytes = [], hasEnded: Bool = false) {
        self.stream = stream
        self.piece = piece
        self.hasEnded = hasEnded
    }

    // SAFETY: the session keeps every outbound in `outbounds` until libnghttp2 reports its stream closed,
    // and libnghttp2 uses the pointer only before that.
    var provider: nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(self).toOpaque()),
            read_callback: { _, _, _, limit, flags, source, user in
                guard let pointer = source?.pointee.ptr, let flags, let user else {
                    return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
                }
                let outbound = Unmanaged<H2Outbound>.fromOpaque(pointer).takeUnretainedValue()
                return H2Session.of(user).read(outbound, limit: limit, &flags.pointee)
            }
        )
    }
}

extension H2Session {
    /// How much of a stream's content goes into its next DATA frame.
    fileprivate func read(_ outbound: H2Outbound, limit: Int, _ flags: inout UInt32) -> Int {
        let count = min(outbound.piece.count, limit)
        guard count > 0 || outbound.hasEnded else {
            outbound.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags |= UInt32(NGHTTP2_DATA_FLAG_NO_COPY.rawValue)
        if count == outbound.piece.count, outbound.hasEnded {
            flags |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
            if !outbound.trailers.isEmpty {
                flags |= UInt32(NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
                submitTrailers(outbound)
            }
        }
        return count
    }

    /// Puts a DATA frame's header and content out.
    func write(
        _ outbound: H2Outbound,
        _ frameHead: UnsafePointer<UInt8>,
        _ count: Int
    ) -> Int32 {
        guard output.count < outputLimit else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        output.append(UnsafeRawBufferPointer(start: frameHead, count: 9))
        if count > 0 {
            outbound.piece.withUnsafeBytes {
                output.append(UnsafeRawBufferPointer(rebasing: $0[0..<count]))
            }
            outbound.piece = outbound.piece.dropFirst(count)
        }
        if outbound.piece.isEmpty, !outbound.hasEnded {
            events.append(.drained(stream: outbound.stream))
        }
        return 0
    }

    private func submitTrailers(_ outbound: H2Outbound) {
        H2Fields.withTrailers(outbound.trailers) { fields in
            _ = nghttp2_submit_trailer(
                session,
                outbound.stream,
                fields.baseAddress,
                fields.count
            )
        }
    }
}

// MARK: - Content

extension H2Session {
    /// Offers the next piece of a stream's content, after the last one was drained.
    package func offer(_ piece: Bytes, on stream: Int32) {
        guard let outbound = outbounds[stream], !outbound.hasEnded else { return }
        outbound.piece = outbound.piece.isEmpty ? piece : outbound.piece + piece
        resume(outbound)
    }

    /// Ends a stream's content, with a last piece or with trailers.
    package func finish(_ stream: Int32, with piece: Bytes = [], trailers: Headers = Headers()) {
        guard let outbound = outbounds[stream], !outbound.hasEnded else { return }
        if !piece.isEmpty {
            outbound.piece = outbound.piece.isEmpty ? piece : outbound.piece + piece
        }
        outbound.trailers = trailers
        outbound.hasEnded = true
        resume(outbound)
    }

    private func resume(_ outbound: H2Outbound) {
        guard outbound.isDeferred else { return }
        outbound.isDeferred = false
        nghttp2_session_resume_data(session, outbound.stream)
    }

    /// The frame bytes sent on a stream that is still open.
    package func bytesSent(on stream: Int32) -> Int { outbounds[stream]?.bytesSent ?? 0 }

    /// Whether a stream's content waits for the peer's window.
    package func isBlocked(_ stream: Int32) -> Bool {
        guard let outbound = outbounds[stream] else { return false }
        return !outbound.piece.isEmpty
    }
}
