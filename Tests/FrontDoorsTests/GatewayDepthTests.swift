import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import FrontDoors

@Suite(.timeLimit(.minutes(15)))
struct GatewayDepthTests {
    private let fine = #"{"statusCode":200,"body":"x"}"#

    @Test(
        "stages are chosen by the first segment and stay in the raw path",
        arguments: [
            ("/dev/x", 200, "/dev/x", "dev"), ("/x", 200, "/x", "$default"),
            ("/dev", 404, nil, nil), ("/other/x", 404, nil, nil),
        ]
    )
    func stages(_ path: String, _ status: Int, _ raw: String?, _ stage: String?) async {
        let invoker = ScriptedInvoker(fine)
        let door = gateway(
            [functionRoute("GET /x")],
            invoker,
            stages: [GatewayStage(name: "dev"), GatewayStage(name: "$default")]
        )
        #expect(await ask(door, get(path)).status == status)
        #expect(invoker.event?["rawPath"]?.string == raw)
        #expect(invoker.event?["requestContext"]?["stage"]?.string == stage)
    }

    @Test(
        "the decoding matrix holds",
        arguments: ["1.0", "2.0"]
    )
    func decoding(_ format: String) async throws {
        let invoker = ScriptedInvoker(fine)
        let door = gateway([functionRoute("GET /u/{n}", format: format)], invoker)
        _ = await ask(door, get("/u/John%20Doe?tag=a%2Bb&tag=c+d"))
        let event = try #require(invoker.event)
        #expect(event["pathParameters"] == ["n": "John Doe"])
        if format == "2.0" {
            #expect(event["rawPath"] == "/u/John Doe")
            #expect(event["queryStringParameters"] == ["tag": "a+b,c d"])
            #expect(event["body"] == nil && event["cookies"] == nil)
        } else {
            #expect(event["path"] == "/u/John%20Doe")
            #expect(event["requestContext"]?["path"] == "/u/John Doe")
            #expect(event["queryStringParameters"] == ["tag": "c d"])
            #expect(event["multiValueQueryStringParameters"] == ["tag": ["a+b", "c d"]])
        }
    }

    @Test("a route's bucket empties after its burst and fills at its rate")
    func throttling() async {
        let buckets = Throttles()
        let limit = RateLimit(rate: 2, burst: 3)
        let start = ContinuousClock.now
        #expect((0..<3).allSatisfy { _ in buckets.take("a", limit, at: start) })
        #expect(!buckets.take("a", limit, at: start))
        #expect(buckets.take("b", limit, at: start))
        #expect(!buckets.take("a", limit, at: start + .milliseconds(400)))
        #expect(buckets.take("a", limit, at: start + .milliseconds(600)))
        var stage = GatewayStage(name: "$default")
        stage.routeLimits["GET /a"] = RateLimit(rate: 0.001, burst: 1)
        let door = gateway(
            [functionRoute("GET /a"), functionRoute("GET /b")],
            ScriptedInvoker(fine),
            stages: [stage]
        )
        #expect(await ask(door, get("/a")).status == 200)
        let refused = await ask(door, get("/a"))
        #expect(refused.status == 429 && refused.text == #"{"message":"Too Many Requests"}"#)
        #expect(await ask(door, get("/b")).status == 200)
    }

    private func changes(_ list: [(String, String)], isResponse: Bool = false) -> [ParameterChange]
    {
        list.compactMap { key, value in
            try? ParameterChange(key: key, value: value, isResponse: isResponse)
        }
    }

    @Test("an HTTP integration gets the mapped request and gives the mapped response")
    func parameterMapping() async throws {
        let server = try WebServer { _, _ in
            var response = Response(status: 200, text: #"{"a":{"b":["x","y"]}}"#)
            response.head.headers.append("X-Old", "o")
            return response
        }
        var stage = GatewayStage(name: "dev")
        stage.variables["v"] = "sv"
        var route = GatewayRoute(
            key: "POST /p/{id}",
            integration: .proxy(
                url: "http://127.0.0.1:\(server.port)/base/{id}",
                method: "PUT",
                timeoutMilliseconds: 5000
            )
        )
        route.requestChanges = changes([
            ("overwrite:header.X-A", "id ${request.path.id} at ${context.stage}"),
            ("append:header.X-B", "$request.header.x-in"),
            ("remove:header.X-Gone", "''"), ("append:querystring.v", "$stageVariables.v"),
            ("remove:querystring.secret", ""), ("overwrite:header.X-Body", "$request.body.k[1].z"),
            ("overwrite:header.X-Path", "$request.path"),
        ])
        route.responseChanges[200] = changes(
            [
                ("overwrite:statuscode", "202"), ("append:header.X-New", "$response.body.a.b[1]"),
                ("remove:header.X-Old", ""), ("overwrite:header.X-S", "$context.requestId"),
            ],
            isResponse: true
        )
        let door = gateway([route], ScriptedInvoker(fine), stages: [stage])
        let headers: Headers = ["X-In": "1", "X-In": "2", "X-Gone": "1", "X-B": "0"]
        let answer = await ask(
            door,
            get("/dev/p/a%20b?q=1&secret=2", method: "POST", headers: headers),
            body: #"{"k":[0,{"z":"deep"}]}"#
        )
        #expect(answer.status == 202)
        #expect(answer.headers["x-new"] == "y" && answer.headers["x-old"] == nil)
        #expect(answer.headers["x-s"]?.utf8.count == 16)
        let seen = try #require(server.last)
        #expect(seen.method == "PUT" && seen.target == "/base/a%20b?q=1&v=sv")
        #expect(seen.headers["x-a"] == "id a b at dev")
        #expect(seen.headers.all("x-b") == ["0", "1,2"])
        #expect(seen.headers["x-gone"] == nil && seen.headers["x-body"] == "deep")
        #expect(seen.headers["x-path"] == "/p/a%20b")
        #expect(seen.headers["via"] == "HTTP/1.1 AmazonAPIGateway")
        #expect(seen.headers["forwarded"]?.contains("for=203.0.113.7;host=h;proto=https") == true)
        #expect(server.bodies.last == #"{"k":[0,{"z":"deep"}]}"#)
    }

    @Test(
        "mappings that AWS refuses are refused",
        arguments: [
            "add:header.X", "append:header.Authorization", "append:header.x-amz-date",
            "append:header.Access-Control-Allow-Origin", "append:path", "overwrite:statuscode",
            "append:body", "header.X",
        ]
    )
    func refusedMappings(_ key: String) {
        #expect(throws: ParameterChange.Problem.self) {
            try ParameterChange(key: key, value: "x", isResponse: false)
        }
    }

    @Test("an integration that cannot be reached gives 503; $default appends the whole path")
    func proxies() async throws {
        let server = try WebServer()
        func door(_ port: Int) -> APIGatewayDoor {
            gateway(
                [
                    GatewayRoute(
                        key: "$default",
                        integration: .proxy(
                            url: "http://127.0.0.1:\(port)",
                            method: "ANY",
                            timeoutMilliseconds: 2000
                        )
                    )
                ],
                ScriptedInvoker(fine)
            )
        }
        let dead = await ask(door(1), get("/a"))
        #expect(dead.status == 503 && dead.text == #"{"message":"Service Unavailable"}"#)
        #expect(await ask(door(server.port), get("/a/b%20c?d")).text == "hello")
        #expect(server.last?.target == "/a/b%20c?d")
    }

    @Test(
        "a custom domain finds its API by the longest mapping and strips it",
        arguments: [
            ("/orders/v1/x", "a", "$default", "/x"), ("/orders/v2", "b", "dev", "/v2"),
            ("/orders", "b", "dev", "/"), ("/ordersx", "c", "$default", "/ordersx"),
            ("/", "c", "$default", "/"),
        ]
    )
    func mappings(_ path: String, _ api: String, _ stage: String, _ rest: String) {
        var domain = GatewayDomain(name: "api.example.com")
        domain.mappings = [
            .init(api: "c", stage: "$default"), .init(api: "b", stage: "dev", key: "orders"),
            .init(api: "a", stage: "$default", key: "orders/v1"),
        ]
        let choice = DomainDoor.choose(domain, get(path))
        #expect(choice == DomainDoor.Choice(api: api, stage: stage, path: rest))
    }

    @Test("routing rules come before mappings and may strip the base path")
    func routingRules() {
        var domain = GatewayDomain(name: "api.example.com")
        domain.mode = .rulesThenMappings
        domain.mappings = [.init(api: "m", stage: "s")]
        var first = GatewayDomain.Rule(priority: 10, api: "r1", stage: "s")
        first.headers = [[.init(name: "x-v", glob: "2*")]]
        first.basePaths = [["a", "b"]]
        first.stripsBasePath = true
        var second = GatewayDomain.Rule(priority: 20, api: "r2", stage: "s")
        second.basePaths = [["b"]]
        domain.rules = [second, first]
        func choose(_ path: String, _ version: String) -> DomainDoor.Choice? {
            DomainDoor.choose(domain, get(path, headers: ["X-V": version]))
        }
        #expect(choose("/b/c", "2.1") == .init(api: "r1", stage: "s", path: "/c"))
        #expect(choose("/b/c", "1") == .init(api: "r2", stage: "s", path: "/b/c"))
        #expect(choose("/z", "2") == .init(api: "m", stage: "s", path: "/z"))
        domain.mode = .rulesOnly
        #expect(choose("/z", "2") == nil)
    }

    @Test("behind a mapping functions see the stage in the raw path, never the key")
    func mappedEvent() async throws {
        let invoker = ScriptedInvoker(fine)
        var stage = GatewayStage(name: "dev")
        stage.variables = ["k": "v"]
        let api = gateway([functionRoute("GET /x")], invoker, stages: [stage])
        var domain = GatewayDomain(name: "*.example.com")
        domain.mappings = [.init(api: "abc", stage: "dev", key: "shop")]
        let door = DomainDoor(domain: domain, apis: ["abc": .http(api)])
        #expect(await ask(door, get("/shop/x", host: "api.example.com")).status == 200)
        let event = try #require(invoker.event)
        #expect(event["rawPath"] == "/dev/x")
        #expect(event["requestContext"]?["domainName"] == "api.example.com")
        #expect(event["requestContext"]?["domainPrefix"] == "api")
        #expect(event["stageVariables"] == ["k": "v"])
        #expect(await ask(door, get("/x", host: "api.example.com")).status == 404)
    }

    @Test("an access log line fills in what is known and puts - for the rest")
    func accessLog() async {
        let lines = Mutex<[String]>([])
        var stage = GatewayStage(name: "$default")
        stage.logFormat =
            #"{"r":"$context.routeKey","s":$context.status,"l":$context.responseLength,"#
            + #""i":"$context.identity.sourceIp","x":"$context.unknown.thing"}"#
        let door = gateway(
            [functionRoute("GET /a/{b}")],
            ScriptedInvoker(fine),
            stages: [stage],
            log: { line in lines.withLock { $0.append(line) } }
        )
        _ = await ask(door, get("/a/1"))
        #expect(
            lines.withLock { $0 }
                == [#"{"r":"GET /a/{b}","s":200,"l":1,"i":"203.0.113.7","x":"-"}"#]
        )
    }

    @Test("a large head is refused")
    func largeHead() async {
        let door = gateway([functionRoute("$default")], ScriptedInvoker(fine))
        let headers: Headers = ["X": String(repeating: "x", count: 10_240)]
        #expect(await ask(door, get("/", headers: headers)).status == 431)
    }

    @Test(
        "route keys that AWS refuses are refused",
        arguments: [
            "GET", "FETCH /a", "GET a", "GET /a/", "GET /{a+}/b", "GET /{a}/{a}", "GET /a b",
        ]
    )
    func routeKeys(_ key: String) { #expect(functionRoute(key).keyProblem != nil) }
}

@Suite
struct FunctionURLTests {
    private func door(
        _ invoker: ScriptedInvoker,
        iam: Bool = false,
        snapshot: Snapshot = functionSnapshot()
    ) -> FunctionURLDoor {
        var snapshot = snapshot
        snapshot.permissions["f:1"]?["anyone"]?.action = "lambda:*"
        var url = FunctionURL(id: "u", requiresSignature: iam)
        var cors = HTTPAPI.CORS()
        cors.allowOrigins = ["https://a.example"]
        url.cors = cors
        return FunctionURLDoor(
            url: url,
            function: "f:1",
            snapshot: snapshot,
            invoker: invoker
        )
    }

    @Test("a URL calls its function with payload 2.0 and infers the response")
    func call() async throws {
        let invoker = ScriptedInvoker(#""hello""#)
        let head = get("/a%20b?x=1", headers: ["Cookie": "a=1; b=2"])
        let answer = await ask(door(invoker), head)
        #expect(answer.status == 200 && answer.text == "hello")
        #expect(answer.headers["content-type"] == "application/json")
        let event = try #require(invoker.event)
        #expect(event["routeKey"] == "$default" && event["rawPath"] == "/a b")
        #expect(event["cookies"] == ["a=1", "b=2"] && event["headers"]?["cookie"] == "a=1; b=2")
        #expect(event["requestContext"]?["accountId"] == "anonymous")
        #expect(event["requestContext"]?["authorizer"] == nil)
    }

    @Test("failures, missing permissions and unsigned requests are refused")
    func refusals() async {
        let failing = ScriptedInvoker(result: .functionError(.handled, payload: []))
        let failed = await ask(door(failing), get("/"))
        #expect(failed.status == 502 && failed.text == "Internal Server Error")
        let busy = ScriptedInvoker(result: .throttled("x"))
        #expect(await ask(door(busy), get("/")).status == 429)
        let fine = ScriptedInvoker(#"{"statusCode":200}"#)
        let unsigned = await ask(door(fine, iam: true), get("/"))
        #expect(unsigned.status == 403)
        #expect(unsigned.headers["x-amzn-errortype"] == "AccessDeniedException")
        var closed = functionSnapshot()
        closed.permissions = [:]
        #expect(await ask(door(fine, snapshot: closed), get("/")).status == 403)
        #expect(fine.invocations.isEmpty)
    }

    @Test("preflights do not reach the function")
    func preflight() async {
        let invoker = ScriptedInvoker(#"{"statusCode":200}"#)
        let headers: Headers = [
            "Origin": "https://a.example", "Access-Control-Request-Method": "PUT",
        ]
        let answer = await ask(door(invoker), get("/", method: "OPTIONS", headers: headers))
        #expect(answer.headers["access-control-allow-origin"] == "https://a.example")
        #expect(invoker.invocations.isEmpty)
    }
}
