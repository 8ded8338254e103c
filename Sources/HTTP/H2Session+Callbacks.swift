import CNGHTTP2

// What libnghttp2 tells a session while it reads or writes. No callback calls out of the module.

extension H2Session {
    // SAFETY: the pointer is the session's own, set in `init`; callbacks run only inside its methods.
    static func of(_ user: UnsafeMutableRawPointer) -> H2Session {
        Unmanaged<H2Session>.fromOpaque(user).takeUnretainedValue()
    }

    static func install(_ callbacks: OpaquePointer?) {
        installReading(callbacks)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
            guard let user else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            H2Session.of(user).closed(stream, code)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            guard let user, let frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            H2Session.of(user).sent(frame)
            return 0
        }
        nghttp2_session_callbacks_set_send_data_callback(callbacks) {
            _,
            _,
            frameHead,
            count,
            source,
            user in
            guard let user, let frameHead, let pointer = source?.pointee.ptr else {
                return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
            let outbound = Unmanaged<H2Outbound>.fromOpaque(pointer).takeUnretainedValue()
            return H2Session.of(user).write(outbound, frameHead, count)
        }
    }

    private static func installReading(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            guard let user, frame != nil else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            H2Session.of(user).block.start()
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _,
            _,
            name,
            nameCount,
            value,
            count,
            _,
            user in
            guard let user, let name, let value else {
                return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
            }
            return H2Session.of(user).add(name, nameCount, value, count)
        }
        // A field that is not valid makes the message malformed (RFC 9113 §8.2.1).
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) {
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _ in
            NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            guard let user, let frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            H2Session.of(user).received(frame)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            _,
            _,
            stream,
            bytes,
            count,
            user in
            guard let user, let bytes else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
            let piece = [UInt8](UnsafeBufferPointer(start: bytes, count: count))
            H2Session.of(user).events.append(.data(stream: stream, piece[...]))
            return 0
        }
    }
}

// MARK: - Reading

extension H2Session {
    private func add(
        _ name: UnsafePointer<UInt8>,
        _ nameCount: Int,
        _ value: UnsafePointer<UInt8>,
        _ count: Int
    ) -> Int32 {
        block.add(name, nameCount, value, count)
        guard block.size > heads.bytes * limits.headOverrun else { return 0 }
        violation = "headOverrun"
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    private func received(_ frame: UnsafePointer<nghttp2_frame>) {
        let head = frame.pointee.hd
        let ends = head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(head.type) {
        case NGHTTP2_HEADERS.rawValue:
            receivedHead(head.stream_id, frame.pointee.headers.cat, ends: ends)
        case NGHTTP2_DATA.rawValue where ends:
            events.append(.ended(stream: head.stream_id, trailers: Headers()))
        case NGHTTP2_SETTINGS.rawValue where !hasSettled:
            hasSettled = true
            events.append(.settled)
        case NGHTTP2_PING.rawValue where head.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            events.append(.ponged)
        case NGHTTP2_GOAWAY.rawValue:
            let goaway = frame.pointee.goaway
            let code = H2ErrorCode(rawValue: goaway.error_code)
            events.append(.goaway(lastStream: goaway.last_stream_id, code))
        default: break
        }
    }

    private func receivedHead(_ stream: Int32, _ category: nghttp2_headers_category, ends: Bool) {
        if category == NGHTTP2_HCAT_REQUEST { return receivedRequest(stream, ends: ends) }
        if block.status != 0 {
            guard let (head, contentLength) = block.response() else {
                return reset(stream, .protocolError)
            }
            events.append(.response(stream: stream, head, contentLength: contentLength))
            if ends { events.append(.ended(stream: stream, trailers: Headers())) }
        } else {
            events.append(.ended(stream: stream, trailers: block.trailers()))
        }
    }

    private func receivedRequest(_ stream: Int32, ends: Bool) {
        switch block.request(ends: ends) {
        case .request(let request): events.append(.request(stream: stream, request))
        case .refused(let status): events.append(.refused(stream: stream, status: status))
        case .malformed: reset(stream, .protocolError)
        }
    }
}

// MARK: - Writing

extension H2Session {
    private func closed(_ stream: Int32, _ code: UInt32) {
        let sent = outbounds.removeValue(forKey: stream)?.bytesSent ?? 0
        events.append(.closed(stream: stream, H2ErrorCode(rawValue: code), bytesSent: sent))
    }

    private func sent(_ frame: UnsafePointer<nghttp2_frame>) {
        let head = frame.pointee.hd
        switch UInt32(head.type) {
        case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue: break
        case NGHTTP2_RST_STREAM.rawValue: return chargeReset(frame.pointee.rst_stream.error_code)
        default: return
        }
        counts.bytesSent += Int(head.length) + 9
        guard let outbound = outbounds[head.stream_id] else { return }
        outbound.bytesSent += Int(head.length) + 9
        // The whole answer is out: what the client still sends is wanted no more (RFC 9113 §8.1).
        guard role == .server, head.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
            !outbound.isTunnel,
            nghttp2_session_get_stream_remote_close(session, head.stream_id) == 0
        else { return }
        reset(head.stream_id, .noError)
    }

    /// Resets that the peer's own mistakes force on us count as the peer's.
    private func chargeReset(_ code: UInt32) {
        switch H2ErrorCode(rawValue: code) {
        case .protocolError, .flowControlError, .streamClosed, .frameSizeError: counts.resets += 1
        default: break
        }
    }
}
