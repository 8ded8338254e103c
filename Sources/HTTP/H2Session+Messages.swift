import CNGHTTP2

// Heads to send.

extension H2Session {
    /// Server: sends an interim (1xx) response.
    package func sendInterim(_ head: ResponseHead, on stream: Int32) {
        H2Fields.withResponse(head, length: .none, date: []) { fields in
            _ = nghttp2_submit_headers(
                session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                stream,
                nil,
                fields.baseAddress,
                fields.count,
                nil
            )
        }
    }

    /// Server: answers a stream; names are sent in lower case, hop-by-hop fields are dropped.
    ///
    /// With `isTunnel` the client's direction goes on after the content's end.
    package func respond(
        _ head: ResponseHead,
        length: H2Length,
        date: [UInt8],
        content: H2Content,
        isTunnel: Bool = false,
        on stream: Int32
    ) {
        let outbound = makeOutbound(content, stream)
        outbound.isTunnel = isTunnel
        outbounds[stream] = outbound
        H2Fields.withResponse(head, length: length, date: date) { fields in
            if case .none = content {
                _ = nghttp2_submit_response(session, stream, fields.baseAddress, fields.count, nil)
            } else {
                var provider = outbound.provider
                _ = nghttp2_submit_response(
                    session,
                    stream,
                    fields.baseAddress,
                    fields.count,
                    &provider
                )
            }
        }
    }

    /// Client: opens a stream with a request and gives its number.
    ///
    /// `length` is what `content-length` says, nil for none; `isTunnel` sends an extended CONNECT for
    /// WebSocket (RFC 8441); `takesTrailers` says `te: trailers`, as gRPC asks.
    /// - Throws: `H2Error` when the connection takes no more streams.
    package func request(
        _ head: RequestHead,
        scheme: StaticString,
        length: Int?,
        content: H2Content,
        isTunnel: Bool = false,
        takesTrailers: Bool = false
    ) throws(H2Error) -> Int32 {
        let next = Int32(bitPattern: nghttp2_session_get_next_stream_id(session))
        let outbound = makeOutbound(content, next)
        outbound.isTunnel = isTunnel
        var stream: Int32 = -1
        H2Fields.withRequest(
            head,
            scheme: scheme,
            length: length,
            isTunnel: isTunnel,
            takesTrailers: takesTrailers
        ) { fields in
            if case .none = content {
                stream = nghttp2_submit_request(
                    session,
                    nil,
                    fields.baseAddress,
                    fields.count,
                    nil,
                    nil
                )
            } else {
                var provider = outbound.provider
                stream = nghttp2_submit_request(
                    session,
                    nil,
                    fields.baseAddress,
                    fields.count,
                    &provider,
                    nil
                )
            }
        }
        guard stream == next else { throw H2Error(String(cString: nghttp2_strerror(stream))) }
        outbounds[stream] = outbound
        return stream
    }

    private func makeOutbound(_ content: H2Content, _ stream: Int32) -> H2Outbound {
        switch content {
        case .none: H2Outbound(stream: stream, hasEnded: true)
        case .whole(let bytes): H2Outbound(stream: stream, piece: bytes, hasEnded: true)
        case .open: H2Outbound(stream: stream)
        }
    }
}
