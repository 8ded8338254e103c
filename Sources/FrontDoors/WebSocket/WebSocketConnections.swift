import HTTP
import Synchronization

/// What waits to be sent to one client; filled from any thread, emptied by the connection's reactor.
final class WebSocketOutbox: Sendable {
    /// How many bytes may wait.
    static let limit = 1 << 20

    private struct Contents {
        var frames: [Bytes] = []
        var count = 0
        var isClosed = false
        var reader: CheckedContinuation<Bytes?, Never>?
    }

    private let contents = Mutex(Contents())

    /// Adds a frame; false when the connection is gone or too much waits already.
    @discardableResult
    func send(_ frame: [UInt8], closes: Bool = false) -> Bool {
        let (isTaken, reader) = contents.withLock {
            contents -> (Bool, CheckedContinuation<Bytes?, Never>?) in
            guard !contents.isClosed, closes || contents.count + frame.count <= Self.limit else {
                return (false, nil)
            }
            contents.isClosed = closes
            if let reader = contents.reader {
                contents.reader = nil
                return (true, reader)
            }
            contents.frames.append(frame[...])
            contents.count += frame.count
            return (true, nil)
        }
        reader?.resume(returning: frame[...])
        return isTaken
    }

    /// Ends the queue without a further frame.
    func close() {
        let reader = contents.withLock { contents -> CheckedContinuation<Bytes?, Never>? in
            contents.isClosed = true
            let reader = contents.reader
            contents.reader = nil
            return reader
        }
        reader?.resume(returning: nil)
    }

    /// The next frame; nil once the queue has ended.
    func next() async -> Bytes? {
        await withCheckedContinuation { continuation in
            let ready = contents.withLock { contents -> Bytes?? in
                if !contents.frames.isEmpty {
                    let frame = contents.frames.removeFirst()
                    contents.count -= frame.count
                    return .some(frame)
                }
                if contents.isClosed { return .some(nil) }
                contents.reader = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}

/// The open connections of all WebSocket APIs, shared by all reactors.
final class WebSocketConnections: Sendable {
    /// How many connections are held at once.
    static let limit = 50_000

    /// What is known of a connection.
    struct Entry: Sendable {
        var api: String
        var stage: String
        var outbox: WebSocketOutbox
        /// Unit: milliseconds since 1970.
        var connectedAt: Int
        /// Unit: milliseconds since 1970.
        var lastActiveAt: Int
        var sourceIP: String
        var userAgent: String
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Keeps a connection; false when there are too many.
    func add(_ id: String, _ entry: Entry) -> Bool {
        entries.withLock { entries in
            guard entries.count < Self.limit else { return false }
            entries[id] = entry
            return true
        }
    }

    /// Forgets a connection.
    func remove(_ id: String) { entries.withLock { $0[id] = nil } }

    /// Notes that a client was heard of.
    func touch(_ id: String, at time: Int) { entries.withLock { $0[id]?.lastActiveAt = time } }

    /// A connection of a stage.
    func find(_ id: String, api: String, stage: String) -> Entry? {
        entries.withLock { entries in
            entries[id].flatMap { $0.api == api && $0.stage == stage ? $0 : nil }
        }
    }
}
