import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

/// A REST API with the stage `dev`, whose methods are given as `GET /path`.
func restDoor(
    _ methods: [(key: String, method: RESTMethod)],
    _ invoker: any FunctionInvoker,
    plans: [UsagePlan] = [],
    state: DoorState = DoorState(),
    change: (inout RESTAPI) -> Void = { _ in }
) -> RESTDoor {
    var api = RESTAPI(id: "abc", name: "a")
    api.stages = [RESTStage(name: "dev")]
    for (key, method) in methods {
        let parts = key.split(separator: " ").map(String.init)
        if let index = api.resources.firstIndex(where: { $0.path == parts[1] }) {
            api.resources[index].methods[parts[0]] = method
        } else {
            var resource = RESTResource(id: "r" + parts[1].filter(\.isLetter), path: parts[1])
            resource.methods[parts[0]] = method
            api.resources.append(resource)
        }
    }
    change(&api)
    var snapshot = functionSnapshot()
    for plan in plans { snapshot.usagePlans[plan.id] = plan }
    return RESTDoor(
        api: api,
        snapshot: snapshot,
        state: state,
        invoker: invoker,
        clock: { 1_744_668_768_586 }
    )
}

/// A method whose function gets the whole request.
let proxyMethod = RESTMethod(integration: RESTIntegration(.function("f:1", isProxy: true)))

@Suite(.timeLimit(.minutes(15)))
struct RESTTests {
    private let fine = #"{"statusCode":200,"body":"x"}"#

    @Test(
        "resources are found segment by segment, literals first",
        arguments: [
            ("/", "/"), ("/foo", "/foo"), ("/foo/", "/foo"), ("/foo/1", "/foo/{id}"),
            ("/foo/bar", "/foo/bar"), ("/foo/1/2", "/{proxy+}"), ("/x", "/{proxy+}"),
            ("/foo/1/", "/foo/{id}"), ("//foo", "/foo"),
        ]
    )
    func matching(_ path: String, _ expected: String) {
        let paths = ["/", "/foo", "/foo/{id}", "/foo/bar", "/{proxy+}"]
        let matcher = ResourceMatcher(paths.map { RESTResource(id: $0, path: $0) })
        #expect(matcher.match(path)?.resource.path == expected)
    }

    @Test("a greedy path does not match the root and keeps inner slashes")
    func greedy() {
        let matcher = ResourceMatcher([RESTResource(id: "p", path: "/{proxy+}")])
        #expect(matcher.match("/") == nil)
        #expect(matcher.match("/a//b%20c/")?.parameters == ["proxy": "a//b%20c"])
    }

    @Test(
        "what is not there is a missing token, whatever is sent",
        arguments: [("/dev/none", "GET"), ("/dev/u", "POST"), ("/dev", "GET")]
    )
    func missing(_ path: String, _ method: String) async {
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker(fine))
        let answer = await ask(
            door,
            get(path, method: method, headers: ["Authorization": "Bearer x"])
        )
        #expect(answer.status == 403)
        #expect(answer.text == #"{"message":"Missing Authentication Token"}"#)
        #expect(answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException")
        #expect(answer.headers["x-amzn-requestid"]?.utf8.count == 36)
    }

    @Test("an unknown stage is forbidden; /ping is healthy")
    func stages() async {
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker(fine))
        let unknown = await ask(door, get("/prod/u"))
        #expect(unknown.status == 403 && unknown.text == #"{"message":"Forbidden"}"#)
        #expect(await ask(door, get("/dev/ping")).status == 200)
    }

    @Test("the event leaves path parameters encoded")
    func event() async throws {
        let invoker = ScriptedInvoker(fine)
        let door = restDoor([("GET /u/{n}", proxyMethod)], invoker)
        let answer = await ask(door, get("/dev/u/John%20Doe?tag=a%2Bb&tag=c+d"))
        #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
        let event = try #require(invoker.event)
        #expect(event["pathParameters"] == ["n": "John%20Doe"])
        #expect(event["path"] == "/u/John%20Doe" && event["resource"] == "/u/{n}")
        #expect(event["requestContext"]?["path"] == "/dev/u/John%20Doe")
        #expect(event["queryStringParameters"] == ["tag": "c d"])
        #expect(event["multiValueQueryStringParameters"] == ["tag": ["a+b", "c d"]])
        #expect(event["body"] == .null && event["stageVariables"] == .null)
        #expect(event["headers"]?["X-Forwarded-For"] == "203.0.113.7")
        #expect(answer.headers["x-amzn-trace-id"]?.hasPrefix("Root=") == true)
    }

    @Test(
        "answers of functions end as recorded",
        arguments: [
            (#"{"statusCode":0}"#, 502, #"{"message": "Internal server error"}"#),
            (#"{"statusCode":200,"foo":1}"#, 502, #"{"message": "Internal server error"}"#),
            (#""text""#, 502, #"{"message": "Internal server error"}"#),
            ("null", 502, #"{"message": "Internal server error"}"#),
            (#"{"statusCode":"test"}"#, 502, #"{"message": "Internal server error"}"#),
            (#"{"multiValueHeaders":{"a":"b"}}"#, 502, #"{"message": "Internal server error"}"#),
            (#"{"body":"x"}"#, 200, "x"), ("{}", 200, ""), (#"{"statusCode":"201"}"#, 201, ""),
            (#"{"headers":null,"body":null}"#, 200, ""),
        ]
    )
    func answers(_ payload: String, _ status: Int, _ text: String) async {
        let door = restDoor([("ANY /u", proxyMethod)], ScriptedInvoker(payload))
        let answer = await ask(door, get("/dev/u", method: "PUT"))
        #expect(answer.status == status && answer.text == text)
        if status == 502 {
            #expect(answer.text.utf8.count == 36)
            #expect(answer.headers["x-amzn-errortype"] == "InternalServerErrorException")
        }
    }

    @Test("values of multiValueHeaders come first, and reserved names are remapped")
    func headerOrder() async {
        let payload =
            #"{"headers":{"Combined":"s","Server":"x","b":true},"#
            + #""multiValueHeaders":{"combined":["a","b"]}}"#
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker(payload))
        let answer = await ask(door, get("/dev/u"))
        #expect(answer.headers.all("combined") == ["a", "b", "s"])
        #expect(answer.headers["x-amzn-remapped-server"] == "x" && answer.headers["b"] == "true")
    }

    @Test(
        "base64 is decoded for binary media types only",
        arguments: [("text/html", "eA=="), ("image/png", "x"), ("image/png, */*", "x")]
    )
    func binaryAnswers(_ accept: String, _ text: String) async {
        let payload = #"{"body":"eA==","isBase64Encoded":true}"#
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker(payload)) {
            $0.binaryMediaTypes = ["image/png"]
        }
        #expect(await ask(door, get("/dev/u", headers: ["Accept": accept])).text == text)
    }

    @Test("binary bodies reach the function in base64, others as text")
    func binaryBodies() async {
        let invoker = ScriptedInvoker(fine)
        let door = restDoor([("POST /u", proxyMethod)], invoker) {
            $0.binaryMediaTypes = ["image/png"]
        }
        for (type, body, flag) in [("image/png", "eA==", true), ("a/b", "x", false)] {
            let head = get("/dev/u", method: "POST", headers: ["Content-Type": type])
            _ = await ask(door, head, body: "x")
            #expect(invoker.event?["body"]?.string == body)
            #expect(invoker.event?["isBase64Encoded"]?.bool == flag)
        }
    }

    @Test("a validator names what is missing, headers first, and checks the body")
    func validation() async {
        var method = proxyMethod
        method.validator = "v"
        method.parameters = [
            "method.request.header.x-header-param": true,
            "method.request.querystring.qs1": true, "method.request.querystring.free": false,
        ]
        method.models = ["application/json": "Pet"]
        let door = restDoor([("POST /u", method)], ScriptedInvoker(fine)) {
            $0.validators["v"] = .init(checksBody: true, checksParameters: true)
            $0.models["Pet"] =
                #"{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}"#
        }
        let missing = await ask(door, get("/dev/u", method: "POST"))
        #expect(missing.status == 400)
        #expect(
            missing.text
                == #"{"message":"Missing required request parameters: [x-header-param, qs1]"}"#
        )
        #expect(missing.headers["x-amzn-errortype"] == "BadRequestException")
        let head = get("/dev/u?qs1=1", method: "POST", headers: ["x-header-param": "1"])
        let bad = await ask(door, head, body: #"{"name":1}"#)
        #expect(bad.status == 400 && bad.text == #"{"message":"Invalid request body"}"#)
        #expect(await ask(door, head).status == 400)
        #expect(await ask(door, head, body: #"{"name":"n"}"#).status == 200)
    }

    @Test("gateway responses can be changed by type and by class")
    func gatewayResponses() async {
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker("1")) {
            var missing = RESTAPI.GatewayResponse()
            missing.status = 404
            missing.templates = [
                "application/json": #"{"m":$context.error.messageString,"s":"$context.stage"}"#
            ]
            missing.parameters = ["gatewayresponse.header.X-A": "'static'"]
            $0.gatewayResponses["MISSING_AUTHENTICATION_TOKEN"] = missing
            var server = RESTAPI.GatewayResponse()
            server.status = 599
            $0.gatewayResponses["DEFAULT_5XX"] = server
        }
        let answer = await ask(door, get("/dev/none"))
        #expect(answer.status == 404 && answer.headers["x-a"] == "static")
        #expect(answer.text == #"{"m":"Missing Authentication Token","s":"dev"}"#)
        #expect(await ask(door, get("/dev/u")).status == 599)
    }

    @Test("a key must open the stage, within rate and quota")
    func keys() async {
        var method = proxyMethod
        method.requiresKey = true
        var plan = UsagePlan(id: "p", name: "p")
        plan.keys = [
            .init(id: "k", name: "k", value: "key-value-of-enough-length"),
            .init(id: "off", name: "off", value: "disabled-key-of-some-length", isEnabled: false),
        ]
        plan.stages = [.init(api: "abc", stage: "dev")]
        plan.quota = .init(limit: 2, period: .day)
        let invoker = ScriptedInvoker(fine)
        let door = restDoor([("GET /u", method)], invoker, plans: [plan])
        func ask(_ key: String?) async -> Answer {
            var headers = Headers()
            if let key { headers.append("x-api-key", key) }
            return await FrontDoorsTests.ask(door, get("/dev/u", headers: headers))
        }
        for key in [nil, "wrong", "disabled-key-of-some-length"] {
            let refused = await ask(key)
            #expect(refused.status == 403 && refused.text == #"{"message":"Forbidden"}"#)
        }
        #expect(await ask("key-value-of-enough-length").status == 200)
        #expect(invoker.event?["requestContext"]?["identity"]?["apiKeyId"] == "k")
        #expect(await ask("key-value-of-enough-length").status == 200)
        let spent = await ask("key-value-of-enough-length")
        #expect(spent.status == 429 && spent.text == #"{"message":"Limit Exceeded"}"#)
        plan.quota = nil
        plan.stages[0].limits["/u/GET"] = RateLimit(rate: 0.001, burst: 1)
        let limited = restDoor([("GET /u", method)], invoker, plans: [plan])
        let head = get("/dev/u", headers: ["X-API-Key": "key-value-of-enough-length"])
        #expect(await FrontDoorsTests.ask(limited, head).status == 200)
        let throttled = await FrontDoorsTests.ask(limited, head)
        #expect(throttled.text == #"{"message":"Too Many Requests"}"#)
    }

    @Test("periods of quotas start anew")
    func periods() {
        let day = 86_400_000
        let quota = UsagePlan.Quota(limit: 1, period: .day)
        let quotas = Quotas()
        #expect(quotas.take("a", quota, at: 0) && !quotas.take("a", quota, at: day - 1))
        #expect(quotas.take("a", quota, at: day))
        let week = UsagePlan.Quota(limit: 1, period: .week)
        // 1970-01-03 was a Saturday.
        #expect(Quotas.period(week, at: 2 * day) == Quotas.period(week, at: 0))
        #expect(Quotas.period(week, at: 3 * day) == Quotas.period(week, at: 0) + 1)
    }

    private static func policy(_ effect: String, _ context: String = "{}") -> String {
        #"{"principalId":"p","context":\#(context),"policyDocument":{"Statement":"#
            + #"[{"Action":"execute-api:Invoke","Effect":"\#(effect)","Resource":"*"}]}}"#
    }

    private func guarded(
        _ kind: RESTAuthorizer.Kind,
        _ invoker: ScriptedInvoker,
        sources: [String]
    ) -> RESTDoor {
        var method = proxyMethod
        method.authorization = .authorizer("au", scopes: [])
        return restDoor([("GET /u", method)], invoker) {
            var authorizer = RESTAuthorizer(
                id: "au",
                name: "au",
                kind: kind,
                identitySources: sources
            )
            authorizer.lifetime = 0
            $0.authorizers = [authorizer]
        }
    }

    @Test(
        "token authorizers end as documented",
        arguments: [
            (Self.policy("Allow"), "Bearer abc", 502), (Self.policy("Deny"), "Bearer abc", 403),
            ("{}", "Bearer abc", 500), (Self.policy("Allow", #"{"a":[1]}"#), "Bearer abc", 500),
            (Self.policy("Allow"), "nomatch", 401), (Self.policy("Allow"), "", 401),
        ]
    )
    func tokenAuthorizers(_ payload: String, _ token: String, _ status: Int) async throws {
        let invoker = ScriptedInvoker(payload)
        let door = guarded(
            .token(function: "f:1", validation: "Bearer [a-z]+"),
            invoker,
            sources: ["method.request.header.Authorization"]
        )
        let answer = await ask(door, get("/dev/u", headers: ["Authorization": token]))
        #expect(answer.status == status)
        if status == 403 {
            #expect(answer.text.hasPrefix(#"{"Message":"User is not authorized"#))
        }
        if status == 500 { #expect(answer.text == #"{"message":null}"#) }
        guard status != 401 else { return #expect(invoker.invocations.isEmpty) }
        let event = try JSONValue.parse(invoker.invocations[0].payload)
        #expect(event["type"] == "TOKEN" && event["authorizationToken"] == "Bearer abc")
        #expect(
            event["methodArn"] == "arn:aws:execute-api:us-east-1:123456789012:abc/dev/GET/u"
        )
    }

    @Test("a function that throws Unauthorized means 401; context reaches the integration")
    func requestAuthorizers() async throws {
        let error = #"{"errorMessage":"Unauthorized"}"#
        let refusing = ScriptedInvoker(
            result: .functionError(.handled, payload: Array(error.utf8)[...])
        )
        let kind = RESTAuthorizer.Kind.request(function: "f:1")
        let sources = ["method.request.querystring.q"]
        let refused = await ask(
            guarded(kind, refusing, sources: sources),
            get("/dev/u?q=1")
        )
        #expect(refused.status == 401 && refused.text == #"{"message":"Unauthorized"}"#)
        let invoker = ScriptedInvoker(Self.policy("Allow", #"{"n":7,"b":true}"#))
        let door = guarded(kind, invoker, sources: sources)
        #expect(await ask(door, get("/dev/u")).status == 401)
        _ = await ask(door, get("/dev/u?q=1"))
        let event = try JSONValue.parse(invoker.invocations[0].payload)
        #expect(event["type"] == "REQUEST" && event["queryStringParameters"] == ["q": "1"])
        #expect(event["pathParameters"] == [:])
        let block = invoker.event?["requestContext"]?["authorizer"]
        #expect(block?["principalId"] == "p" && block?["n"] == "7" && block?["b"] == "true")
    }

    @Test(
        "a resource policy decides by address and denies before anything else",
        arguments: [
            (
                #"{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}"#,
                200
            ),
            (
                #"{"Effect":"Allow","Principal":"*","Action":"execute-api:*","Resource":"execute-api:/dev/POST/*"}"#,
                403
            ),
            (
                #"{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":"*","#
                    + #""Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24"]}}}"#, 200
            ),
            (
                #"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","#
                    + #""Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}"#, 403
            ),
            (
                #"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},"#
                    + #"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","#
                    + #""Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#, 403
            ),
        ]
    )
    func resourcePolicies(_ statements: String, _ status: Int) async {
        let door = restDoor([("GET /u", proxyMethod)], ScriptedInvoker(fine)) {
            $0.policy = #"{"Statement":[\#(statements)]}"#
        }
        let answer = await ask(door, get("/dev/u"))
        #expect(answer.status == status)
        if status == 403 {
            #expect(answer.text.hasPrefix(#"{"Message":"User: anonymous is not authorized"#))
        }
    }
}
