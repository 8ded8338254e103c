import HTTP
import Testing

@Suite("HTTP/1 parser")
struct H1ParserTests {
    static func request(_ text: String) throws -> ParsedRequest? {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBytes { buffer in
            try H1Parser.parseRequestHead(buffer, limits: HeadLimits())
        }
    }

    static func response(
        _ text: String,
        to method: String = "GET"
    ) throws -> ParsedResponse? {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBytes { buffer in
            try H1Parser.parseResponseHead(buffer, limits: HeadLimits(), requestMethod: method)
        }
    }

    @Test("a request keeps order, letter case and query")
    func wellFormed() throws {
        let text =
            "POST /a?b=1&c HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-one:  2 \r\nContent-Length: 3\r\n\r\nabc"
        let parsed = try #require(try Self.request(text))
        #expect(parsed.head.method == "POST")
        #expect(parsed.head.path == "/a")
        #expect(parsed.head.query == "b=1&c")
        #expect(parsed.head.headers.map(\.name) == ["Host", "X-One", "x-one", "Content-Length"])
        #expect(parsed.head.headers.all("x-ONE") == ["1", "2"])
        #expect(parsed.framing == .length(3))
        #expect(parsed.consumed == text.utf8.count - 3)
        #expect(parsed.keepAlive)
    }

    @Test("a head cut anywhere is incomplete, never wrong")
    func incomplete() throws {
        let text = "GET /path HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n"
        for length in 0..<text.utf8.count {
            #expect(
                try Self.request(String(decoding: text.utf8.prefix(length), as: UTF8.self)) == nil,
                "cut at \(length)"
            )
        }
        #expect(try Self.request(text) != nil)
    }

    @Test(
        "a malformed request head is refused",
        arguments: [
            "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "GET /\r\nHost: x\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
            "GET / http/1.1\r\nHost: x\r\n\r\n",
            "GET x HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n fold\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\tfold\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{1}c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nA\u{e9}: c\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n",
            "\u{0}GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ]
    )
    func malformed(text: String) {
        #expect(throws: H1Error.self) { try Self.request(text) }
    }

    @Test("limits have their own errors")
    func limits() {
        #expect(throws: H1Error.targetTooLong) {
            try Self.request(
                "GET /" + String(repeating: "a", count: 9_000) + " HTTP/1.1\r\nHost: x\r\n\r\n"
            )
        }
        #expect(throws: H1Error.headTooLarge) {
            try Self.request(
                "GET / HTTP/1.1\r\nHost: x\r\nA: " + String(repeating: "a", count: 33_000)
            )
        }
        #expect(throws: H1Error.headTooLarge) {
            try Self.request(
                "GET / HTTP/1.1\r\nHost: x\r\n" + String(repeating: "A: b\r\n", count: 300) + "\r\n"
            )
        }
    }

    @Test("an absolute-form target names the host")
    func absoluteForm() throws {
        let parsed = try #require(
            try Self.request("GET http://other:81?q HTTP/1.1\r\nHost: x\r\n\r\n")
        )
        #expect(parsed.head.path == "/")
        #expect(parsed.head.query == "q")
        #expect(parsed.head.headers["host"] == "other:81")
    }

    @Test("a response's framing follows RFC 9112 section 6.3")
    func responseFraming() throws {
        #expect(
            try Self.response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")?.framing == .length(5)
        )
        #expect(
            try Self.response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", to: "HEAD")?.framing
                == BodyFraming.none
        )
        #expect(
            try Self.response("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n")?.framing
                == BodyFraming.none
        )
        #expect(
            try Self.response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?.framing
                == .chunked
        )
        let open = try #require(try Self.response("HTTP/1.0 200 OK\r\n\r\n"))
        #expect(open.framing == .untilClose)
        #expect(!open.keepAlive)
        #expect(throws: H1Error.self) { try Self.response("HTTP/1.1 20 OK\r\n\r\n") }
        #expect(throws: H1Error.self) { try Self.response("HTTP/1.1 200\r\nA: b\r\n c\r\n\r\n") }
    }
}

@Suite("Chunked coding")
struct ChunkDecoderTests {
    static func decode(_ text: String, step: Int) throws -> (content: String, trailers: Headers)? {
        var decoder = ChunkDecoder()
        var content: [UInt8] = []
        for start in stride(from: 0, to: text.utf8.count, by: step) {
            var pending = Array(text.utf8.dropFirst(start).prefix(step))[...]
            scan: while true {
                switch try decoder.next(&pending) {
                case .needMore:
                    #expect(pending.isEmpty)
                    break scan
                case .data(let bytes): content += bytes
                case .end(let trailers):
                    return (String(decoding: content, as: UTF8.self), trailers)
                }
            }
        }
        return nil
    }

    @Test(
        "chunks, extensions and trailers decode however they arrive",
        arguments: [1, 2, 3, 7, 100]
    )
    func decodes(step: Int) throws {
        let text = "5\r\nhello\r\nA;x=\"y\"\r\n, chunked!\r\n0\r\nX-T: 1\r\n\r\n"
        let result = try #require(try Self.decode(text, step: step))
        #expect(result.content == "hello, chunked!")
        #expect(result.trailers["x-t"] == "1")
    }

    @Test(
        "bad chunks are refused",
        arguments: [
            "5\nhello\r\n", "g\r\n", "\r\n", "-1\r\n", "0x5\r\nhello", "5 \r\nhello",
            "5\r\nhelloX\r\n",
            "FFFFFFFFFFFFFFFFF\r\n", ";x\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\n: x\r\n\r\n",
        ]
    )
    func refuses(text: String) {
        #expect(throws: H1Error.self) { try Self.decode(text, step: 100) }
    }
}
