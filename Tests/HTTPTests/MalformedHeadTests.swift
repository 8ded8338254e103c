import HTTP
import Testing

/// Wraps one field line, or several, in an otherwise good request.
private func withField(_ line: String) -> String { "POST / HTTP/1.1\r\nHost: x\r\n\(line)\r\n\r\n" }

/// Puts a request line before a good field section.
private func withLine(_ line: String) -> String { "\(line)\r\nHost: x\r\n\r\n" }

@Suite("Malformed heads")
struct MalformedHeadTests {
    static let requestLines = [
        " GET / HTTP/1.1", "\tGET / HTTP/1.1", "GET  / HTTP/1.1", "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ", "GET /", "GET", "GET ", "GET  HTTP/1.1", "GET HTTP/1.1",
        "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/2.0",
        "GET / HTTP/1.2", "GET / HTTP/0.9", "GET / HTTP/11", "GET / http/1.1", "GET / HTTP/1.10",
        "GET / XTTP/1.1", "GET / HTTP/1,1", "G(T / HTTP/1.1", "G\u{e9}T / HTTP/1.1",
        "GET: / HTTP/1.1", "GET a HTTP/1.1", "GET a/b HTTP/1.1", "GET * HTTP/1.1",
        "OPTIONS ** HTTP/1.1", "GET ftp://x/ HTTP/1.1", "GET http:// HTTP/1.1",
        "GET http:///a HTTP/1.1", "GET http://a@b/ HTTP/1.1", "GET http://a:b/ HTTP/1.1",
        "GET http://:80/ HTTP/1.1", "GET http:/a HTTP/1.1", "GET /a#b HTTP/1.1",
        "GET /\u{1} HTTP/1.1", "GET /\u{7f} HTTP/1.1", "GET /\u{e9} HTTP/1.1",
        "GET /\u{0} HTTP/1.1", "GET /\r HTTP/1.1", "CONNECT / HTTP/1.1", "CONNECT x HTTP/1.1",
        "CONNECT x: HTTP/1.1", "CONNECT :443 HTTP/1.1", "CONNECT http://x:1/ HTTP/1.1",
        "AVERYLONGMETHODNAMETHATNOBODYWOULDEVERUSE / HTTP/1.1", "{} / HTTP/1.1",
    ]

    static let fields = [
        " folded: x", "A: b\r\n c", "A: b\r\n\tc", "A : b", "A\t: b", ": b", "A", "A b: c",
        "A(: b", "A\u{e9}: b", "A\u{0}: b", "A: \u{0}", "A: b\u{0}", "A: \u{1}", "A: \u{1f}",
        "A: \u{7f}", "A: b\rc", "A: b\r", "A: b\r\r\nB: c", "A: b\nB: c", "\rA: b", "\"A\": b",
        "Host: y", "host: x", "Content-Length: ", "Content-Length: a", "Content-Length: +1",
        "Content-Length: -1", "Content-Length: 1 1", "Content-Length: 1,1", "Content-Length: 0x1",
        "Content-Length: 1.0", "Content-Length: 1\r\nContent-Length: 1",
        "Content-Length: 1\r\ncontent-length: 2", "Content-Length: 9999999999999999999",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 1", "Transfer-Encoding: ",
        "Transfer-Encoding: gzip", "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding: \u{b}chunked", "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked", "Content-Length : 1", "Transfer_Encoding : chunked",
    ]

    static let hosts = [
        "a b", "a,b", "a/b", "a@b", "a?b", "a#b", "a:b", "a:80:80", "a:999999", "[::1", "[]",
        "[g]", "[::1]x", "a\"b", "a\\b", "\u{e9}", "http://a",
    ]

    @Test("request lines", arguments: requestLines)
    func requestLine(line: String) {
        #expect(throws: H1Error.self) { try H1ParserTests.request(withLine(line)) }
    }

    @Test("fields", arguments: fields)
    func field(line: String) {
        #expect(throws: H1Error.self) { try H1ParserTests.request(withField(line)) }
    }

    @Test("hosts", arguments: hosts)
    func host(value: String) {
        #expect(throws: H1Error.self) {
            try H1ParserTests.request("GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n")
        }
    }

    @Test(
        "responses",
        arguments: [
            "HTTP/1.1 200 OK\n\r\n", "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
            "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 200OK",
            "HTTP/2.0 200 OK", "ICY 200 OK", "HTTP/1.1 200 O\u{0}K", "HTTP/1.1 200 O\rK",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", "HTTP/1.1 200 OK\r\nA : b",
        ]
    )
    func response(text: String) {
        #expect(throws: H1Error.self) { try H1ParserTests.response(text + "\r\n\r\n") }
    }

    @Test("each fault has a status of its own")
    func statuses() {
        let cases: [(String, Int)] = [
            (withLine("GET / HTTP/2.0"), 505), (withField("Transfer-Encoding: gzip"), 501),
            (withField("A : b"), 400),
            (withLine("GET /" + String(repeating: "a", count: 8_192) + " HTTP/1.1"), 414),
            (withField("A: " + String(repeating: "a", count: 33_000)), 494),
        ]
        for (text, status) in cases {
            do throws(any Error) {
                _ = try H1ParserTests.request(text)
                Issue.record("accepted: \(text.prefix(40))")
            } catch {
                #expect((error as? H1Error)?.status == status)
            }
        }
    }

    @Test("odd but legal heads pass")
    func legal() throws {
        for line in [
            "GET /%zz?a=?b HTTP/1.1", "GET //a//b?? HTTP/1.1", "X-TOKEN! / HTTP/1.1",
            "GET /a|b{c}\"<>^` HTTP/1.1", "OPTIONS * HTTP/1.1", "GET HTTPS://H/ HTTP/1.1",
            "CONNECT x:443 HTTP/1.1",
        ] {
            #expect(try H1ParserTests.request(withLine(line)) != nil, "\(line)")
        }
        for line in ["A:", "A: \u{e9}", "A:\tb\t", "A: b\tc", "!#$%&'*+-.^_`|~: b"] {
            #expect(try H1ParserTests.request(withField(line)) != nil, "\(line)")
        }
        for host in ["", "a:", "[::1]:80", "a_b.c:8443", "*.x"] {
            #expect(try H1ParserTests.request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") != nil)
        }
        #expect(try H1ParserTests.request("\r\nGET / HTTP/1.0\r\n\r\n")?.keepAlive == false)
    }
}

@Suite("Framing and connection")
struct FramingTests {
    @Test("what a request says of its connection")
    func connection() throws {
        let upgrade = try #require(
            try H1ParserTests.request(
                withField("Connection: keep-alive, Upgrade\r\nUpgrade: websocket")
            )
        )
        #expect(upgrade.upgrade && upgrade.keepAlive)
        #expect(try H1ParserTests.request(withField("Upgrade: h2c"))?.upgrade == false)
        #expect(try H1ParserTests.request(withField("Connection: Close"))?.keepAlive == false)
        #expect(try H1ParserTests.request(withField("Connection: closed"))?.keepAlive == true)
        #expect(
            try H1ParserTests.request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")?.keepAlive
                == true
        )
        let waiting = "Expect: 100-Continue\r\nContent-Length: 3"
        #expect(try H1ParserTests.request(withField(waiting))?.expectsContinue == true)
        #expect(
            try H1ParserTests.request(withField("Expect: 100-continue"))?.expectsContinue == false
        )
        #expect(
            try H1ParserTests.request(withField("Transfer-Encoding: CHUNKED"))?.framing == .chunked
        )
        #expect(
            try H1ParserTests.request(withField("Content-Length: 0"))?.framing == .length(0)
        )
    }

    @Test("a bodiless response that announces a body ends the connection")
    func lies() throws {
        for status in [100, 103, 204] {
            let text = "HTTP/1.1 \(status) X\r\nContent-Length: 5\r\n\r\n"
            let parsed = try #require(try H1ParserTests.response(text))
            #expect(parsed.framing == BodyFraming.none)
            #expect(!parsed.keepAlive)
        }
        let text = "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n"
        #expect(try H1ParserTests.response(text)?.keepAlive == true)
        #expect(try H1ParserTests.response("HTTP/1.1 101 X\r\n\r\n")?.upgrade == true)
        let tunnel = try H1ParserTests.response("HTTP/1.1 200 OK\r\n\r\n", to: "CONNECT")
        #expect(tunnel?.upgrade == true && tunnel?.framing == BodyFraming.none)
    }

    @Test("a response head cut anywhere is incomplete")
    func cutResponse() throws {
        let text = "HTTP/1.1 404 Not There\r\nA: b\r\nContent-Length: 3\r\n\r\n"
        for length in 0..<text.utf8.count {
            #expect(
                try H1ParserTests.response(
                    String(decoding: text.utf8.prefix(length), as: UTF8.self)
                ) == nil
            )
        }
        #expect(try H1ParserTests.response(text)?.head.reason == "Not There")
    }
}

@Suite("Chunk round trips")
struct ChunkRoundTripTests {
    @Test("what is written decodes again, cut at every byte")
    func everyCut() throws {
        let content = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        var wire = Array(
            H1SerializerTests.written { output in
                for piece in [content[0..<1], content[1..<300]] {
                    H1Serializer.appendChunkSize(piece.count, into: &output)
                    output.append(piece)
                    output.append("\r\n")
                }
                output.append("0\r\n")
                H1Serializer.appendTrailers(["X-T": "1", "Host": "evil"], into: &output)
            }
        )
        let end = wire.count
        wire += Array("GET /next".utf8)
        for cut in 0...end {
            var decoder = ChunkDecoder()
            var decoded: [UInt8] = []
            var trailers: Headers?
            for part in [wire[..<cut], wire[cut...]] where trailers == nil {
                var input = part
                scan: while true {
                    switch try decoder.next(&input) {
                    case .data(let bytes): decoded += bytes
                    case .needMore: break scan
                    case .end(let fields):
                        trailers = fields
                        #expect(cut == end ? input.isEmpty : input.count == 9)
                        break scan
                    }
                }
            }
            #expect(decoded == content)
            #expect(trailers?.map(\.name) == ["X-T"])
        }
    }

    @Test("extensions and trailers are bounded")
    func bounds() {
        let long = String(repeating: "x", count: 300)
        #expect(throws: H1Error.self) { try ChunkDecoderTests.decode("1;\(long)\r\n", step: 7) }
        let many = String(repeating: "1;\(long.prefix(250))\r\na\r\n", count: 100)
        #expect(throws: H1Error.self) { try ChunkDecoderTests.decode(many, step: 100) }
        let trailer = "0\r\n" + String(repeating: "a: \(long)\r\n", count: 60)
        #expect(throws: H1Error.self) { try ChunkDecoderTests.decode(trailer, step: 50) }
    }
}
