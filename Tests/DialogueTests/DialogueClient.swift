import Glibc
import TLS
import Testkit

/// A client of a dialogue: performs its lines on one wire.
final class DialogueClient {
    private let wire: Wire
    private let port: Int
    private var method = "GET"
    private var message = WireMessage(startLine: "")

    init(port: Int, tls: TLSContext?) throws {
        wire = try Wire(port: port, tls: tls)
        self.port = port
    }

    func close() { wire.close() }

    /// Does what a line says; returns what went otherwise.
    func perform(_ line: Dialogue.Line) throws -> String? {
        switch line.verb {
        case "send": return send(line) ? nil : "the door takes no more"
        case "raw":
            if let first = line.words.first?.split(separator: " ").first { method = String(first) }
            return wire.send(line.words.joined().dialogueBytes) ? nil : "the door takes no more"
        case "flood":
            // A door that takes no more is the point of a flood.
            let piece = [UInt8](repeating: 0x78, count: 65536)
            var rest = line.words.first.flatMap { Int($0) } ?? 0
            while rest > 0, wire.send(Array(piece.prefix(rest))) { rest -= min(rest, 65536) }
        case "pause": poll(nil, 0, line.words.first.flatMap { Int32($0) } ?? 0)
        case "drip":
            // A byte at a time with a pause, until the door has had enough.
            let pause = line.words.dropFirst().first.flatMap { Int32($0) } ?? 10
            for _ in 0..<(line.words.first.flatMap { Int($0) } ?? 0) {
                guard wire.send("x") else { return nil }
                poll(nil, 0, pause)
            }
            return "the door takes it all"
        case "expect":
            message = try wire.readResponse(to: method)
            return message.isComplete ? check(line, body: line.words.dropFirst().first) : "cut"
        case "head":
            message = try wire.readHead()
            return check(line, body: nil)
        case "take": try wire.discard(line.words.first.flatMap { Int($0) } ?? 0)
        case "cut": return try cut()
        case "read":
            let wanted = line.words.joined().dialogueBytes
            let got = try wire.take(wanted.count)
            return got == wanted ? nil : "got \(String(decoding: got, as: UTF8.self))"
        case "contains":
            return line.words.allSatisfy { message.text.contains($0) }
                ? nil : "not in the body: \(message.text.prefix(2000))"
        case "size":
            return line.words.first == String(message.body.count)
                ? nil : "the body has \(message.body.count) bytes"
        case "lacks":
            for name in line.words {
                if let value = message[name] { return "unexpected \(name): \(value)" }
            }
        case "trailer": return difference(of: message.trailers, from: line.fields)
        case "closed": return wire.awaitEnd() == .silent ? "the connection stays open" : nil
        case "half-close": wire.finishSending()
        case "reset": wire.reset()
        case "close": wire.close()
        default: throw DialogueError(line.number, "a client cannot \(line.verb)")
        }
        return nil
    }

    private func send(_ line: Dialogue.Line) -> Bool {
        method = line.words.first ?? "GET"
        var head = "\(method) \(line.words.dropFirst().first ?? "/") HTTP/1.1\r\n"
        let names = line.fields.map { $0.name.lowercased() }
        if !names.contains("host") { head += "Host: localhost\r\n" }
        for (name, value) in line.fields { head += "\(name): \(value)\r\n" }
        let body = line.words.dropFirst(2).first?.dialogueBytes
        let isFramed = names.contains("content-length") || names.contains("transfer-encoding")
        if let body, !isFramed { head += "Content-Length: \(body.count)\r\n" }
        return wire.send((head + "\r\n").dialogueBytes + (body ?? []))
    }

    private func check(_ line: Dialogue.Line, body: String?) -> String? {
        guard line.words.first == String(message.status) else {
            return "got \(message.startLine), \(message.fields) \(message.text.prefix(1000))"
        }
        if let body, message.body != body.dialogueBytes {
            return "got the body \(message.text.prefix(200))"
        }
        return difference(of: message.fields, from: line.fields)
    }

    /// The body of the last head must end before its announced end.
    private func cut() throws -> String? {
        do {
            try wire.readBody(of: &message, endsWithConnection: true)
        } catch WireError.malformed {
            return nil
        }
        return message.isComplete ? "the body ended as if it were whole" : nil
    }
}
