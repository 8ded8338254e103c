import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

/// An HTTP API whose routes all lead to the function `f:1`.
func gateway(
    _ routes: [GatewayRoute],
    _ invoker: any FunctionInvoker,
    authorizers: [GatewayAuthorizer] = [],
    stages: [GatewayStage] = [GatewayStage(name: "$default")],
    overrides: [String: String] = [:],
    state: DoorState = DoorState(),
    log: @escaping @Sendable (String) -> Void = { _ in }
) -> APIGatewayDoor {
    var api = HTTPAPI(id: "abc", name: "a", routes: routes)
    api.authorizers = authorizers
    api.stages = stages
    var snapshot = functionSnapshot()
    snapshot.originOverrides = overrides
    return APIGatewayDoor(
        api: api,
        snapshot: snapshot,
        state: state,
        invoker: invoker,
        log: log,
        clock: { 1_744_668_836_573 }
    )
}

/// A route to the function `f:1`.
func functionRoute(
    _ key: String,
    _ authorization: GatewayRoute.Authorization = .none,
    format: String = "2.0"
) -> GatewayRoute {
    var route = GatewayRoute(
        key: key,
        integration: .function("f:1", payloadFormat: format, timeoutMilliseconds: 30_000)
    )
    route.authorization = authorization
    return route
}

@Suite(.timeLimit(.minutes(15)))
struct GatewayAuthorizationTests {
    private static let issuer = "https://issuer.example.com"

    private static func claims(_ more: String = "", audience: String = "shop") -> String {
        let now = Int(Date().timeIntervalSince1970)
        return #"{"iss":"\#(issuer)","aud":"\#(audience)","sub":"u","exp":\#(now + 86_400)"#
            + #","n":7,"roles":["a","b"]\#(more)}"#
    }

    @Test("a JWT route lets only valid tokens through")
    func tokens() async throws {
        let party = try SigningParty()
        defer { party.remove() }
        let stranger = try SigningParty()
        defer { stranger.remove() }
        let keySet = party.keySet
        let server = try WebServer { head, _ in
            let text =
                head.path == "/.well-known/openid-configuration"
                ? #"{"jwks_uri":"\#(Self.issuer)/keys"}"# : keySet
            return Response(status: 200, contentType: "application/json", text: text)
        }
        let invoker = ScriptedInvoker(#"{"statusCode":200,"body":"in"}"#)
        let authorizer = GatewayAuthorizer(
            id: "au",
            name: "au",
            kind: .token(issuer: Self.issuer, audiences: ["shop"]),
            identitySources: ["$request.header.Authorization"]
        )
        let door = gateway(
            [
                functionRoute("GET /a", .token(authorizer: "au", scopes: [])),
                functionRoute("GET /s", .token(authorizer: "au", scopes: ["write"])),
            ],
            invoker,
            authorizers: [authorizer],
            overrides: ["issuer.example.com": "http://127.0.0.1:\(server.port)"]
        )
        func ask(_ path: String, _ token: String?) async -> Answer {
            var headers = Headers()
            if let token { headers.append("Authorization", token) }
            return await FrontDoorsTests.ask(door, get(path, headers: headers))
        }
        let missing = await ask("/a", nil)
        #expect(missing.status == 401 && missing.text == #"{"message":"Unauthorized"}"#)
        #expect(missing.text.utf8.count == 26)
        #expect(missing.headers["www-authenticate"] == "Bearer")
        let good = try party.token(Self.claims())
        #expect(await ask("/a", "Bearer " + good).status == 200)
        #expect(await ask("/a", good).status == 200)
        let block = invoker.event?["requestContext"]?["authorizer"]?["jwt"]
        #expect(block?["claims"]?["sub"] == "u" && block?["claims"]?["n"] == "7")
        #expect(block?["claims"]?["roles"] == "[a b]")
        #expect(block?["scopes"] == .null)
        let wrong = await ask("/a", try party.token(Self.claims(audience: "other")))
        #expect(
            wrong.headers["www-authenticate"]
                == "Bearer scope=\"\" error=\"invalid_token\" "
                + "error_description=\"the token does not have a valid audience\""
        )
        #expect(await ask("/a", try stranger.token(Self.claims())).status == 401)
        let expired = #"{"iss":"\#(Self.issuer)","aud":"shop","exp":1000}"#
        #expect(await ask("/a", try party.token(expired)).status == 401)
        let early = Self.claims(#","nbf":99999999999"#)
        #expect(await ask("/a", try party.token(early)).status == 401)
        let nameless = try party.token(Self.claims(), header: #"{"alg":"RS256"}"#)
        #expect(await ask("/a", nameless).status == 401)
        let plain = try party.token(Self.claims(), header: #"{"alg":"none","kid":"k1"}"#)
        #expect(await ask("/a", plain).status == 401)
        #expect(await ask("/a", "garbage").status == 401)
        let unscoped = await ask("/s", good)
        #expect(unscoped.status == 403 && unscoped.text == #"{"message":"Forbidden"}"#)
        let scoped = try party.token(Self.claims(#","scope":"read write""#))
        #expect(await ask("/s", scoped).status == 200)
        #expect(
            invoker.event?["requestContext"]?["authorizer"]?["jwt"]?["scopes"] == ["write"]
        )
        #expect(server.requests.count == 2)
    }

    @Test("a load balancer's jwt-validation answers 401 to all but valid tokens")
    func balancerTokens() async throws {
        let party = try SigningParty()
        defer { party.remove() }
        let keySet = party.keySet
        let server = try WebServer { _, _ in Response(status: 200, text: keySet) }
        var validation = TokenValidation(
            keySetURL: Self.issuer + "/keys",
            issuer: Self.issuer
        )
        validation.claims = [.init(name: "roles", format: .array, values: ["b"])]
        let door = balancerDoor(
            [
                .validateToken(validation),
                .fixedResponse(status: 200, contentType: nil, body: "in"),
            ],
            overrides: ["issuer.example.com": "http://127.0.0.1:\(server.port)"]
        )
        func status(_ token: String) async -> Int {
            await ask(door, get("/", headers: ["Authorization": token])).status
        }
        #expect(await status("Bearer " + (try party.token(Self.claims()))) == 200)
        #expect(await status(try party.token(Self.claims())) == 401)
        #expect(await ask(door, get("/")).status == 401)
        let roleless = #"{"iss":"\#(Self.issuer)","exp":99999999999}"#
        #expect(await status("Bearer " + (try party.token(roleless))) == 401)
    }

    private func function(
        simple: Bool,
        lifetime: Int = 0,
        format: String = "2.0"
    ) -> GatewayAuthorizer {
        GatewayAuthorizer(
            id: "au",
            name: "au",
            kind: .function(
                .init(
                    reference: "f:1",
                    payloadFormat: format,
                    isSimple: simple,
                    lifetime: lifetime
                )
            ),
            identitySources: ["$request.header.X-Key"]
        )
    }

    @Test("a simple answer lets in or keeps out, and is kept for its lifetime")
    func simpleAnswers() async throws {
        let invoker = ScriptedInvoker(
            #"{"isAuthorized":true,"context":{"n":7,"s":"x"},"statusCode":200}"#
        )
        let door = gateway(
            [functionRoute("GET /a/{id}", .function(authorizer: "au"))],
            invoker,
            authorizers: [function(simple: true, lifetime: 3600)]
        )
        let key: Headers = ["X-Key": "k"]
        #expect(await ask(door, get("/a/1", headers: key)).status == 200)
        let calls = invoker.invocations
        #expect(calls.count == 2)
        let event = try JSONValue.parse(calls[0].payload)
        #expect(event["version"] == "2.0" && event["type"] == "REQUEST")
        #expect(
            event["routeArn"]
                == "arn:aws:execute-api:us-east-1:123456789012:abc/$default/GET/a/1"
        )
        #expect(event["identitySource"] == ["k"] && event["routeKey"] == "GET /a/{id}")
        #expect(event["pathParameters"] == ["id": "1"] && event["body"] == nil)
        #expect(
            invoker.event?["requestContext"]?["authorizer"] == ["lambda": ["n": 7, "s": "x"]]
        )
        #expect(await ask(door, get("/a/2", headers: key)).status == 200)
        #expect(invoker.invocations.count == 3)
        #expect(await ask(door, get("/a/2", headers: ["X-Key": "other"])).status == 200)
        #expect(invoker.invocations.count == 5)
        let missing = await ask(door, get("/a/1"))
        #expect(missing.status == 401 && invoker.invocations.count == 5)
    }

    @Test(
        "answers of authorizing functions end as AWS documents",
        arguments: [
            (true, #"{"isAuthorized":false}"#, 403), (true, #"{"isAuthorized":"yes"}"#, 500),
            (true, "nonsense", 500), (false, #"{"isAuthorized":true}"#, 500),
            (false, Self.policy("Allow", "*/GET/*"), 200),
            (false, Self.policy("Deny", "*/GET/*"), 403),
            (false, Self.policy("Allow", "*/POST/*"), 403),
        ]
    )
    func answers(_ simple: Bool, _ text: String, _ status: Int) async {
        let door = gateway(
            [functionRoute("GET /a", .function(authorizer: "au"))],
            ScriptedInvoker(text),
            authorizers: [function(simple: simple)]
        )
        let answer = await ask(door, get("/a", headers: ["X-Key": "k"]))
        #expect(answer.status == status)
    }

    private static func policy(_ effect: String, _ rest: String) -> String {
        #"{"principalId":"p","statusCode":200,"policyDocument":{"Version":"2012-10-17","#
            + #""Statement":[{"Action":"execute-api:Invoke","Effect":"\#(effect)","#
            + #""Resource":"arn:aws:execute-api:us-east-1:123456789012:abc/\#(rest)"}]}}"#
    }

    @Test("an authorizer that fails gives 500, and format 1.0 has its own event")
    func firstFormat() async throws {
        let failing = gateway(
            [functionRoute("GET /a", .function(authorizer: "au"))],
            ScriptedInvoker(result: .functionError(.handled, payload: [])),
            authorizers: [function(simple: true)]
        )
        let key: Headers = ["X-Key": "k"]
        #expect(await ask(failing, get("/a", headers: key)).status == 500)
        let invoker = ScriptedInvoker(Self.policy("Allow", "*"))
        let door = gateway(
            [functionRoute("GET /a", .function(authorizer: "au"), format: "1.0")],
            invoker,
            authorizers: [function(simple: false, format: "1.0")]
        )
        #expect(await ask(door, get("/a?q=1", headers: key)).status == 200)
        let event = try JSONValue.parse(invoker.invocations[0].payload)
        #expect(event["identitySource"] == "k" && event["authorizationToken"] == "k")
        #expect(
            event["methodArn"] == "arn:aws:execute-api:us-east-1:123456789012:abc/$default/GET/a"
        )
        #expect(event["queryStringParameters"] == ["q": "1"] && event["httpMethod"] == "GET")
        #expect(invoker.event?["requestContext"]?["authorizer"] == ["principalId": "p"])
    }

    @Test("an IAM route wants a signed request")
    func signed() async {
        let invoker = ScriptedInvoker(#"{"statusCode":200}"#)
        let door = gateway([functionRoute("GET /a", .iam)], invoker)
        #expect(await ask(door, get("/a")).status == 403)
        let field =
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/execute-api/aws4_request, "
            + "SignedHeaders=host, Signature=" + String(repeating: "a", count: 64)
        let answer = await ask(door, get("/a", headers: ["Authorization": field]))
        #expect(answer.status == 200)
        let block = invoker.event?["requestContext"]?["authorizer"]?["iam"]
        #expect(block?["accessKey"] == "AKID" && block?["accountId"] == "123456789012")
        let other = field.replacingOccurrences(of: "execute-api", with: "s3")
        #expect(await ask(door, get("/a", headers: ["Authorization": other])).status == 403)
    }
}
