/// Requests that are none, each with the status that refuses it; nil where only a close is an answer.
///
/// RFC 9112, RFC 9110 and CloudFront Developer Guide, "Quotas" (414 and 494).
struct MalformedRequest: Sendable {
    let what: String
    let bytes: [UInt8]
    let status: Int?

    init(_ what: String, _ text: String, _ status: Int?) {
        self.what = what
        // One byte per scalar, so that `\u{ff}` is that byte.
        bytes = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        self.status = status
    }

    /// A GET with these header lines.
    init(_ what: String, fields: String, _ status: Int?) {
        self.init(what, "GET / HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n\r\n", status)
    }

    /// A request with this first line.
    init(_ what: String, line: String, _ status: Int?) {
        self.init(what, line + "\r\nHost: localhost\r\n\r\n", status)
    }

    static let all = lines + targets + fields + hosts + lengths + sizes

    private static let lines = [
        MalformedRequest("nothing but a method", line: "GET", 400),
        MalformedRequest("no version", line: "GET /", 400),
        MalformedRequest("two spaces after the method", line: "GET  / HTTP/1.1", 400),
        MalformedRequest("two spaces before the version", line: "GET /  HTTP/1.1", 400),
        MalformedRequest("a space after the version", line: "GET / HTTP/1.1 ", 400),
        MalformedRequest("a space before the method", line: " GET / HTTP/1.1", 400),
        MalformedRequest("a tab between method and target", line: "GET\t/ HTTP/1.1", 400),
        MalformedRequest("a method that is no token", line: "G@T / HTTP/1.1", 400),
        MalformedRequest(
            "a method of 33 letters",
            line: "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1",
            400
        ),
        MalformedRequest("a version in lower case", line: "GET / http/1.1", 400),
        MalformedRequest("a version of other letters", line: "GET / HTTX/1.1", 400),
        MalformedRequest("a version of two digits", line: "GET / HTTP/1.10", 400),
        MalformedRequest("version 0.9", line: "GET / HTTP/0.9", 505),
        MalformedRequest("version 1.2", line: "GET / HTTP/1.2", 505),
        MalformedRequest("version 3.0", line: "GET / HTTP/3.0", 505),
        MalformedRequest("line feeds alone", "GET / HTTP/1.1\nHost: localhost\n\n", 400),
        MalformedRequest("a carriage return alone", "GET / HTTP/1.1\rHost: localhost\r\r", nil),
        MalformedRequest(
            "two empty lines first",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            400
        ),
        MalformedRequest("zeros", "\0\0\0\0\0\0\0\0\r\n\r\n", 400),
        MalformedRequest("another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n", 400),
        MalformedRequest("a mail", "EHLO localhost\r\n", 400),
        MalformedRequest(
            "a TLS greeting inside",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\r\n\r\n",
            400
        ),
    ]

    private static let targets = [
        MalformedRequest("a target without a slash", line: "GET a HTTP/1.1", 400),
        MalformedRequest("a target with a fragment", line: "GET /a#b HTTP/1.1", 400),
        MalformedRequest("a target beyond ASCII", line: "GET /\u{ff}\u{fe} HTTP/1.1", 400),
        MalformedRequest("a target with a zero", line: "GET /a\0b HTTP/1.1", 400),
        MalformedRequest("a star for GET", line: "GET * HTTP/1.1", 400),
        MalformedRequest("another scheme", line: "GET ftp://localhost/ HTTP/1.1", 400),
        MalformedRequest("a scheme without a host", line: "GET http:///a HTTP/1.1", 400),
        MalformedRequest("a host with a user", line: "GET http://u@localhost/ HTTP/1.1", 400),
        MalformedRequest("CONNECT to a path", line: "CONNECT /a HTTP/1.1", 400),
        MalformedRequest("CONNECT without a port", line: "CONNECT localhost HTTP/1.1", 400),
    ]

    private static let fields = [
        MalformedRequest("a folded field", fields: "X-A: 1\r\n 2", 400),
        MalformedRequest(
            "a fold before any field",
            "GET / HTTP/1.1\r\n X: 1\r\nHost: localhost\r\n\r\n",
            400
        ),
        MalformedRequest("a space before the colon", fields: "X-A : 1", 400),
        MalformedRequest("no colon", fields: "X-A", 400),
        MalformedRequest("no name", fields: ": 1", 400),
        MalformedRequest("a name with a space", fields: "X A: 1", 400),
        MalformedRequest("a name beyond ASCII", fields: "X\u{e4}: 1", 400),
        MalformedRequest("a zero in a value", fields: "X-A: a\0b", 400),
        MalformedRequest("a carriage return in a value", fields: "X-A: a\rb", 400),
        MalformedRequest("a DEL in a value", fields: "X-A: a\u{7f}b", 400),
        MalformedRequest("a line feed alone ends a field", fields: "X-A: 1\nX-B: 2", 400),
    ]

    private static let hosts = [
        MalformedRequest("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
        MalformedRequest("two Hosts", fields: "Host: other", 400),
        MalformedRequest("two Hosts that agree", fields: "Host: localhost", 400),
        MalformedRequest("a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        MalformedRequest("a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        MalformedRequest("a Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ]

    private static let lengths = [
        MalformedRequest("a negative length", fields: "Content-Length: -1", 400),
        MalformedRequest("a length with a sign", fields: "Content-Length: +1", 400),
        MalformedRequest("a length in hexadecimal", fields: "Content-Length: 0x1", 400),
        MalformedRequest("a length with a letter", fields: "Content-Length: 1a", 400),
        MalformedRequest("an empty length", fields: "Content-Length:", 400),
        MalformedRequest("a list of lengths", fields: "Content-Length: 1, 1", 400),
        MalformedRequest(
            "a length of twenty digits",
            fields: "Content-Length: 99999999999999999999",
            400
        ),
        MalformedRequest("two lengths", fields: "Content-Length: 1\r\nContent-Length: 2", 400),
        MalformedRequest(
            "two lengths that agree",
            fields: "Content-Length: 1\r\nContent-Length: 1",
            400
        ),
        MalformedRequest(
            "length and chunks",
            fields: "Content-Length: 1\r\nTransfer-Encoding: chunked",
            400
        ),
        MalformedRequest(
            "chunks and length",
            fields: "Transfer-Encoding: chunked\r\nContent-Length: 1",
            400
        ),
        MalformedRequest(
            "two codings",
            fields: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400
        ),
        MalformedRequest(
            "a coding before chunked",
            fields: "Transfer-Encoding: gzip, chunked",
            501
        ),
        MalformedRequest("a coding after chunked", fields: "Transfer-Encoding: chunked, gzip", 501),
        MalformedRequest(
            "a coding that only looks like it",
            fields: "Transfer-Encoding: xchunked",
            501
        ),
        MalformedRequest("chunks in quotes", fields: "Transfer-Encoding: \"chunked\"", 501),
        MalformedRequest(
            "chunks in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400
        ),
    ]

    private static let sizes = [
        MalformedRequest(
            "a URL of 8,193 bytes",
            line: "GET /" + String(repeating: "a", count: 8192) + " HTTP/1.1",
            414
        ),
        MalformedRequest("a URL without end", "GET /" + String(repeating: "a", count: 50000), 414),
        MalformedRequest("a method without end", String(repeating: "A", count: 50000), 414),
        MalformedRequest(
            "a field of 33,000 bytes",
            fields: "X-A: " + String(repeating: "a", count: 33000),
            494
        ),
        MalformedRequest(
            "a field without end",
            "GET / HTTP/1.1\r\nX-A: " + String(repeating: "a", count: 70000),
            494
        ),
        MalformedRequest(
            "201 fields",
            fields: String(repeating: "X: 1\r\n", count: 200) + "X: 1",
            494
        ),
        MalformedRequest(
            "fields without end",
            "GET / HTTP/1.1\r\n" + String(repeating: "X-A: 1\r\n", count: 9000),
            494
        ),
    ]
}
