import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

@Suite
struct HTTPAPITests {
    private func route(_ key: String, _ format: String = "2.0") -> GatewayRoute {
        GatewayRoute(
            key: key,
            integration: .function("f:1", payloadFormat: format, timeoutMilliseconds: 30_000)
        )
    }

    private func door(
        _ routes: [GatewayRoute],
        _ invoker: ScriptedInvoker,
        stage: String = "$default",
        cors: HTTPAPI.CORS? = nil
    ) -> APIGatewayDoor {
        var api = HTTPAPI(id: "abc", name: "a", stage: stage, routes: routes)
        api.cors = cors
        return APIGatewayDoor(
            api: api,
            snapshot: functionSnapshot(),
            invoker: invoker,
            clock: { 1_744_668_836_573 }
        )
    }

    @Test("a function whose policy does not name the route is not run: 500")
    func noPermission() async {
        let invoker = ScriptedInvoker("{}")
        var snapshot = functionSnapshot()
        snapshot.permissions["f:1"]?["anyone"]?.sourceARN =
            "arn:aws:execute-api:us-east-1:123456789012:abc/*/GET/other"
        let door = APIGatewayDoor(
            api: HTTPAPI(id: "abc", name: "a", routes: [route("GET /pets/{id}")]),
            snapshot: snapshot,
            state: DoorState(),
            invoker: invoker
        )
        let answer = await ask(door, get("/pets/1"))
        #expect(answer.status == 500)
        #expect(answer.text == #"{"message":"Internal Server Error"}"#)
        #expect(invoker.invocations.isEmpty)
    }

    @Test(arguments: [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"), ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"), ("POST", "/test/5", "ANY /{proxy+}"),
        ("GET", "/", "ANY /{proxy+}"),
    ])
    func mostSpecificRoute(_ method: String, _ path: String, _ expected: String) {
        let keys = [
            "$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}",
            "GET /pets/dog/1",
        ]
        let match = RouteMatcher(keys.map { route($0) }).match(method: method, path: path)
        #expect(match?.route.key == expected)
    }

    @Test
    func segmentsMatchWhole() {
        let matcher = RouteMatcher([route("GET /metrics"), route("GET /u/{id}")])
        #expect(matcher.match(method: "GET", path: "/metrics/") == nil)
        #expect(matcher.match(method: "GET", path: "/u/") == nil)
        #expect(matcher.match(method: "POST", path: "/metrics") == nil)
    }

    @Test
    func secondFormat() async throws {
        let invoker = ScriptedInvoker(#"{"statusCode":200,"body":"x","cookies":["s=1"]}"#)
        let door = door([route("GET /u/{n}")], invoker)
        let answer = await ask(
            door,
            get(
                "/u/John%20Doe?a=1&a=2,3&b=%41",
                host: "abc.execute-api.localhost:8443",
                headers: ["Cookie": "a=1; b=2", "X-M": "1", "x-m": "2"]
            )
        )
        let event = try #require(invoker.event)
        #expect(event["rawPath"]?.string == "/u/John Doe")
        #expect(event["pathParameters"] == ["n": "John Doe"])
        #expect(event["rawQueryString"]?.string == "a=1&a=2,3&b=%41")
        #expect(event["queryStringParameters"] == ["a": "1,2,3", "b": "A"])
        #expect(event["cookies"] == ["a=1", "b=2"])
        #expect(event["headers"]?["cookie"] == nil)
        #expect(event["headers"]?["x-m"]?.string == "1,2")
        let context = try #require(event["requestContext"])
        #expect(context["domainName"]?.string == "abc.execute-api.localhost")
        #expect(context["domainPrefix"]?.string == "abc")
        #expect(context["time"]?.string == "14/Apr/2025:22:13:56 +0000")
        #expect(context["http"]?["userAgent"]?.string == "")
        #expect(event["body"] == nil && event["stageVariables"] == nil)
        #expect(event["isBase64Encoded"] == false)
        #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
        #expect(answer.headers["set-cookie"] == "s=1")
        #expect(answer.headers["apigw-requestid"]?.utf8.count == 16)
    }

    @Test
    func firstFormat() async throws {
        let invoker = ScriptedInvoker(
            #"{"statusCode":200,"headers":{"combined":"a"},"multiValueHeaders":{"combined":["b"]}}"#
        )
        let answer = await ask(
            door([route("ANY /u/{n}", "1.0")], invoker),
            get("/u/a%20b?q=1&q=2", method: "POST")
        )
        let event = try #require(invoker.event)
        #expect(event["resource"]?.string == "/u/{n}")
        #expect(event["path"]?.string == "/u/a%20b")
        #expect(event["requestContext"]?["path"]?.string == "/u/a b")
        #expect(event["requestContext"]?["resourceId"]?.string == "ANY /u/{n}")
        #expect(event["queryStringParameters"] == ["q": "2"])
        #expect(event["multiValueQueryStringParameters"] == ["q": ["1", "2"]])
        #expect(event["headers"]?["Content-Length"]?.string == "0")
        #expect(event["body"] == .null && event["stageVariables"] == .null)
        #expect(answer.headers.all("combined") == ["a", "b"])
    }

    @Test(arguments: [
        (#"{"name": "John", "age": 30}"#, #"{"name": "John", "age": 30}"#), ("[1, 2]", "[1, 2]"),
        ("42", "42"), (#""Hello, World!""#, "Hello, World!"), (#""""#, ""),
        (#"{"name":"#, #"{"name":"#),
    ])
    func inferredAnswers(_ payload: String, _ text: String) async {
        let answer = await ask(door([route("$default")], ScriptedInvoker(payload)), get("/x"))
        #expect(answer.status == 200 && answer.text == text)
        #expect(answer.headers["content-type"] == "application/json")
    }

    @Test(arguments: [
        #"{"statusCode":0}"#, #"{"statusCode":200.5}"#, #"{"statusCode":200,"body":{}}"#,
    ])
    func malformedAnswers(_ payload: String) async {
        let answer = await ask(door([route("$default")], ScriptedInvoker(payload)), get("/x"))
        #expect(answer.status == 500)
        #expect(answer.text == #"{"message":"Internal Server Error"}"#)
    }

    @Test
    func stagesAndErrors() async throws {
        let invoker = ScriptedInvoker(result: .functionError(.handled, payload: []))
        let dev = door([route("GET /x")], invoker, stage: "dev")
        #expect(await ask(dev, get("/dev/x")).status == 500)
        #expect(invoker.event?["rawPath"]?.string == "/dev/x")
        let missing = await ask(dev, get("/nostage/x"))
        #expect(missing.status == 404 && missing.text == #"{"message":"Not Found"}"#)
    }

    @Test
    func preflight() async {
        var cors = HTTPAPI.CORS()
        cors.allowOrigins = ["https://a.example"]
        cors.allowMethods = ["GET", "PUT"]
        let api = door(
            [],
            ScriptedInvoker("{}"),
            cors: cors
        )
        let headers: Headers = [
            "Origin": "https://a.example", "Access-Control-Request-Method": "PUT",
        ]
        let answer = await ask(api, get("/x", method: "OPTIONS", headers: headers))
        #expect(answer.status == 204)
        #expect(answer.headers["access-control-allow-origin"] == "https://a.example")
        #expect(answer.headers["access-control-allow-methods"] == "GET,PUT")
    }
}
