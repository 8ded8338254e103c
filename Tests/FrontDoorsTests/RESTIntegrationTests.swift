import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

@Suite(.timeLimit(.minutes(15)))
struct RESTIntegrationTests {
    private let silent = ScriptedInvoker("{}")

    @Test("a mock answers by its templates")
    func mock() async {
        var integration = RESTIntegration(.mock)
        integration.templates["application/json"] = "{statusCode: 204}"
        var response = RESTIntegration.Response(status: 204, pattern: "2\\d\\d")
        response.parameters["method.response.header.Access-Control-Allow-Origin"] = "'*'"
        integration.responses = [RESTIntegration.Response(status: 500), response]
        let door = restDoor([("OPTIONS /u", RESTMethod(integration: integration))], silent)
        let answer = await ask(door, get("/dev/u", method: "OPTIONS"))
        #expect(answer.status == 204)
        #expect(answer.headers["access-control-allow-origin"] == "*")
        #expect(answer.headers["x-amzn-trace-id"] == nil)
        integration.templates = [:]
        let empty = restDoor([("OPTIONS /u", RESTMethod(integration: integration))], silent)
        let failed = await ask(empty, get("/dev/u", method: "OPTIONS"))
        #expect(failed.status == 500 && failed.text == #"{"message": "Internal server error"}"#)
    }

    @Test(
        "bodies without a template pass or are refused",
        arguments: [
            (RESTIntegration.Passthrough.whenNoMatch, true, 200),
            (.whenNoTemplates, true, 415), (.whenNoTemplates, false, 200), (.never, false, 415),
        ]
    )
    func passthrough(
        _ behavior: RESTIntegration.Passthrough,
        _ hasTemplate: Bool,
        _ status: Int
    ) async {
        var integration = RESTIntegration(.function("f:1", isProxy: false))
        integration.passthrough = behavior
        if hasTemplate { integration.templates["application/xml"] = "x" }
        integration.responses = [RESTIntegration.Response(status: 200)]
        let door = restDoor([("POST /u", RESTMethod(integration: integration))], silent)
        let head = get("/dev/u", method: "POST", headers: ["Content-Type": "text/csv"])
        let answer = await ask(door, head, body: "a,b")
        #expect(answer.status == status)
        if status == 415 { #expect(answer.text == #"{"message":"Unsupported Media Type"}"#) }
    }

    @Test("a function behind templates gets the mapped body; its errors choose the response")
    func customFunction() async {
        let error = #"{"errorMessage":"Not found: 7","errorType":"E"}"#
        let invoker = ScriptedInvoker(
            result: .functionError(.handled, payload: Array(error.utf8)[...])
        )
        var integration = RESTIntegration(.function("f:1", isProxy: false))
        integration.templates["application/json"] =
            #"{"id":"$input.params('id')","b":$input.json('$.a.b'),"st":"$context.stage"}"#
        var missing = RESTIntegration.Response(status: 404, pattern: "Not found.*")
        missing.templates["application/json"] =
            #"#set($e = $input.path('$'))"# + "\n" + #"{"why":"$e.errorMessage"}"#
        integration.responses = [RESTIntegration.Response(status: 200), missing]
        let door = restDoor([("POST /u/{id}", RESTMethod(integration: integration))], invoker)
        let answer = await ask(door, get("/dev/u/7", method: "POST"), body: #"{"a":{"b":[1]}}"#)
        #expect(invoker.event == ["id": "7", "b": [1], "st": "dev"])
        #expect(answer.status == 404 && answer.text == #"{"why":"Not found: 7"}"#)
    }

    @Test("a web server behind a proxy integration is asked and its reserved fields are renamed")
    func proxy() async throws {
        let server = try WebServer { _, _ in
            var response = Response(status: 201, text: "made")
            response.head.headers.append("Server", "nginx")
            return response
        }
        var integration = RESTIntegration(
            .http(url: "http://127.0.0.1:\(server.port)/base/{p}", isProxy: true)
        )
        integration.parameters["integration.request.path.p"] = "method.request.path.proxy"
        integration.parameters["integration.request.header.X-Stage"] = "context.stage"
        let door = restDoor([("ANY /{proxy+}", RESTMethod(integration: integration))], silent)
        let answer = await ask(
            door,
            get("/dev/a/b?q=1", method: "PUT", headers: ["X-Own": "1", "Via": "x"]),
            body: "data"
        )
        #expect(answer.status == 201 && answer.text == "made")
        #expect(answer.headers["x-amzn-remapped-server"] == "nginx")
        #expect(answer.headers["server"] == nil)
        let seen = try #require(server.last)
        #expect(seen.method == "PUT" && seen.target == "/base/a/b?q=1")
        #expect(seen.headers["x-own"] == "1" && seen.headers["x-stage"] == "dev")
        #expect(seen.headers["x-amzn-apigateway-api-id"] == "abc")
        #expect(seen.headers["via"] == nil && seen.headers["x-forwarded-for"] == nil)
        #expect(server.bodies.last == "data")
    }

    @Test("a web server behind templates sees a bare request and its status chooses the response")
    func http() async throws {
        let server = try WebServer { _, _ in
            var response = Response(
                status: 404,
                contentType: "application/json",
                text: #"{"code":7}"#
            )
            response.head.headers.append("X-Id", "i1")
            return response
        }
        var integration = RESTIntegration(
            .http(url: "http://127.0.0.1:\(server.port)/find", isProxy: false)
        )
        integration.method = "POST"
        integration.parameters["integration.request.querystring.k"] =
            "method.request.querystring.key"
        integration.templates["application/json"] =
            #"#set($context.requestOverride.header.x-over = "o")"#
            + #"{"u":"$input.params('key')"}"#
        var response = RESTIntegration.Response(status: 400, pattern: "4\\d{2}")
        response.parameters["method.response.header.X-Out"] = "integration.response.header.X-Id"
        response.parameters["method.response.header.X-Code"] = "integration.response.body.code"
        response.templates["application/json"] =
            "#set($context.responseOverride.status = 418)$input.json('$.code')"
        integration.responses = [response, RESTIntegration.Response(status: 200)]
        let door = restDoor([("GET /f", RESTMethod(integration: integration))], silent)
        let answer = await ask(door, get("/dev/f?key=a%20b", headers: ["X-Own": "1"]))
        #expect(answer.status == 418 && answer.text == "7")
        #expect(answer.headers["x-out"] == "i1" && answer.headers["x-code"] == "7")
        let seen = try #require(server.last)
        #expect(seen.method == "POST" && seen.target == "/find?k=a%20b")
        #expect(seen.headers["x-own"] == nil && seen.headers["x-over"] == "o")
        #expect(seen.headers["user-agent"] == "AmazonAPIGateway_abc")
        #expect(seen.headers["accept"] == "application/json")
        #expect(server.bodies.last == #"{"u":"a b"}"#)
    }

    @Test("a web server that cannot be reached gives 504")
    func unreachable() async {
        let integration = RESTIntegration(.http(url: "http://127.0.0.1:1/", isProxy: true))
        let door = restDoor([("GET /f", RESTMethod(integration: integration))], silent)
        let answer = await ask(door, get("/dev/f"))
        #expect(answer.status == 504)
        #expect(answer.text == #"{"message":"Network error communicating with endpoint"}"#)
    }
}

@Suite
struct VelocityTests {
    private func render(_ template: String, body: String = "{}") throws -> String {
        var request = RESTRequest(
            head: get("/u?q=1&q=2", headers: ["X-H": "h"]),
            sourceIP: "203.0.113.7",
            api: RESTAPI(id: "abc", name: "a"),
            stage: RESTStage(name: "dev"),
            path: "/u",
            contextPath: "/dev/u",
            requestID: "id",
            extendedID: "xid",
            time: 0
        )
        request.parameters = ["p": "path"]
        request.stage.variables = ["v": "stage"]
        return try VelocityMapping(
            request: request,
            body: Array(body.utf8)[...],
            overrides: VelocityOverrides()
        ).render(template).text
    }

    @Test(
        "templates render as Velocity does",
        arguments: [
            ("$foo $!foo ${foo}x $!{foo}x", "$foo  ${foo}x x"), ("a #set($x = 1)$x", "a 1"),
            ("#set($x = 'a$b')$x #set($y = \"<$x>\")$y", "a$b <a$b>"),
            ("#if($x)1#elseif(1 == 1)2#{else}3#end", "2"),
            ("#if(!$x && 2 > 1.5)y#{else}n#end", "y"), ("#if('a' != \"a\")y#{else}n#end", "n"),
            ("#foreach($i in [1..3])$i$foreach.count#if($foreach.hasNext),#end#end", "11,22,33"),
            ("#foreach($i in [1, 2, 3])#if($i == 2)#break#end$i#end", "1"),
            ("#set($m = {'a': 1, 'b': [2]})$m $m.a $m.get('b')[0] $m.size()", "{a=1, b=[2]} 1 2 2"),
            ("#set($l = [])#set($t = $l.add('x'))$l.size() $l", "1 [\"x\"]"),
            ("#set($s = 'Hello')$s.toUpperCase() $s.length() $s.substring(1, 3)", "HELLO 5 el"),
            ("#set($s = 'a-b-c')$s.replaceAll('-', '+') $s.split('-').get(1)", "a+b+c b"),
            ("#set($n = 7 + 2 * 3 % 4)$n #set($d = 7 / 2)$d", "9 3"),
            ("x## gone\ny#* gone *#z", "xyz"), ("#[[ $raw #if ]]#", " $raw #if "),
            ("#define($d)<$x>#end#set($x = 1)$d", "<1>"), ("a#stop b", "a"),
            ("\\$x $1.50", "$x $1.50"),
            ("$input.params('p') $input.params('q') $input.params('X-H')", "path 2 h"),
            ("$input.params().querystring.q", "2"),
            ("$stageVariables.v $context.stage", "stage dev"),
            ("$context.identity.sourceIp $context.nothing", "203.0.113.7 $context.nothing"),
            ("$util.escapeJavaScript(\"it's\")", "it\\'s"), ("$util.urlEncode('a b&c')", "a+b%26c"),
            ("$util.base64Encode('hi') $util.base64Decode('aGk=')", "aGk= hi"),
            ("$util.parseJson('{\"a\":[5]}').a[0]", "5"), ("$input.body", "{}"),
        ]
    )
    func renders(_ template: String, _ expected: String) throws {
        #expect(try render(template) == expected)
    }

    @Test(
        "JSON paths find what they name",
        arguments: [
            ("$input.json('$.a.b[1]')", "2"), ("$input.json('$')", #"{"a":{"b":[1,2],"c d":"x"}}"#),
            ("$input.json('$.a.b[*]')", "[1,2]"), ("$input.json(\"$.a['c d']\")", #""x""#),
            ("$input.path('$.a.b').size()", "2"), ("$input.json('$..b')", "[[1,2]]"),
            ("$input.json('$.none')", "null"), ("$input.path('$.a.b[-1]')", "2"),
            ("#foreach($e in $input.path('$.a.b'))<$e>#end", "<1><2>"),
        ]
    )
    func paths(_ template: String, _ expected: String) throws {
        #expect(try render(template, body: #"{"a":{"b":[1,2],"c d":"x"}}"#) == expected)
    }

    @Test(
        "templates that cannot be rendered are refused",
        arguments: [
            "#if(1)", "#set($x)", "#foreach($i in [1..1001])x#end", "#macro(a)#end", "#set(1 = 2)",
            "#foreach($i in [1..900])#foreach($j in [1..900])x#end#end", "#include('a')",
            "#define($a)$a#end$a", "#set($context.responseOverride.status = 'x')",
        ]
    )
    func refused(_ template: String) {
        #expect(throws: VelocityError.self) { try render(template) }
    }
}

@Suite
struct JSONSchemaTests {
    @Test(
        "values are held against draft 4",
        arguments: [
            (#"{"type":"string","minLength":2,"pattern":"^a"}"#, #""ab""#, true),
            (#"{"type":"string","minLength":2}"#, #""a""#, false),
            (#"{"type":["integer","null"]}"#, "1.0", true), (#"{"type":"integer"}"#, "1.5", false),
            (#"{"minimum":1,"exclusiveMinimum":true}"#, "1", false),
            (#"{"multipleOf":0.1}"#, "0.3", true), (#"{"enum":[1,"a"]}"#, #""b""#, false),
            (#"{"items":{"type":"number"},"uniqueItems":true}"#, "[1,1.0]", false),
            (#"{"items":[{"type":"number"}],"additionalItems":false}"#, "[1,2]", false),
            (#"{"required":["a"],"properties":{"a":{"type":"null"}}}"#, #"{"a":null}"#, true),
            (#"{"additionalProperties":false,"patternProperties":{"^x":{}}}"#, #"{"xy":1}"#, true),
            (#"{"additionalProperties":false}"#, #"{"y":1}"#, false),
            (#"{"oneOf":[{"type":"number"},{"minimum":5}]}"#, "6", false),
            (#"{"not":{"type":"string"}}"#, "1", true),
            (
                ##"{"definitions":{"p":{"type":"string"}},"items":{"$ref":"#/definitions/p"}}"##,
                #"["a"]"#, true
            ),
            (#"{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/N"}"#, "1", true),
            (#"{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/N"}"#, #""a""#, false),
            (#"{"dependencies":{"a":["b"]}}"#, #"{"a":1}"#, false),
            (##"{"$ref":"#"}"##, "1", false),
        ]
    )
    func accepts(_ schema: String, _ value: String, _ expected: Bool) throws {
        let rules = JSONSchema(
            try JSONValue.parse(schema),
            models: ["N": #"{"type":"number"}"#]
        )
        #expect(rules.accepts(try JSONValue.parse(value)) == expected)
    }
}
