import Testing

@testable import JSON

@Suite("Event patterns")
struct EventPatternTests {
    private static let event = """
        {"source":"aws.ec2","detail":{"state":"running","count":5,"none":null,"flag":true,
         "tags":["blue","green"],"ip":"10.0.1.7","parts":[{"name":"a","size":1},{"name":"b","size":2}],
         "path":"images/cat.PNG"}}
        """

    @Test(
        "matches what EventBridge matches",
        arguments: [
            (#"{"source":["aws.ec2"]}"#, true), (#"{"source":["aws.s3","aws.ec2"]}"#, true),
            (#"{"source":["aws.s3"]}"#, false), (#"{"source":["aws.ec2"],"missing":["x"]}"#, false),
            (#"{"detail":{"state":[{"prefix":"run"}]}}"#, true),
            (#"{"detail":{"state":[{"prefix":"stop"}]}}"#, false),
            (#"{"detail":{"state":[{"prefix":{"equals-ignore-case":"RUN"}}]}}"#, true),
            (#"{"detail":{"path":[{"suffix":".png"}]}}"#, false),
            (#"{"detail":{"path":[{"suffix":{"equals-ignore-case":".png"}}]}}"#, true),
            (#"{"detail":{"state":[{"equals-ignore-case":"RUNNING"}]}}"#, true),
            (#"{"detail":{"state":[{"anything-but":"running"}]}}"#, false),
            (#"{"detail":{"state":[{"anything-but":["stopped","gone"]}]}}"#, true),
            (#"{"detail":{"state":[{"anything-but":{"prefix":"run"}}]}}"#, false),
            (#"{"detail":{"state":[{"anything-but":{"suffix":["x","y"]}}]}}"#, true),
            (#"{"detail":{"gone":[{"anything-but":"x"}]}}"#, false),
            (#"{"detail":{"count":[5]}}"#, true), (#"{"detail":{"count":[5.0]}}"#, true),
            (#"{"detail":{"count":["5"]}}"#, false),
            (#"{"detail":{"count":[{"numeric":[">",4,"<=",5]}]}}"#, true),
            (#"{"detail":{"count":[{"numeric":["<",5]}]}}"#, false),
            (#"{"detail":{"state":[{"numeric":["=",5]}]}}"#, false),
            (#"{"detail":{"none":[null]}}"#, true), (#"{"detail":{"flag":[true]}}"#, true),
            (#"{"detail":{"flag":[false]}}"#, false),
            (#"{"detail":{"tags":["green"]}}"#, true), (#"{"detail":{"tags":["red"]}}"#, false),
            (#"{"detail":{"parts":{"name":["b"],"size":[2]}}}"#, true),
            (#"{"detail":{"parts":{"name":["b"],"size":[1]}}}"#, false),
            (#"{"detail":{"gone":[{"exists":false}]}}"#, true),
            (#"{"detail":{"state":[{"exists":false}]}}"#, false),
            (#"{"detail":{"state":[{"exists":true}]}}"#, true),
            (#"{"gone":{"deeper":[{"exists":false}]}}"#, true),
            (#"{"detail":{"ip":[{"cidr":"10.0.0.0/16"}]}}"#, true),
            (#"{"detail":{"ip":[{"cidr":"10.1.0.0/16"}]}}"#, false),
            (#"{"detail":{"path":[{"wildcard":"images/*.PNG"}]}}"#, true),
            (#"{"detail":{"path":[{"wildcard":"*cat*"}]}}"#, true),
            (#"{"detail":{"path":[{"wildcard":"*dog*"}]}}"#, false),
            (#"{"detail":{"path":[{"wildcard":"images"}]}}"#, false),
            (#"{"$or":[{"source":["x"]},{"detail":{"count":[5]}}]}"#, true),
            (#"{"source":["aws.ec2"],"$or":[{"source":["x"]},{"source":["y"]}]}"#, false),
        ]
    )
    func matching(pattern: String, expected: Bool) throws {
        let event = try JSONValue.parse(Self.event)
        #expect(try EventPattern(pattern).matches(event) == expected)
    }

    @Test(
        "refuses what is no pattern",
        arguments: [
            "", "{}", "[]", #""x""#, #"{"a":"b"}"#, #"{"a":[]}"#, #"{"a":{}}"#, #"{"a":[["b"]]}"#,
            #"{"a":[{"other":1}]}"#, #"{"a":[{"prefix":1}]}"#, #"{"a":[{"exists":"yes"}]}"#,
            #"{"a":[{"numeric":[">"]}]}"#, #"{"a":[{"numeric":["~",1]}]}"#,
            #"{"a":[{"cidr":"10.0.0.0"}]}"#, #"{"a":[{"cidr":"10.0.0.0/33"}]}"#,
            #"{"a":[{"anything-but":[true]}]}"#, #"{"a":[{"wildcard":"a**b"}]}"#,
            #"{"$or":[{"a":["b"]}]}"#, #"{"a":[{"prefix":"x","suffix":"y"}]}"#,
        ]
    )
    func refusing(pattern: String) {
        #expect(throws: EventPattern.Invalid.self) { try EventPattern(pattern) }
    }

    @Test("a pattern is bounded in depth and in its number of conditions")
    func bounds() {
        let deep =
            String(repeating: #"{"a":"#, count: 40) + #"["x"]"# + String(repeating: "}", count: 40)
        #expect(throws: EventPattern.Invalid.self) { try EventPattern(deep) }
        let wide = "{\"a\":[" + (0...1000).map(String.init).joined(separator: ",") + "]}"
        #expect(throws: EventPattern.Invalid.self) { try EventPattern(wide) }
    }
}
