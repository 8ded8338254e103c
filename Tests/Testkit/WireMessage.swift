/// An HTTP/1 message as a peer of the code under test reads it.
package struct WireMessage: Sendable {
    /// The request or status line.
    package var startLine: String
    /// Names in lower case, in the order they came.
    package var fields: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    /// Fields after a chunked body.
    package var trailers: [(name: String, value: String)] = []
    /// False when the body ended before its announced end.
    package var isComplete = true

    /// Makes a message with nothing but its first line.
    package init(startLine: String) { self.startLine = startLine }

    /// The first value of a field.
    package subscript(name: String) -> String? {
        fields.first { $0.name == name.lowercased() }?.value
    }

    /// The status of a response, 0 for a request.
    package var status: Int {
        startLine.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    /// The method of a request.
    package var method: String { startLine.split(separator: " ").first.map(String.init) ?? "" }

    /// The target of a request.
    package var target: String {
        startLine.split(separator: " ").dropFirst().first.map(String.init) ?? ""
    }

    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }
}

extension Wire {
    /// Reads a head, leaving the body on the wire.
    package func readHead() throws -> WireMessage {
        var message = WireMessage(startLine: try takeLine())
        message.fields = try readFields()
        return message
    }

    private func readFields() throws -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        while true {
            let line = try takeLine()
            if line.isEmpty { return fields }
            guard let colon = line.firstIndex(of: ":") else { throw WireError.malformed(line) }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            fields.append((line[..<colon].lowercased(), String(value)))
        }
    }

    /// Reads a whole request.
    package func readRequest() throws -> WireMessage {
        var message = try readHead()
        try readBody(of: &message, endsWithConnection: false)
        return message
    }

    /// Reads a whole response to a request with this method.
    package func readResponse(to method: String = "GET") throws -> WireMessage {
        var message = try readHead()
        let status = message.status
        if method == "HEAD" || status < 200 || status == 204 || status == 304 { return message }
        try readBody(of: &message, endsWithConnection: true)
        return message
    }

    /// Reads what follows a head; a body cut short leaves `isComplete` false.
    package func readBody(of message: inout WireMessage, endsWithConnection: Bool) throws {
        do {
            if message["transfer-encoding"]?.lowercased() == "chunked" {
                try readChunks(of: &message)
            } else if let length = message["content-length"].flatMap({ Int($0) }) {
                while message.body.count < length {
                    if buffer.isEmpty { try fill() }
                    let piece = buffer.prefix(length - message.body.count)
                    message.body += piece
                    buffer = buffer.dropFirst(piece.count)
                }
            } else if endsWithConnection {
                message.body = readAll()
            }
        } catch WireError.closed, WireError.reset {
            message.isComplete = false
        }
    }

    private func readChunks(of message: inout WireMessage) throws {
        while true {
            let line = try takeLine()
            guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
                throw WireError.malformed("chunk size \(line)")
            }
            if size == 0 {
                message.trailers = try readFields()
                return
            }
            message.body += try take(size)
            guard try takeLine().isEmpty else { throw WireError.malformed("chunk end") }
        }
    }
}
