import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

private let ports = DoorPorts(https: 8443, http: 8080)

@Suite
struct LoadBalancerTests {
    private func holds(_ condition: RuleCondition, _ head: RequestHead) -> Bool {
        RuleEvaluation.holds(condition, for: head, sourceIP: "203.0.113.7")
    }

    private func door(
        _ actions: [RuleAction],
        rules: [ListenerRule] = [],
        groups: [TargetGroup] = [],
        invoker: ScriptedInvoker = ScriptedInvoker("{}"),
        state: DoorState = DoorState(),
        attributes: [String: String] = [:]
    ) -> LoadBalancerDoor {
        var snapshot = functionSnapshot()
        for group in groups { snapshot.targetGroups[group.arn] = group }
        let listener = Model.Listener(
            arn: "l",
            port: 443,
            isTLS: true,
            rules: rules,
            defaultActions: actions
        )
        var balancer = LoadBalancer(name: "lb", arn: "lb", listeners: [listener])
        balancer.attributes = attributes
        return LoadBalancerDoor(
            balancer: balancer,
            snapshot: snapshot,
            ports: ports,
            state: state,
            invoker: invoker
        )
    }

    @Test
    func pathPatterns() {
        #expect(holds(.pathPattern(["/img/*"]), get("/img/")))
        #expect(!holds(.pathPattern(["/img/*"]), get("/img")))
        #expect(holds(.pathPattern(["/img/*/pics"]), get("/img/a/b/pics")))
        #expect(holds(.pathPattern(["/a?c"]), get("/abc")))
        #expect(!holds(.pathPattern(["/a?c"]), get("/ac")))
        #expect(!holds(.pathPattern(["/A"]), get("/a")))
    }

    @Test
    func hostsHeadersMethodsQueriesAndAddresses() {
        #expect(!holds(.hostHeader(["*.example.com"]), get("/", host: "EXAMPLE.com")))
        #expect(holds(.hostHeader(["*.example.com"]), get("/", host: "A.Example.COM:8443")))
        let values: Headers = ["X-A": "no", "X-A": "CHROME/1"]
        #expect(holds(.httpHeader(name: "x-a", values: ["*chrome*"]), get("/", headers: values)))
        #expect(!holds(.requestMethod(["GET"]), get("/", method: "get")))
        let query = RuleCondition.queryString([
            .init(key: "version", value: "v1"), .init(key: nil, value: "*x*"),
        ])
        #expect(holds(query, get("/?VERSION=V1")))
        #expect(holds(query, get("/?k=axb")))
        #expect(!holds(query, get("/?version=v2")))
        #expect(!holds(.queryString([.init(key: "k", value: "a\\*")]), get("/?k=ab")))
        #expect(holds(.queryString([.init(key: "k", value: "a\\*")]), get("/?k=a*")))
        #expect(holds(.sourceIP(["10.0.0.0/8", "203.0.113.0/29"]), get("/")))
        #expect(!holds(.sourceIP(["203.0.113.8/29", "::/0"]), get("/")))
    }

    @Test
    func lowerPriorityNumberWins() async {
        func rule(_ priority: Int, _ status: Int) -> ListenerRule {
            ListenerRule(
                arn: "\(priority)",
                priority: priority,
                conditions: [.pathPattern(["/*"])],
                actions: [.fixedResponse(status: status, contentType: nil, body: "hello")]
            )
        }
        let answer = await ask(door([], rules: [rule(20, 220), rule(3, 203)]), get("/"))
        #expect(answer.status == 203)
        #expect(answer.text == "hello")
        #expect(answer.headers["server"] == "awselb/2.0")
    }

    @Test
    func redirectsNameTheirPort() async {
        var action = RedirectAction(status: 301)
        action.scheme = "HTTPS"
        action.port = "443"
        action.path = "/new/#{path}"
        let answer = await ask(door([.redirect(action)]), get("/a/b?q=1", host: "h:8443"))
        #expect(answer.status == 301)
        #expect(answer.headers["location"] == "https://h:8443/new/a/b?q=1")
        #expect(answer.text.utf8.count == 134)
    }

    @Test
    func emptyGroupsAndLongForwardChains() async {
        let group = TargetGroup(name: "g", arn: "g", targets: [])
        let forward = RuleAction.forward([.init(arn: "g")])
        let empty = await ask(door([forward], groups: [group]), get("/"))
        #expect(empty.status == 503)
        #expect(empty.text.utf8.count == 162)
        var full = group
        full.targets = [.function("f:1")]
        let chain = (0..<31).map { "10.0.0.\($0)" }.joined(separator: ", ")
        let answer = await ask(
            door([forward], groups: [full]),
            get("/", headers: ["X-Forwarded-For": chain])
        )
        #expect(answer.status == 463)
    }

    @Test("a function whose policy does not name the balancer is not run: 502")
    func noPermission() async {
        let invoker = ScriptedInvoker("{}")
        var snapshot = functionSnapshot()
        snapshot.permissions = [:]
        snapshot.targetGroups["g"] = TargetGroup(name: "g", arn: "g", targets: [.function("f:1")])
        let listener = Model.Listener(
            arn: "l",
            port: 443,
            isTLS: true,
            rules: [],
            defaultActions: [.forward([.init(arn: "g")])]
        )
        let door = LoadBalancerDoor(
            balancer: LoadBalancer(name: "b", arn: "b", listeners: [listener]),
            snapshot: snapshot,
            ports: DoorPorts(https: 443, http: 80),
            state: DoorState(),
            invoker: invoker
        )
        #expect(await ask(door, get("/")).status == 502)
        #expect(invoker.invocations.isEmpty)
    }

    @Test
    func singleValueEvent() async throws {
        let invoker = ScriptedInvoker(
            #"{"statusCode":201,"statusDescription":"201 Made","headers":{"x":"y"},"body":"ok"}"#
        )
        let group = TargetGroup(name: "g", arn: "arn:g", targets: [.function("f:1")])
        let door = door([.forward([.init(arn: "arn:g")])], groups: [group], invoker: invoker)
        let answer = await ask(
            door,
            get(
                "/a%2Fb?a=1&a=2&x=%20",
                method: "POST",
                headers: ["Content-Type": "application/x-www-form-urlencoded"]
            ),
            body: "a=1"
        )
        let event = try #require(invoker.event)
        #expect(answer.status == 201 && answer.text == "ok" && answer.headers["x"] == "y")
        #expect(event["path"]?.string == "/a%2Fb")
        #expect(event["queryStringParameters"] == ["a": "2", "x": "%20"])
        #expect(event["multiValueQueryStringParameters"] == nil)
        #expect(event["body"]?.string == "YT0x")
        #expect(event["isBase64Encoded"] == true)
        #expect(event["headers"]?["x-forwarded-for"]?.string == "203.0.113.7")
        #expect(event["headers"]?["x-forwarded-port"]?.string == "8443")
        #expect(event["requestContext"]?["elb"]?["targetGroupArn"]?.string == "arn:g")
        #expect(invoker.invocations.first?.function == "f:1")
    }

    @Test
    func multiValueEvent() async throws {
        let invoker = ScriptedInvoker(
            #"{"statusCode":200,"multiValueHeaders":{"set-cookie":["a=1","b=2"]}}"#
        )
        var group = TargetGroup(name: "g", arn: "g", targets: [.function("f:1")])
        group.multiValueHeaders = true
        let door = door([.forward([.init(arn: "g")])], groups: [group], invoker: invoker)
        let answer = await ask(door, get("/?a=1&a=2"))
        let event = try #require(invoker.event)
        #expect(event["multiValueQueryStringParameters"] == ["a": ["1", "2"]])
        #expect(event["queryStringParameters"] == nil && event["headers"] == nil)
        #expect(answer.headers.all("set-cookie") == ["a=1", "b=2"])
    }

    @Test(arguments: [
        "[]", "{}", "nonsense", #"{"statusCode":200,"headers":null}"#,
        #"{"statusCode":200,"headers":{"x":1}}"#, #"{"statusCode":99}"#,
        #"{"statusCode":200,"body":"YT\r\n0x","isBase64Encoded":true}"#,
        #"{"statusCode":200,"headers":{"x":"a\r\nb: c"}}"#,
    ])
    func malformedAnswers(_ payload: String) {
        let response = BalancerEvents.decode(Array(payload.utf8)[...], multiValue: false)
        #expect(response?.head.status == nil)
    }

    @Test
    func rotationSkipsUnhealthyTargetsAndFailsOpen() {
        let one = TargetGroup.Target.address(host: "127.0.0.1", port: 1)
        let two = TargetGroup.Target.address(host: "127.0.0.1", port: 2)
        let group = TargetGroup(name: "g", arn: "g", targets: [one, two])
        let board = HealthBoard()
        #expect(Set((0..<2).map { _ in board.next(in: group) }) == [one, two])
        board.record(.success, of: one, in: group)
        #expect((0..<3).allSatisfy { _ in board.next(in: group) == one })
        board.record(.failed, of: one, in: group)
        #expect(board.state(of: one, in: "g") == .healthy)
        board.record(.failed, of: one, in: group)
        #expect(board.state(of: one, in: "g") == .unhealthy)
        #expect(Set((0..<2).map { _ in board.next(in: group) }) == [one, two])
        let shares = (0..<8).map { _ in
            board.choose([.init(arn: "a", weight: 3), .init(arn: "b", weight: 1)])
        }
        #expect(shares.filter { $0 == "a" }.count == 6)
    }

    @Test
    func hostAndTraceRules() {
        #expect(ForwardedHead.host("h", isTLS: true, port: 8443) == "h:8443")
        #expect(ForwardedHead.host("h:443", isTLS: true, port: 443) == "h")
        #expect(ForwardedHead.host("[::1]", isTLS: false, port: 81) == "[::1]:81")
        let trace = ForwardedHead.trace("Root=1-a-b;CalledFrom=app") { "1-n-n" }
        #expect(trace == "Self=1-n-n;Root=1-a-b;CalledFrom=app")
        #expect(ForwardedHead.trace(nil) { "1-n-n" } == "Root=1-n-n")
        var check = HealthCheck()
        check.matcher = "200,204-299"
        #expect(check.accepts(250))
        #expect(!check.accepts(203))
    }
}
