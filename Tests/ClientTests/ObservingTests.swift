import Foundation
import Testing

/// What a running node tells of its functions: logs and costs, through the AWS APIs and the command line.
@Suite("Observing functions", .serialized, .timeLimit(.minutes(15)))
struct ObservingTests {
    private static let template = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Teller:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: teller
              Runtime: nodejs22.x
              Handler: index.handler
              CodeUri: ./teller
              AutoPublishAlias: live
              Events:
                Ask: { Type: HttpApi, Properties: { Path: "/ask/{what}", Method: GET } }
          Hook:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: hook
              Runtime: nodejs22.x
              Handler: index.handler
              CodeUri: ./hook
              AutoPublishAlias: live
        \(CommandRun.hookedSite)
        """
    private static let teller = """
        exports.handler = async (event) => { console.log('told', event.pathParameters?.what ?? event.n); return {}; };
        """
    private static let hook = """
        exports.handler = async (event) => {
          console.log('hooked', event.Records[0].cf.request.uri);
          return { status: '200', body: 'hook' };
        };
        """

    private func node() throws -> CommandRun {
        try CommandRun.node(
            ["up"],
            in: try CommandRun.folder([
                "template.yaml": Self.template, "teller/index.js": Self.teller,
                "hook/index.js": Self.hook, "event.json": #"{"n":"directly"}"#,
                "again.json": #"{"n":"again"}"#,
            ])
        )
    }

    /// Runs a verb against a node and returns what it left.
    private func verb(_ arguments: [String], of node: CommandRun) throws -> CommandRun.Result {
        try CommandRun(
            arguments + ["--api-port", String(try node.port("api"))],
            in: try CommandRun.folder()
        ).finish()
    }

    @Test("boto3 and the aws command line read what functions wrote")
    func logsAPI() throws {
        try PythonClient.run("logs.py", against: try RunningNode(["up"]))
    }

    @Test("boto3 and the aws command line keep objects in buckets")
    func buckets() throws {
        try PythonClient.run("s3.py", against: try RunningNode(["up"]))
    }

    @Test("roles are kept and trusted as AWS does, and everything can be forgotten")
    func identity() throws {
        try PythonClient.run("identity.py", against: try RunningNode(["up"]))
    }

    @Test("a trace goes on through the doors and its segments arrive in the file")
    func tracing() throws {
        let folder = try CommandRun.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("segments").path
        let moto = try MotoServer()
        let stack = try moto.template(Self.tracedStack)
        defer { try? FileManager.default.removeItem(at: stack) }
        for name in ["traced", "places"] {
            try CommandRun.write(
                "exports.handler = async () => 1;\n",
                to: "\(name)/index.js",
                in: stack
            )
        }
        let node = try RunningNode(["up", "--xray-file", file], in: stack)
        try PythonClient.run("tracing.py", against: node, [file, moto.url])
    }

    /// A function behind the APIs that only templates make, and one that tells where they are.
    private static let tracedStack = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Traced:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: traced
              Runtime: nodejs20.x
              Handler: index.handler
              CodeUri: ./traced
              Events:
                Rest: { Type: Api, Properties: { Path: /, Method: get } }
          Web:
            Type: AWS::ApiGatewayV2::Api
            Properties:
              { Name: web, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }
          Calls:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Web
              IntegrationType: AWS_PROXY
              IntegrationUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${Traced.Arn}/invocations
          Connect:
            Type: AWS::ApiGatewayV2::Route
            Properties: { ApiId: !Ref Web, RouteKey: $connect, Target: !Sub "integrations/${Calls}" }
          Default:
            Type: AWS::ApiGatewayV2::Route
            Properties:
              ApiId: !Ref Web
              RouteKey: $default
              Target: !Sub integrations/${Calls}
              RouteResponseSelectionExpression: $default
          Answer:
            Type: AWS::ApiGatewayV2::RouteResponse
            Properties: { ApiId: !Ref Web, RouteId: !Ref Default, RouteResponseKey: $default }
          Live:
            Type: AWS::ApiGatewayV2::Stage
            Properties: { ApiId: !Ref Web, StageName: live, AutoDeploy: true }
          Allowed:
            Type: AWS::Lambda::Permission
            Properties:
              FunctionName: !Ref Traced
              Action: lambda:InvokeFunction
              Principal: apigateway.amazonaws.com
          Places:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: places
              Runtime: nodejs20.x
              Handler: index.handler
              CodeUri: ./places
              Environment: { Variables: { REST: !Ref ServerlessRestApi, WEB: !Ref Web } }
        """

    @Test("a place for traces that is of no use is refused")
    func tracingFlags() throws {
        for (flags, status) in [
            (["--xray-daemon", "nowhere"], 64), (["--xray-daemon", "127.0.0.1:0"], 64),
            (["--xray-daemon", "127.0.0.1:2000", "--xray-file", "x"], 64),
            (["--xray-file", "/nowhere/at/all"], 1),
        ] as [([String], Int32)] {
            let ports = ["--https-port", "0", "--http-port", "0", "--api-port", "0"]
            let run = try CommandRun(["up"] + flags + ports, in: try CommandRun.folder()).finish()
            #expect(run.status == status, "\(flags): \(run.errors)")
            #expect(run.errors.contains("--xray-"))
        }
    }

    @Test("portico logs shows lines of all, of a function, of an edge, and as JSON")
    func logs() throws {
        let node = try node()
        #expect(try node.get("/somewhere").body == "hook")
        let event = node.folder.appendingPathComponent("event.json").path
        #expect(try verb(["invoke", "Teller", "--event", event], of: node).status == 0)
        let all = try verb(["logs"], of: node)
        #expect(all.status == 0)
        #expect(all.output.contains("told directly"))
        #expect(all.output.contains("hooked /somewhere"))
        for name in ["hook", "Hook", "/aws/lambda/us-east-1.hook"] {
            let lines = try verb(["logs", name], of: node).output
            #expect(lines.contains("@iad] "), "\(name): \(lines)")
            #expect(lines.contains("hooked /somewhere") && !lines.contains("told"))
        }
        let edge = try verb(["logs", "--edge", "iad", "--filter", "hooked"], of: node).output
        #expect(edge.split(separator: "\n").count == 1, "\(edge)")
        let json = try verb(["logs", "teller", "--filter", "told", "--json"], of: node).output
        let line = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        )
        #expect(line["group"] as? String == "/aws/lambda/teller")
        #expect((line["message"] as? String)?.contains("told directly") == true)
        #expect(line["requestId"] is String && line["timestamp"] is Int)
        #expect(try verb(["logs", "teller", "--since", "0s"], of: node).output == "")
        #expect(try verb(["logs", "teller", "--since", "1h"], of: node).output.contains("told"))
    }

    @Test("portico logs -f shows lines as they come, and ends when the node is gone")
    func follow() throws {
        let node = try node()
        let follower = try CommandRun(
            [
                "logs", "teller", "-f", "--filter", "told", "--api-port",
                String(try node.port("api")),
            ],
            in: try CommandRun.folder()
        )
        for name in ["event.json", "again.json"] {
            let event = node.folder.appendingPathComponent(name).path
            _ = try verb(["invoke", "teller", "--event", event], of: node)
        }
        let text = follower.readOutput(until: "told again\n")
        #expect(text.contains("told directly\n"))
        _ = node.stop()
        let end = follower.finish()
        #expect(end.status == 1)
        #expect(end.output.components(separatedBy: "told ").count == 3, "\(end.output)")
        #expect(end.errors.contains("is a node running there?"))
    }

    @Test("portico logs says what is not there, and what is")
    func errors() throws {
        let node = try node()
        let event = node.folder.appendingPathComponent("event.json").path
        _ = try verb(["invoke", "teller", "--event", event], of: node)
        let unknown = try verb(["logs", "nobody"], of: node)
        #expect(unknown.status == 1)
        #expect(
            unknown.errors.contains(
                "there is no function or log group 'nobody'; functions: hook, teller; "
                    + "groups: /aws/lambda/teller"
            )
        )
        let edge = try verb(["logs", "--edge", "fra"], of: node)
        #expect(edge.status == 1 && edge.errors.contains("there is no edge 'fra'; edges: iad"))
        let filter = try verb(["logs", "--filter", "a.b"], of: node)
        #expect(filter.status == 1 && filter.errors.contains("Invalid character(s) in term 'a.b'"))
        #expect(try verb(["logs", "--since", "soon"], of: node).status == 64)
        #expect(try verb(["logs", "hook"], of: node).status == 0, "one that has not run is known")
        let nowhere = try CommandRun(["logs", "--api-port", "1"], in: try CommandRun.folder())
            .finish()
        #expect(nowhere.status == 1 && nowhere.errors.contains("is a node running there?"))
    }

    @Test("portico cost counts by function and route, and agrees with the log")
    func cost() throws {
        let node = try node()
        #expect(try verb(["cost"], of: node).output.contains("no function has run yet"))
        #expect(try node.get("/somewhere").body == "hook")
        let event = node.folder.appendingPathComponent("event.json").path
        for _ in 0..<3 { _ = try verb(["invoke", "teller", "--event", event], of: node) }
        let result = try verb(["cost", "--json", "--no-free-tier"], of: node)
        #expect(result.status == 0)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
        )
        let lines = try #require(report["lines"] as? [[String: Any]])
        #expect(lines.count == 2)
        let hook = try #require(lines.first { $0["function"] as? String == "hook" })
        #expect(hook["isAtEdge"] as? Bool == true)
        #expect((hook["route"] as? String)?.hasSuffix(" viewer-request") == true)
        let teller = try #require(lines.first { $0["function"] as? String == "teller" })
        #expect(teller["requests"] as? Int == 3 && teller["route"] as? String == "invoke")
        // The sum of the billed times of the log, at 128 MB.
        let log = try verb(["logs", "teller", "--filter", "REPORT"], of: node).output
        let billed = log.split(separator: "\n").compactMap { line in
            line.firstRange(of: "Billed Duration: ").flatMap { found in
                Double(line[found.upperBound...].prefix { $0.isNumber })
            }
        }
        #expect(billed.count == 3)
        let seconds = try #require(teller["gigabyteSeconds"] as? Double)
        #expect(abs(seconds - billed.reduce(0, +) / 8000) < 1e-9)
        let table = try verb(["cost"], of: node).output
        #expect(table.contains("FUNCTION") && table.contains("Not verified on AWS's page"))
    }

    @Test("portico cost takes other prices, and refuses those that are none")
    func prices() throws {
        let folder = try CommandRun.folder(["broken.json": "{}"])
        let printed = try CommandRun(["cost", "--print-prices"], in: folder).finish()
        #expect(printed.status == 0 && printed.output.contains("0.0000166667"))
        let broken = try CommandRun(
            ["cost", "--prices", "broken.json"],
            in: try CommandRun.folder(["broken.json": "{}"])
        ).finish()
        #expect(broken.status == 1 && broken.errors.contains("the price list cannot be read"))
        let other = try CommandRun(["cost", "--times", "0"], in: try CommandRun.folder()).finish()
        #expect(other.status == 64)
    }
}
