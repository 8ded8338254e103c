import HTTP
import JSON
import Model
import Testing

@testable import Edge

@Suite("Plain results read in one pass")
struct QuickResultTests {
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

        mutating func happens(oneIn count: Int) -> Bool {
            Int.random(in: 0..<count, using: &self) == 0
        }
    }

    private static let head = RequestHead(
        method: "GET",
        path: "/a/b",
        query: "q=1",
        headers: [
            "Host": "h.example", "User-Agent": "curl/8", "Accept": "*/*",
            "X-Forwarded-Proto": "https",
            "cookie": "a=1", "X-Multi": "1", "Via": "1.1 v", "x-multi": "2",
        ]
    )
    private static let sent = EventRequest(
        clientIP: "1.2.3.4",
        head: head,
        querystring: "q=1"
    )

    private static let names = [
        "host", "user-agent", "accept", "cookie", "x-multi", "via", "x-new", "x-other", "X-Upper",
        "connection", "x-edge-a", "cloudfront-viewer-country", "content-length", "bad name", "",
    ]
    private static let values = [
        "1", "h.example", "curl/8", "*/*", "a=1", "2", "1.1 v", "", "\\u0041", "å",
    ]

    /// The members of a result's `headers`: those of the event, some of them changed.
    private func fields(_ dice: inout Dice) -> [String] {
        var members = [
            #""host":[{"key":"Host","value":"h.example"}]"#,
            #""user-agent":[{"key":"User-Agent","value":"curl/8"}]"#,
            #""accept":[{"key":"Accept","value":"*/*"}]"#,
            #""cookie":[{"key":"cookie","value":"a=1"}]"#,
            #""x-multi":[{"key":"X-Multi","value":"1"},{"key":"x-multi","value":"2"}]"#,
            #""via":[{"key":"Via","value":"1.1 v"}]"#,
        ]
        if dice.happens(oneIn: 3) { members.remove(at: Int.random(in: 2..<5, using: &dice)) }
        if dice.happens(oneIn: 12) { members.removeFirst() }
        if dice.happens(oneIn: 6) { members.shuffle(using: &dice) }
        for _ in 0..<Int.random(in: 0...2, using: &dice) {
            let name = dice.happens(oneIn: 2) ? "x-new" : dice.pick(Self.names)
            let entries = (0..<Int.random(in: dice.happens(oneIn: 9) ? 0...2 : 1...1, using: &dice))
                .map { _ -> String in
                    let value = dice.pick(Self.values)
                    let key = dice.happens(oneIn: 5) ? name : HeaderRules.capitalized(name)
                    return dice.happens(oneIn: 6)
                        ? "{\"value\":\"\(value)\"}" : "{\"key\":\"\(key)\",\"value\":\"\(value)\"}"
                }
            let member = "\"\(name)\":[\(entries.joined(separator: ","))]"
            members.insert(member, at: Int.random(in: 0...members.count, using: &dice))
        }
        return members
    }

    private func result(_ dice: inout Dice) -> String {
        let space = dice.happens(oneIn: 4) ? " " : ""
        var members = [
            "\"clientIp\":\"\(dice.happens(oneIn: 20) ? "4.3.2.1" : "1.2.3.4")\"",
            "\"headers\":{\(fields(&dice).joined(separator: ",\(space)"))}",
            "\"method\":\"\(dice.happens(oneIn: 20) ? "POST" : "GET")\"",
            "\"querystring\":\"\(dice.pick(["q=1", "q=1", "q=1", "", "x", "y=2", "a b"]))\"",
            "\"uri\":\(space)\"\(dice.happens(oneIn: 12) ? dice.pick(["/?", "no", "/#", "/å"]) : dice.pick(["/a/b", "/new"]))\"",
        ]
        if dice.happens(oneIn: 8) { members.remove(at: Int.random(in: 0..<5, using: &dice)) }
        if dice.happens(oneIn: 6) {
            members.append(
                dice.pick([
                    "\"body\":null", "\"other\":[1,-2,{\"a\":[true,false,null]}]",
                    "\"other\":1.5e3",
                    "\"uri\":\"/twice\"", "\"other\":01", "\"status\":\"200\"", "\"other\":[1,]",
                ])
            )
        }
        if dice.happens(oneIn: 6) { members.shuffle(using: &dice) }
        return "{\(space)" + members.joined(separator: "\(space),") + "}"
            + (dice.happens(oneIn: 40) ? "x" : "")
    }

    @Test("a result that is read in one pass means what the careful reader makes of it")
    func agreement() throws {
        var dice = Dice(state: 20)
        var quick = 0
        for _ in 0..<3000 {
            let json = result(&dice)
            let payload = Array(json.utf8)[...]
            guard let found = QuickResult.request(payload, sent: Self.sent) else { continue }
            quick += 1
            let careful = try? EdgeResults.decodeAnyRequest(
                payload,
                .viewerRequest,
                Self.sent,
                false
            )
            guard case .request(let wanted)? = careful else {
                Issue.record("taken though it breaks a rule: \(json)")
                return
            }
            #expect(found.path == wanted.path, "\(json)")
            #expect(found.querystring == wanted.querystring, "\(json)")
            #expect(found.headers == wanted.headers, "\(json)")
            #expect(found.body == nil && wanted.body == nil)
        }
        #expect(quick > 500)
    }

    @Test("what the edge wrote comes back in one pass, with what was added")
    func roundTrip() throws {
        let event = EdgeEvents.encode(
            .viewerRequest,
            distribution: Distribution(id: "E", origins: [], behaviors: []),
            requestID: "r",
            request: Self.sent
        )
        let request = try #require(
            try JSONValue.parse(event[...])["Records"]?[0]?["cf"]?["request"]
        )
        var object = try #require(request.object)
        let unchanged = try #require(
            QuickResult.request(request.encoded()[...], sent: Self.sent)
        )
        // The two fields of one name come together, as the careful reader has them.
        #expect(unchanged.headers.count == Self.head.headers.count)
        var headers = try #require(object["headers"]?.object)
        headers["x-hook"] = [["key": "X-Hook", "value": "here"]]
        object["headers"] = .object(headers)
        let added = try #require(
            QuickResult.request(JSONValue.object(object).encoded()[...], sent: Self.sent)
        )
        #expect(added.headers["X-Hook"] == "here")
        #expect(added.headers["X-Forwarded-Proto"] == "https")
    }

    @Test("a response whose fields changed is read in one pass as by the careful reader")
    func response() throws {
        let sent = ResponseHead(status: 200, headers: ["Via": "v", "X-A": "1", "X-Cache": "Miss"])
        for (fields, isQuick) in [
            (#""via":[{"key":"Via","value":"v"}],"x-a":[{"key":"X-A","value":"1"}]"#, true),
            (#""via":[{"key":"Via","value":"v"}],"x-a":[{"key":"X-A","value":"2"}]"#, true),
            (#""via":[{"key":"Via","value":"v"}],"x-b":[{"key":"X-B","value":"2"}]"#, true),
            (#""via":[{"key":"Via","value":"w"}]"#, false), (#""x-a":[]"#, false),
        ] {
            let json = #"{"status":"200","statusDescription":"OK","headers":{\#(fields)}}"#
            let payload = Array(json.utf8)[...]
            let quick = QuickResult.response(payload, event: .viewerResponse, sent: sent)
            #expect((quick != nil) == isQuick, "\(json)")
            guard let quick else { continue }
            let careful = try EdgeResults.decodeAnyResponse(payload, .viewerResponse, sent)
            #expect(quick.head.status == careful.head.status)
            #expect(quick.head.reason == careful.head.reason)
            #expect(quick.head.headers == careful.head.headers)
        }
    }
}
