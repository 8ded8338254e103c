import Edge
import HTTP
import Model

/// What functions return at the four events: refused, or safe to put on a wire.
enum ResultTarget {
    private static let head = RequestHead(
        method: "GET",
        path: "/a",
        query: "x=1",
        headers: ["Host": "app.example.com", "X-A": "1", "Cookie": "a=b", "Content-Length": "3"]
    )
    private static let answer = ResponseHead(
        status: 200,
        headers: ["Content-Type": "text/html", "X-A": "1", "Content-Length": "3"]
    )
    private static let sent = EventRequest(
        clientIP: "198.51.100.7",
        head: head,
        querystring: "x=1",
        origin: Origin(id: "o", domainName: "origin.example.com")
    )

    static func run(_ input: ArraySlice<UInt8>) {
        guard let first = input.first else { return }
        let payload = input.dropFirst()
        switch first % 4 {
        case 0: request(payload, .viewerRequest)
        case 1: request(payload, .originRequest)
        case 2: response(payload, .originResponse)
        default: response(payload, .viewerResponse)
        }
    }

    private static func request(_ payload: Bytes, _ event: EdgeEvent) {
        guard
            let result = try? EdgeResults.decodeRequest(
                payload,
                event: event,
                sent: sent,
                acceptsLocalOrigins: true
            )
        else { return }
        switch result {
        case .request(let request):
            precondition(request.path.utf8.first == UInt8(ascii: "/"), "a path without a slash")
            check(line: request.path)
            if let query = request.querystring { check(line: query) }
            check(request.headers)
        case .response(let made):
            precondition((100...599).contains(made.head.status), "a status out of range")
            check(made.head.headers)
        }
    }

    private static func response(_ payload: Bytes, _ event: EdgeEvent) {
        guard
            let result = try? EdgeResults.decodeResponse(payload, event: event, sent: answer)
        else { return }
        precondition((100...599).contains(result.head.status), "a status out of range")
        check(result.head.headers)
    }

    /// No byte that could end a request line early.
    private static func check(line text: String) {
        precondition(!text.utf8.contains { $0 <= 0x20 || $0 == 0x7f }, "white space in a target")
    }

    private static func check(_ headers: Headers) {
        for (name, value) in headers {
            precondition(!name.isEmpty, "a field without a name")
            precondition(
                !(name + value).utf8.contains { $0 == 10 || $0 == 13 || $0 == 0 },
                "a line break in a field"
            )
        }
    }
}
