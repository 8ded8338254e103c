import CNGHTTP2

/// The state of one HTTP/2 connection (RFC 9113) over libnghttp2: bytes in, events and bytes out.
///
/// Does no I/O, knows no clock and calls nobody: `receive` and `send` leave events, which `takeEvents` gives
/// out afterwards. Confined to whoever owns it.
package final class H2Session {
    /// Which side of the connection this is.
    package enum Role: Sendable { case server, client }

    // SAFETY: made in `init` and freed in `deinit`; used only by methods of this object, which libnghttp2
    // calls back with an unretained pointer to it while one of those methods runs.
    let session: OpaquePointer
    let role: Role
    let limits: H2Limits
    let heads: HeadLimits
    @exclusivity(unchecked)
    var events: [H2Event] = []
    @exclusivity(unchecked)
    private var spare: [H2Event] = []
    @exclusivity(unchecked)
    var block: H2HeadBlock
    /// What each open stream still has to send; libnghttp2 holds unretained pointers to these.
    @exclusivity(unchecked)
    var outbounds: [Int32: H2Outbound] = [:]
    /// What `send` fills, while it runs.
    @exclusivity(unchecked)
    var output = IOBuffer()
    /// How much `send` may leave there.
    @exclusivity(unchecked)
    var outputLimit = 0
    /// The frames that came since the counts were last taken.
    @exclusivity(unchecked)
    package internal(set) var counts = H2FrameCounts()
    /// The limit that a head has broken so badly that the connection must end.
    package internal(set) var violation: StaticString?
    var hasSettled = false
    @exclusivity(unchecked)
    private var walk: H2FrameWalk

    /// Begins a session; the first bytes to send (preface, SETTINGS) are ready at once.
    ///
    /// - Throws: `H2Error` when there is no memory for it.
    package init(
        _ role: Role,
        limits: H2Limits = H2Limits(),
        heads: HeadLimits = HeadLimits()
    ) throws(H2Error) {
        self.role = role
        self.limits = limits
        self.heads = heads
        block = H2HeadBlock(limits: heads)
        walk = H2FrameWalk(preface: role == .server ? 24 : 0)
        session = try Self.make(role, limits)
        nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
        submitSettings()
    }

    deinit { nghttp2_session_del(session) }

    private static func make(_ role: Role, _ limits: H2Limits) throws(H2Error) -> OpaquePointer {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&options) == 0
        else { throw H2Error("no memory for an HTTP/2 session") }
        defer {
            nghttp2_session_callbacks_del(callbacks)
            nghttp2_option_del(options)
        }
        install(callbacks)
        // Windows open when the reader has taken the bytes, never before.
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_continuations(options, limits.continuations)
        nghttp2_option_set_max_settings(options, limits.settingsEntries)
        // Resets are charged by the meter, with the owner's clock.
        nghttp2_option_set_stream_reset_rate_limit(options, .max, .max)
        nghttp2_option_set_builtin_recv_extension_type(
            options,
            UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue)
        )
        var made: OpaquePointer?
        let result =
            role == .server
            ? nghttp2_session_server_new2(&made, callbacks, nil, options)
            : nghttp2_session_client_new2(&made, callbacks, nil, options)
        guard result == 0, let made else { throw H2Error("no memory for an HTTP/2 session") }
        return made
    }

    private func submitSettings() {
        var entries = [
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
            entry(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.headerTable),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, heads.bytes),
        ]
        switch role {
        case .server:
            entries.append(entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maximumStreams))
            // RFC 9218 in place of the tree of RFC 7540.
            entries.append(entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1))
            if limits.allowsWebSocket {
                entries.append(entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1))
            }
        case .client:
            entries.append(entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        nghttp2_submit_settings(session, 0, entries, entries.count)
        nghttp2_session_set_local_window_size(session, 0, 0, Int32(limits.connectionWindow))
    }

    private func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value))
    }

    /// Whether nothing more will come or go: the connection can be closed.
    package var isFinished: Bool {
        nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
    }

    /// Whether there are bytes to send now.
    package var wantsToSend: Bool { nghttp2_session_want_write(session) != 0 }

    /// Whether the peer takes another stream now (client).
    package var takesRequests: Bool {
        guard nghttp2_session_check_request_allowed(session) != 0 else { return false }
        let most = nghttp2_session_get_remote_settings(
            session,
            NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        )
        return outbounds.count < Int(min(most, UInt32(limits.maximumStreams)))
    }

    /// Whether the peer's settings allow extended CONNECT (client).
    package var peerAllowsWebSocket: Bool {
        nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
    }

    /// How many streams have something to send or to receive.
    package var openStreams: Int { outbounds.count }
}

// MARK: - Bytes and events

extension H2Session {
    /// Takes bytes from the peer.
    ///
    /// A broken rule usually ends as frames to send (RST_STREAM, GOAWAY) and `isFinished`.
    /// - Throws: `H2Error` when the session is of no more use; what it wants to send may still be sent.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(H2Error) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        walk.walk(bytes, &counts)
        let result = nghttp2_session_mem_recv(
            session,
            base.assumingMemoryBound(to: UInt8.self),
            bytes.count
        )
        guard result >= 0 else { throw H2Error(String(cString: nghttp2_strerror(Int32(result)))) }
    }

    /// Appends frames until the buffer holds `limit` bytes or there is nothing to send now.
    package func send(into buffer: inout IOBuffer, limit: Int) {
        swap(&output, &buffer)
        defer { swap(&output, &buffer) }
        outputLimit = limit
        while output.count < limit {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            guard count > 0 else { return }
            output.append(UnsafeRawBufferPointer(start: bytes, count: count))
        }
    }

    /// Gives out the events since the last time, in order.
    package func takeEvents(_ body: (H2Event) -> Void) {
        while !events.isEmpty {
            swap(&events, &spare)
            for event in spare { body(event) }
            spare.removeAll(keepingCapacity: true)
        }
    }

    /// Takes the counts for the meter.
    package func takeCounts() -> H2FrameCounts {
        defer { counts = H2FrameCounts() }
        return counts
    }

    /// Opens the windows again by what the stream's reader has taken.
    package func consume(_ count: Int, of stream: Int32) {
        nghttp2_session_consume(session, stream, count)
    }

    /// Opens the connection's window by what came on a stream that is gone.
    package func consumeOfConnection(_ count: Int) {
        nghttp2_session_consume_connection(session, count)
    }
}

// MARK: - Ends

extension H2Session {
    /// Ends one stream at once.
    package func reset(_ stream: Int32, _ code: H2ErrorCode) {
        nghttp2_submit_rst_stream(session, 0, stream, code.rawValue)
    }

    /// Ends the connection as soon as what is queued is sent.
    package func terminate(_ code: H2ErrorCode) {
        nghttp2_session_terminate_session(session, code.rawValue)
    }

    /// Server: announces the end, and asks by PING when the announcement has arrived (RFC 9113 §6.8).
    package func announceShutdown() {
        nghttp2_submit_shutdown_notice(session)
        nghttp2_submit_ping(session, 0, nil)
    }

    /// Takes no stream after those that came; the session finishes with the last of them.
    package func shutDown() {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, 0, last, 0, nil, 0)
    }

    /// Asks for a sign of life.
    package func ping() { nghttp2_submit_ping(session, 0, nil) }
}
