import CPostgres
import Glibc

/// One session with a server: the confined face of libpq.
///
/// Every call blocks, at most until its deadline or until the store is closed.
///
/// SAFETY: a connection belongs to one borrower of `PostgreSQLPool` at a time, which hands it over under its
/// lock; the pointer is valid until `deinit`.
final class PostgreSQLConnection: @unchecked Sendable {
    /// How long one exchange with the server may take.
    static let exchangeTimeout = Duration.seconds(30)

    private let handle: OpaquePointer
    private let stop: PostgreSQLStop
    /// Set once the session is of no use any more.
    private(set) var isBroken = false

    /// Connects to the first host that will have us, which takes at most `connect_timeout` for each.
    init(_ url: PostgreSQLURL, session: String, stop: PostgreSQLStop) throws {
        self.stop = stop
        let names = url.parameters.keys.sorted()
        let keywords = names.map { strdup($0) } + [nil]
        let values = names.map { strdup(url.parameters[$0] ?? "") } + [nil]
        defer { for text in keywords + values { free(text) } }
        // SAFETY: both arrays end with nil and live until the call returns.
        let connected = PQconnectdbParams(
            keywords.map { UnsafePointer($0) },
            values.map { UnsafePointer($0) },
            0
        )
        guard let connected else {
            throw PostgreSQLError(sqlState: nil, description: "out of memory")
        }
        handle = connected
        PQsetNoticeProcessor(connected, { _, _ in }, nil)
        guard PQstatus(handle) == CONNECTION_OK else {
            throw PostgreSQLError(
                sqlState: Self.connectState(Self.oneLine(String(cString: PQerrorMessage(handle)))),
                description: Self.oneLine(String(cString: PQerrorMessage(handle)))
            )
        }
        guard PQsetnonblocking(handle, 1) == 0 else { throw lost() }
        _ = try run([PostgreSQLStatement(session)])
    }

    deinit { PQfinish(handle) }

    /// libpq gives no SQLSTATE for a refused connection; those that retrying cannot help are told by words
    /// of the server, which its message settings may translate: they are then retried, and time out.
    private static func connectState(_ message: String) -> String? {
        if message.contains("authentication failed") || message.contains("no password supplied") {
            return "28P01"
        }
        if message.contains("role \"") && message.contains("does not exist") { return "28000" }
        if message.contains("database \"") && message.contains("does not exist") { return "3D000" }
        return nil
    }

    /// A message of libpq without line breaks.
    static func oneLine(_ message: String) -> String {
        message.split(separator: "\n").map { line in
            String(line.drop { $0 == "\t" || $0 == " " })
        }.joined(separator: "; ")
    }

    // MARK: Statements

    /// Sends statements together and returns their rows; the first error ends the exchange.
    ///
    /// Statements after a failed one are not run. Without `BEGIN` they are one transaction.
    func run(_ statements: [PostgreSQLStatement]) throws -> [PostgreSQLRows] {
        guard !isBroken else { throw lost() }
        let deadline = ContinuousClock.now + Self.exchangeTimeout
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
        for statement in statements {
            try send(statement)
            try flush(deadline, waits: false)
        }
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        try flush(deadline, waits: true)
        var results: [PostgreSQLRows] = []
        var failure: PostgreSQLError?
        while results.count < statements.count || failure != nil {
            guard let result = try next(deadline) else { continue }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { break }
            do { results.append(try Self.rows(result)) } catch let error as PostgreSQLError {
                if failure == nil { failure = error }
            }
        }
        if failure == nil { try awaitSync(deadline) }
        guard PQexitPipelineMode(handle) == 1 else { throw lost() }
        if let failure {
            if PQstatus(handle) != CONNECTION_OK { isBroken = true }
            throw failure
        }
        return results
    }

    private func awaitSync(_ deadline: ContinuousClock.Instant) throws {
        while true {
            guard let result = try next(deadline) else { continue }
            defer { PQclear(result) }
            if PQresultStatus(result) == PGRES_PIPELINE_SYNC { return }
        }
    }

    private func send(_ statement: PostgreSQLStatement) throws {
        let encoded = statement.values.map(\.encoded)
        let lengths = encoded.map { Int32($0?.count ?? 0) }
        let formats: [Int32] = statement.values.map { $0.isBinary ? 1 : 0 }
        let types = statement.values.map(\.type)
        // SAFETY: libpq copies what the pointers show before the call returns; each points into an array
        // that `pin` keeps in place until then.
        var pointers: [UnsafePointer<CChar>?] = []
        func pin(_ index: Int) -> Int32 {
            guard index < encoded.count else {
                return PQsendQueryParams(
                    handle,
                    statement.sql,
                    Int32(encoded.count),
                    types,
                    pointers,
                    lengths,
                    formats,
                    1
                )
            }
            guard let bytes = encoded[index] else {
                pointers.append(nil)
                return pin(index + 1)
            }
            return (bytes.isEmpty ? [0] : bytes).withUnsafeBytes { buffer in
                pointers.append(buffer.baseAddress?.assumingMemoryBound(to: CChar.self))
                return pin(index + 1)
            }
        }
        guard pin(0) == 1 else { throw lost() }
    }

    private static func rows(_ result: OpaquePointer) throws -> PostgreSQLRows {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: break
        case PGRES_PIPELINE_ABORTED:
            throw PostgreSQLError(sqlState: "25P02", description: "an earlier statement failed")
        default:
            // 'C' is the SQLSTATE, 'M' the primary message (libpq, PQresultErrorField).
            let state = PQresultErrorField(result, Int32(UInt8(ascii: "C")))
            let message = PQresultErrorField(result, Int32(UInt8(ascii: "M")))
            throw PostgreSQLError(
                sqlState: state.map { String(cString: $0) },
                description: oneLine(
                    message.map { String(cString: $0) }
                        ?? String(cString: PQresultErrorMessage(result))
                )
            )
        }
        var rows = PostgreSQLRows(command: String(cString: PQcmdStatus(result)))
        let width = PQnfields(result)
        for row in 0..<PQntuples(result) {
            rows.rows.append(
                (0..<width).map { column -> [UInt8]? in
                    guard PQgetisnull(result, row, column) == 0 else { return nil }
                    // SAFETY: the value has this length and lives as long as the result; it is copied.
                    let bytes = UnsafeRawBufferPointer(
                        start: PQgetvalue(result, row, column),
                        count: Int(PQgetlength(result, row, column))
                    )
                    return Array(bytes)
                }
            )
        }
        return rows
    }

    // MARK: Waiting

    /// The next result, or nil at the end of one statement's.
    private func next(_ deadline: ContinuousClock.Instant) throws -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            try wait(Int16(POLLIN), deadline)
            guard PQconsumeInput(handle) == 1 else { throw lost() }
        }
        let result = PQgetResult(handle)
        if result == nil, PQstatus(handle) != CONNECTION_OK { throw lost() }
        return result
    }

    /// Sends what waits to be sent, reading meanwhile so that neither side stands still.
    private func flush(_ deadline: ContinuousClock.Instant, waits: Bool) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                let ready = try wait(Int16(POLLIN | POLLOUT), deadline)
                if ready & Int16(POLLIN) != 0, PQconsumeInput(handle) == 0 { throw lost() }
            default: throw lost()
            }
        }
    }

    @discardableResult
    private func wait(_ events: Int16, _ deadline: ContinuousClock.Instant) throws -> Int16 {
        do {
            let ready = try stop.wait(for: PQsocket(handle), events, until: deadline)
            if ready != 0 { return ready }
        } catch {
            isBroken = true
            throw error
        }
        cancel()
        isBroken = true
        throw PostgreSQLError(
            sqlState: nil,
            description: "no answer within \(Self.exchangeTimeout)"
        )
    }

    /// Asks the server to stop what it does for this session.
    private func cancel() {
        guard let request = PQgetCancel(handle) else { return }
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(request, &message, Int32(message.count))
        PQfreeCancel(request)
    }

    private func lost() -> PostgreSQLError {
        isBroken = true
        let reason = Self.oneLine(String(cString: PQerrorMessage(handle)))
        return PostgreSQLError(
            sqlState: nil,
            description: reason.isEmpty ? "the connection is lost" : reason
        )
    }

    /// Rolls back what a failure left open; a session that cannot even do that is broken.
    func leaveTransaction() {
        guard !isBroken, PQtransactionStatus(handle) != PQTRANS_IDLE else { return }
        do { _ = try run([PostgreSQLStatement("ROLLBACK")]) } catch { isBroken = true }
    }

    /// Whether the server has said nothing since the last exchange, as an idle session should.
    var isQuiet: Bool {
        guard !isBroken, PQstatus(handle) == CONNECTION_OK else { return false }
        var entry = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0
    }

    /// What was notified on the listened channels; waits for the first until the deadline.
    func notices(until deadline: ContinuousClock.Instant) throws -> [String] {
        let ready = try stop.wait(for: PQsocket(handle), Int16(POLLIN), until: deadline)
        if ready != 0, PQconsumeInput(handle) == 0 { throw lost() }
        var payloads: [String] = []
        while let notice = PQnotifies(handle) {
            payloads.append(String(cString: notice.pointee.extra))
            PQfreemem(notice)
        }
        return payloads
    }
}
