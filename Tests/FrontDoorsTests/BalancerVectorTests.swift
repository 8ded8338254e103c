import DataPlane
import HTTP
import JSON
import Model
import Reactor
import Testing

@testable import FrontDoors

/// A door with one HTTPS listener whose default action is given.
func balancerDoor(
    _ actions: [RuleAction],
    rules: [ListenerRule] = [],
    groups: [TargetGroup] = [],
    attributes: [String: String] = [:],
    port: Int = 443,
    state: DoorState = DoorState(),
    overrides: [String: String] = [:],
    buckets: [String: String] = [:],
    log: @escaping @Sendable (String) -> Void = { _ in }
) -> LoadBalancerDoor {
    var snapshot = functionSnapshot()
    snapshot.originOverrides = overrides
    snapshot.buckets = buckets
    for group in groups { snapshot.targetGroups[group.arn] = group }
    let listener = Model.Listener(
        arn: "l",
        port: port,
        isTLS: true,
        rules: rules,
        defaultActions: actions
    )
    var balancer = LoadBalancer(
        name: "lb",
        arn: "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/lb/1",
        listeners: [listener]
    )
    balancer.attributes = attributes
    return LoadBalancerDoor(
        balancer: balancer,
        snapshot: snapshot,
        ports: DoorPorts(https: 8443, http: 8080),
        state: state,
        invoker: ScriptedInvoker(#"{"statusCode":200}"#),
        log: log
    )
}

/// A group of one address on this machine.
func addressGroup(_ ports: Int..., arn: String = "g") -> TargetGroup {
    TargetGroup(
        name: arn,
        arn: arn,
        targets: ports.map { .address(host: "127.0.0.1", port: $0) }
    )
}

@Suite
struct BalancerVectorTests {
    struct ConditionCase: Sendable, CustomTestStringConvertible {
        var condition: RuleCondition
        var target = "/"
        var method = "GET"
        var host = "h"
        var headers: [String] = []
        var holds: Bool

        var testDescription: String { "\(condition) \(method) \(host)\(target) -> \(holds)" }
    }

    private static let chrome = RuleCondition.httpHeader(name: "X-A", values: ["*chrome*"])
    private static let query = RuleCondition.queryString([
        .init(key: "version", value: "v1"), .init(key: nil, value: "*x*"),
    ])

    @Test(
        "conditions match as the vectors say",
        arguments: [
            ConditionCase(condition: .pathPattern(["/img/*"]), target: "/img/", holds: true),
            ConditionCase(condition: .pathPattern(["/img/*"]), target: "/img", holds: false),
            ConditionCase(condition: .pathPattern(["/img/*"]), target: "/img/a/b", holds: true),
            ConditionCase(condition: .pathPattern(["/a?c"]), target: "/abc", holds: true),
            ConditionCase(condition: .pathPattern(["/a?c"]), target: "/ac", holds: false),
            ConditionCase(condition: .pathPattern(["/a?c"]), target: "/a/c", holds: true),
            ConditionCase(condition: .pathPattern(["/a"]), target: "/a?b=/a", holds: true),
            ConditionCase(condition: .pathPattern(["/a b"]), target: "/a%20b", holds: false),
            ConditionCase(
                condition: .hostHeader(["*.example.com"]),
                host: "EXAMPLE.com",
                holds: false
            ),
            ConditionCase(
                condition: .hostHeader(["*.example.com"]),
                host: "A.Example.COM",
                holds: true
            ),
            ConditionCase(condition: query, target: "/?VERSION=V1", holds: true),
            ConditionCase(condition: query, target: "/?k=axb", holds: true),
            ConditionCase(condition: query, target: "/?version=v2", holds: false),
            ConditionCase(condition: chrome, headers: ["no", "CHROME/1"], holds: true),
            ConditionCase(condition: chrome, headers: ["no"], holds: false),
            ConditionCase(condition: .requestMethod(["GET"]), method: "get", holds: false),
            ConditionCase(condition: .requestMethod(["GET"]), holds: true),
            ConditionCase(condition: .pathRegex(["^/a/[0-9]+$"]), target: "/a/17", holds: true),
            ConditionCase(condition: .pathRegex(["^/a/[0-9]+$"]), target: "/a/x", holds: false),
            ConditionCase(
                condition: .hostHeaderRegex([#"^(a|b)\.example\.com$"#]),
                host: "b.example.com:8443",
                holds: true
            ),
            ConditionCase(
                condition: .httpHeaderRegex(name: "x-a", values: ["(?i)bot/[1-3]"]),
                headers: ["GoogleBOT/2"],
                holds: true
            ),
        ]
    )
    func conditions(_ test: ConditionCase) {
        var headers = Headers()
        for value in test.headers { headers.append("X-A", value) }
        let head = get(test.target, method: test.method, host: test.host, headers: headers)
        #expect(
            RuleEvaluation.holds(test.condition, for: head, sourceIP: "203.0.113.7") == test.holds
        )
    }

    @Test(
        "redirects expand their placeholders and name the real port",
        arguments: [
            ("HTTPS", "443", "/#{path}", "#{query}", "/p?q=1", "https://h:8443/p?q=1"),
            (
                "#{protocol}", "#{port}", "/new/#{path}", "#{query}", "/a/b",
                "https://h:8443/new/a/b"
            ),
            ("HTTP", "80", "/#{path}", "", "/a?b", "http://h:8080/a"),
            ("HTTPS", "9000", "/#{host}/#{port}", "u=#{path}", "/x", "https://h:9000/h/8443?u=x"),
            (
                "HTTPS", "443", "/#{path}", "#{query}", "/%23%7Bhost%7D?#{host}",
                "https://h:8443/%23%7Bhost%7D?#{host}"
            ),
        ]
    )
    func redirects(
        _ scheme: String,
        _ port: String,
        _ path: String,
        _ query: String,
        _ target: String,
        _ expected: String
    ) async {
        var action = RedirectAction(status: 302)
        action.scheme = scheme
        action.port = port
        action.path = path
        action.query = query
        let answer = await ask(balancerDoor([.redirect(action)]), get(target, host: "h:8443"))
        #expect(answer.status == 302)
        #expect(answer.headers["location"] == expected)
        #expect(answer.text.utf8.count == 110)
        #expect(answer.headers["server"] == "awselb/2.0")
    }

    @Test("a rule that AWS refuses is refused with the reason")
    func refusedRules() {
        func problems(_ condition: RuleCondition, _ action: RuleAction) -> [String] {
            ListenerRule(arn: "", priority: 1, conditions: [condition], actions: [action])
                .problems(isTLS: true)
        }
        let fine = RuleAction.fixedResponse(status: 200, contentType: nil, body: nil)
        let path = RuleCondition.pathPattern(["/a"])
        var onlyQuery = RedirectAction(status: 301)
        onlyQuery.query = "a=1"
        #expect(problems(path, fine) == [])
        #expect(
            problems(path, .redirect(onlyQuery))
                == ["a redirect must change the protocol, host, port or path"]
        )
        var down = RedirectAction(status: 301)
        down.scheme = "HTTP"
        #expect(problems(path, .redirect(down)) == ["HTTPS cannot be redirected to HTTP"])
        #expect(problems(.pathPattern(["a b"]), fine).count == 1)
        #expect(problems(.hostHeader(["nodot"]), fine).count == 1)
        #expect(problems(.requestMethod(["get"]), fine).count == 1)
        #expect(problems(.httpHeader(name: "Host", values: ["a"]), fine).count == 1)
        #expect(problems(.pathPattern(["/*?*?*?"]), fine) == ["a rule has at most 5 wildcards"])
        #expect(problems(.pathRegex(["(?=a)"]), fine).count == 1)
        #expect(problems(path, .fixedResponse(status: 302, contentType: nil, body: nil)).count == 1)
        #expect(problems(path, .forward([.init(arn: "g", weight: 1000)])).count == 1)
    }

    @Test("Host gains or loses the listener's port unless it is preserved")
    func hostPort() async throws {
        let server = try WebServer()
        let forward = RuleAction.forward([.init(arn: "g")])
        let groups = [addressGroup(server.port)]
        _ = await ask(balancerDoor([forward], groups: groups), get("/", host: "h"))
        #expect(server.last?.headers["host"] == "h:8443")
        let keep = ["routing.http.preserve_host_header.enabled": "true"]
        _ = await ask(balancerDoor([forward], groups: groups, attributes: keep), get("/"))
        #expect(server.last?.headers["host"] == "h")
        #expect(ForwardedHead.host("h:443", isTLS: true, port: 443) == "h")
    }

    @Test("an HTTP2 group refuses a viewer of HTTP/1.1 and asks its targets by HTTP/2")
    func versions() async throws {
        let server = try WebServer()
        var group = addressGroup(server.port)
        group.version = .http2
        let door = balancerDoor([.forward([.init(arn: "g")])], groups: [group])
        #expect(await ask(door, get("/")).status == 464)
        var second = get("/")
        second.version = .http2
        #expect(await ask(door, second).status == 200)
        #expect(server.last?.version == .http2)
    }

    @Test("all targets unhealthy means that all are asked; no target means 503")
    func failOpen() async throws {
        let server = try WebServer()
        let state = DoorState()
        let group = addressGroup(server.port)
        for _ in 0..<3 { state.board.record(.failed, of: group.targets[0], in: group) }
        #expect(state.board.state(of: group.targets[0], in: "g") == .unhealthy)
        let forward = RuleAction.forward([.init(arn: "g")])
        let door = balancerDoor([forward], groups: [group], state: state)
        #expect(await ask(door, get("/")).status == 200)
        let empty = balancerDoor([forward], groups: [addressGroup()])
        let answer = await ask(empty, get("/"))
        #expect(answer.status == 503 && answer.text.utf8.count == 162)
        let weightless = balancerDoor([.forward([.init(arn: "g", weight: 0)])], groups: [group])
        #expect(await ask(weightless, get("/")).status == 503)
    }

    @Test(
        "a target that does not answer gives 502",
        arguments: [("GET", 502)]
    )
    func deadTarget(_ method: String, _ status: Int) async throws {
        let door = balancerDoor([.forward([.init(arn: "g")])], groups: [addressGroup(1)])
        let answer = await ask(door, get("/", method: method))
        #expect(answer.status == status && answer.text.utf8.count == 122)
    }

    @Test(
        "generated pages have the lengths of the real ones",
        arguments: [
            (301, 134), (302, 110), (400, 122), (401, 144), (403, 118), (405, 122), (408, 132),
            (413, 148), (414, 142), (500, 142), (501, 130), (502, 122), (503, 162), (504, 132),
            (505, 152), (463, 0),
        ]
    )
    func pages(_ status: Int, _ length: Int) {
        let response = BalancerPages.response(status)
        var count = 0
        if case .bytes(let bytes) = response.body { count = bytes.count }
        #expect(count == length)
        #expect(response.head.headers["content-type"] == "text/html")
    }
}
