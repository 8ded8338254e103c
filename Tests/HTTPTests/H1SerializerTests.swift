import Testing

@testable import HTTP

@Suite("HTTP/1 serializer")
struct H1SerializerTests {
    /// The bytes that a closure appends.
    static func written(_ write: (inout IOBuffer) -> Void) -> [UInt8] {
        var output = IOBuffer()
        write(&output)
        return Array(output.bytes)
    }

    private func text(_ write: (inout IOBuffer) -> Void) -> String {
        String(decoding: Self.written(write), as: UTF8.self)
    }

    @Test("a head parsed and written again is the same text")
    func roundTrip() throws {
        let start =
            "PATCH /a/b?c HTTP/1.1\r\nHost: x\r\nx-Odd-Case: 1\r\nX:\t 2\r\nCookie: a=b; c=d\r\n"
        let parsed = try #require(
            try H1ParserTests.request(start + "Content-Length: 4\r\nZ: \r\n\r\n")
        )
        let output = text { H1Serializer.append(parsed.head, framing: .length(4), into: &$0) }
        #expect(
            output == start.replacing("X:\t 2", with: "X: 2") + "Z: \r\nContent-Length: 4\r\n\r\n"
        )
        let again = try #require(try H1ParserTests.request(output))
        #expect(again.head.headers.count == parsed.head.headers.count)
        #expect(again.head.target == parsed.head.target)
    }

    @Test("changed fields go out in their order, whatever run they lay in")
    func changedFields() throws {
        var head = try #require(
            try H1ParserTests.request("GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n")
        ).head
        head.headers.remove("b")
        head.headers.set("A", "9")
        head.headers.append(.via, "1.1 x")
        let output = text { H1Serializer.append(head, framing: .none, into: &$0) }
        #expect(output == "GET / HTTP/1.1\r\nHost: x\r\nA: 9\r\nC: 3\r\nVia: 1.1 x\r\n\r\n")
    }

    @Test("no value or target can begin a line of its own")
    func injection() {
        let head = RequestHead(
            method: "GET",
            path: "/a b\r\nX: y",
            query: "q=\u{1}#",
            headers: [
                "Host": "x", "Evil": "1\r\nX-Second: 2", "Bad Name": "z",
                "Transfer-Encoding": "gzip", "Content-Length": "99",
            ]
        )
        let output = text { H1Serializer.append(head, framing: .chunked, into: &$0) }
        #expect(
            output == "GET /a%20b%0D%0AX:%20y?q=%01%23 HTTP/1.1\r\nHost: x\r\n"
                + "Evil: 1  X-Second: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
    }

    @Test("connection fields are left out, in any order of fields")
    func hopByHop() {
        var headers: Headers = [
            "X-Gone": "1", "Host": "x", "Connection": "close, x-gone, host, Upgrade",
            "Upgrade": "websocket", "TE": "trailers", "Keep-Alive": "1",
        ]
        var kept = headers
        headers.removeHopByHop()
        #expect(headers.map(\.name) == ["Host"])
        kept.removeHopByHop(keepUpgrade: true)
        #expect(kept.map(\.name) == ["Host", "Upgrade", "Connection"])
        #expect(kept["connection"] == "Upgrade")
    }

    @Test("answers to HEAD keep their length, others have the length of their framing")
    func lengths() {
        func written(_ status: Int, _ framing: H1Serializer.Framing) -> String {
            let head = ResponseHead(
                status: status,
                reason: "R",
                headers: ["Content-Length": "9", "Date": "d"]
            )
            return text {
                H1Serializer.append(
                    head,
                    framing: framing,
                    keepsAlive: true,
                    to: .http11,
                    date: [],
                    into: &$0
                )
            }
        }
        #expect(written(200, .asGiven) == "HTTP/1.1 200 R\r\nContent-Length: 9\r\nDate: d\r\n\r\n")
        #expect(written(204, .none) == "HTTP/1.1 204 R\r\nDate: d\r\n\r\n")
        #expect(
            written(200, .length(12)) == "HTTP/1.1 200 R\r\nDate: d\r\nContent-Length: 12\r\n\r\n"
        )
        #expect(written(200, .untilClose) == "HTTP/1.1 200 R\r\nDate: d\r\n\r\n")
    }

    @Test("a final response gets a date and the connection's fate")
    func connectionFields() {
        func written(_ version: HTTPVersion, keepsAlive: Bool) -> String {
            text {
                H1Serializer.append(
                    ResponseHead(status: 404, headers: ["Connection": "close", "A": "b"]),
                    framing: .length(0),
                    keepsAlive: keepsAlive,
                    to: version,
                    date: Array("now".utf8),
                    into: &$0
                )
            }
        }
        let start = "HTTP/1.1 404 Not Found\r\nA: b\r\nDate: now\r\nContent-Length: 0\r\n"
        #expect(written(.http11, keepsAlive: true) == start + "\r\n")
        #expect(written(.http11, keepsAlive: false) == start + "Connection: close\r\n\r\n")
        #expect(written(.http10, keepsAlive: true) == start + "Connection: keep-alive\r\n\r\n")
    }
}

@Suite("Field names")
struct FieldNameTests {
    @Test("every listed name is found in any letter case", arguments: FieldName.allCases)
    func found(name: FieldName) {
        let text = String(describing: name.text)
        guard name != .other else { return }
        #expect(FieldName.find(text) == name)
        #expect(FieldName.find(text.uppercased()) == name)
        #expect(FieldName.find(text + "x") == .other)
    }

    @Test("the spelling of a case is that of its name")
    func spelled() {
        for name in FieldName.allCases where name != .other {
            let letters = String(describing: name.text).filter { $0 != "-" }.lowercased()
            #expect("\(name)".lowercased() == letters)
        }
    }

    @Test("an unlisted name compares by its spelling")
    func unlisted() {
        let headers: Headers = ["X-Own": "1", "x-own": "2", "Host": "h"]
        #expect(headers["X-OWN"] == "1")
        #expect(headers.all("x-own") == ["1", "2"])
        #expect(headers[.host] == "h")
        #expect(headers.contains("HOST"))
    }
}
