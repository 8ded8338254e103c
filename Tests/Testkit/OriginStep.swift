/// What a peer expects of a message.
package struct MessagePattern: Sendable {
    package var method: String
    package var target: String
    /// Nil when the body does not matter.
    package var body: [UInt8]?
    /// Fields that must be there with exactly these values.
    package var fields: [(name: String, value: String)]

    /// Makes a pattern.
    package init(
        _ method: String,
        _ target: String,
        body: [UInt8]? = nil,
        fields: [(name: String, value: String)] = []
    ) {
        self.method = method
        self.target = target
        self.body = body
        self.fields = fields
    }

    /// Says what differs, nil when all is as expected.
    func mismatch(_ message: WireMessage, checksBody: Bool) -> String? {
        if message.method != method || message.target != target {
            return "expected \(method) \(target), got \(message.startLine)"
        }
        if let difference = difference(of: message.fields, from: fields) { return difference }
        guard checksBody, let body else { return nil }
        if !message.isComplete { return "the body was cut short" }
        return body == message.body
            ? nil : "expected a body of \(body.count) bytes, got \(message.body.count)"
    }
}

/// Says which wanted field is missing or has another value.
package func difference(
    of found: [(name: String, value: String)],
    from wanted: [(name: String, value: String)]
) -> String? {
    for (name, value) in wanted {
        let values = found.filter { $0.name == name.lowercased() }.map(\.value)
        guard !values.contains(value) else { continue }
        return values.isEmpty
            ? "expected \(name): \(value), got no such field"
            : "expected \(name): \(value), got \(values.joined(separator: " | "))"
    }
    return nil
}

/// One thing that a scripted origin does.
package enum OriginStep: Sendable {
    /// Waits for a whole request on any connection.
    case expect(MessagePattern)
    /// Waits for a request's head and leaves the body unread.
    case expectHead(MessagePattern)
    /// Reads the rest of the current request's body and compares it.
    case body([UInt8])
    /// The current request must not have this field.
    case lacks(String)
    /// The current request's trailers must have this field.
    case trailer(String, String)
    /// Answers with a length, unless the fields say otherwise.
    case answer(status: Int, body: [UInt8], fields: [(name: String, value: String)])
    /// Sends bytes as they are.
    case send([UInt8])
    /// Reads exactly these bytes.
    case read([UInt8])
    /// Sends this many bytes, or as many as the peer takes.
    case flood(Int)
    case reset, close, finishSending
    /// Waits until the peer has ended the current connection.
    case awaitClose
}
