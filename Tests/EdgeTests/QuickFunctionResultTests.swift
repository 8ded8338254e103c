import HTTP
import JSON
import Model
import Testing

@testable import Edge

/// What the one-pass reader takes is what the careful one makes of it.
@Suite("Plain results of CloudFront Functions read in one pass")
struct QuickFunctionResultTests {
    private static let request = RequestHead(
        method: "GET",
        path: "/a/b",
        query: "q=1&r=2&q=3",
        headers: [
            "Host": "H.example:8443", "User-Agent": "curl/8", "Accept": "*/*", "Connection": "x",
            "cookie": "a=1; b=2", "X-Multi": "1", "Via": "1.1 v", "x-multi": "2",
        ]
    )
    private static let response = ResponseHead(
        status: 200,
        headers: [
            "Content-Type": "text/plain", "X-Cache": "Miss", "Set-Cookie": "a=1; Path=/",
            "Cache-Control": "max-age=1", "Via": "v", "ETag": "\"a\\b\"",
        ]
    )
    private static let frame = FunctionEventFrame(
        Distribution(id: "E1", origins: [], behaviors: []),
        place: "IAD89-P1"
    )

    private static func event(_ event: EdgeEvent) -> FunctionEvent {
        FunctionEvent(
            event: event,
            frame: frame,
            requestID: "r",
            address: "1.2.3.4",
            request: request,
            response: event == .viewerResponse ? response : nil
        )
    }

    /// The message that a function gets, which it may give back.
    private static func message(_ event: FunctionEvent) throws -> JSONObject {
        let box = try JSONValue.parse(event.encoded().bytes[...])
        let name = event.event == .viewerResponse ? "response" : "request"
        return try #require(box["event"]?[name]?.object)
    }

    @Test("an event holds what the pages say, byte for byte")
    func encoding() throws {
        let text = Self.event(.viewerResponse).encoded()
        #expect(
            String(decoding: text.bytes, as: UTF8.self)
                == #"{"event":{"version":"1.0","context":{"distributionDomainName":"e1.cloudfront.net","#
                + #""distributionId":"E1","eventType":"viewer-response","requestId":"r"},"#
                + #""viewer":{"ip":"1.2.3.4"},"request":{"method":"GET","uri":"/a/b","#
                + #""querystring":{"q":{"value":"1","multiValue":[{"value":"1"},{"value":"3"}]},"r":{"value":"2"}},"#
                + #""headers":{"host":{"value":"h.example"},"user-agent":{"value":"curl/8"},"#
                + #""accept":{"value":"*/*"},"x-multi":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"#
                + #""via":{"value":"1.1 v"}},"cookies":{"a":{"value":"1"},"b":{"value":"2"}}},"#
                + #""response":{"statusCode":200,"statusDescription":"OK","#
                + #""headers":{"content-type":{"value":"text/plain"},"cache-control":{"value":"max-age=1"},"#
                + #""via":{"value":"v"},"etag":{"value":"\"a\\b\""}},"#
                + #""cookies":{"a":{"value":"1","attributes":"Path=/"}}}},"#
                + #""raw":"q=1&r=2&q=3","edge":"IAD89-P1"}"#
        )
    }

    @Test(
        "what was left alone is not even copied",
        arguments: [EdgeEvent.viewerRequest, .viewerResponse]
    )
    func unchanged(kind: EdgeEvent) throws {
        let event = Self.event(kind)
        let json = JSONValue.object(try Self.message(event)).encoded()
        let quick = try #require(QuickFunctionResult(event, event.encoded()).read(json))
        switch quick {
        case .request(let head): #expect(Self.isSame(head, Self.request))
        case .response(let head, let body):
            #expect(head.headers == Self.response.headers && head.reason == "OK" && body == nil)
        }
    }

    private static func isSame(_ left: RequestHead, _ right: RequestHead) -> Bool {
        left.method == right.method && left.path == right.path && left.query == right.query
            && left.headers == right.headers
    }

    /// Changes that functions make; the rare ones are for the careful reader, whose word counts.
    private static let changes: [@Sendable (inout JSONObject, inout Dice) -> Void] = [
        { object, _ in object["uri"] = "/new" },
        { object, dice in object["uri"] = .string(dice.pick(["no", "/a b", "/å", "/#", ""])) },
        { object, _ in object["method"] = "PUT" },
        { object, _ in object["querystring"] = "z=1" },
        { object, _ in object["querystring"] = ["q": ["value": "9"]] },
        { object, _ in object["cookies"] = ["a": ["value": "9"]] },
        { object, _ in object["cookies"] = nil },
        { object, _ in object["headers"] = nil },
        { object, _ in object["statusCode"] = 200 },
        { object, _ in object["statusCode"] = 404 },
        { object, _ in object["statusDescription"] = "Fine" },
        { object, _ in object["body"] = "text" },
        { object, _ in object["other"] = [1, ["a": .null]] },
        { object, dice in header(&object, dice.pick(names), ["value": .string(dice.pick(values))])
        },
        { object, dice in header(&object, dice.pick(names), ["value": .string(dice.pick(values))])
        },
        { object, dice in header(&object, dice.pick(names), nil) },
        { object, dice in
            let name = dice.pick(names)
            header(&object, name, ["value": "1", "multiValue": [["value": "1"], ["value": "5"]]])
        },
        { object, dice in header(&object, dice.pick(names), "bare") },
    ]
    private static let names = [
        "host", "user-agent", "accept", "x-multi", "via", "x-new", "x-other", "X-Upper", "warning",
        "connection", "x-edge-a", "content-length", "bad name", "", "cookie", "set-cookie", "etag",
        "content-type", "cache-control", "x-frame-options",
    ]
    private static let values = [
        "1", "h.example", "curl/8", "*/*", "", "A\u{7F}", "å", "a\\\"b", "max-age=1",
    ]

    private static func header(_ object: inout JSONObject, _ name: String, _ value: JSONValue?) {
        var headers = object["headers"]?.object ?? JSONObject()
        headers[name] = value
        object["headers"] = .object(headers)
    }

    @Test(
        "it takes nothing that breaks a rule, and means the same",
        arguments: [EdgeEvent.viewerRequest, .viewerResponse]
    )
    func agreement(kind: EdgeEvent) throws {
        var dice = Dice(state: kind == .viewerRequest ? 7 : 8)
        let event = Self.event(kind)
        let text = event.encoded()
        let untouched = try Self.message(event)
        var quick = 0
        for _ in 0..<3000 {
            var object = untouched
            for _ in 0..<Int.random(in: 0...2, using: &dice) {
                dice.pick(Self.changes)(&object, &dice)
            }
            let json = JSONValue.object(object).encoded()
            guard let found = QuickFunctionResult(event, text).read(json) else { continue }
            quick += 1
            let shown = String(decoding: json, as: UTF8.self)
            switch (found, try? FunctionResults(event: event).read(json)) {
            case (.request(let head), .request(let wanted)):
                #expect(Self.isSame(head, wanted), "\(shown)")
            case (.response(let head, let body), .response(let wanted, let wantedBody)):
                #expect(head.status == wanted.status && head.reason == wanted.reason, "\(shown)")
                #expect(head.headers == wanted.headers && body == wantedBody, "\(shown)")
            default: Issue.record("taken though it breaks a rule: \(shown)")
            }
        }
        #expect(quick > 500, "\(quick)")
    }
}

/// A generator with a seed, so that a failure can be had again.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[Int.random(in: 0..<choices.count, using: &self)]
    }
}
