import Foundation
import Testing
import Testkit

/// The verbs with what can go wrong, driven as a user does.
@Suite("Command line", .serialized, .timeLimit(.minutes(15)))
struct CommandLineTests {
    static let template = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Plain:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: nodejs22.x
              Handler: index.handler
              CodeUri: ./plain
              AutoPublishAlias: live
              Timeout: 30
          Hook:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: nodejs22.x
              Handler: index.handler
              CodeUri: ./hook
              AutoPublishAlias: live
        \(CommandRun.hookedSite)
        """
    static func hook(_ body: String) -> String {
        "exports.handler = async () => ({ status: '200', headers: {}, body: '\(body)' });\n"
    }
    static let plain = """
        exports.handler = async (event) => {
          console.log('seen', event.a);
          if (event.fail) throw new Error('no');
          if (event.hang) await new Promise((resolve) => setTimeout(resolve, 25000));
          return { twice: event.a * 2 };
        };
        """

    private func stack() throws -> URL {
        try CommandRun.folder([
            "template.yaml": Self.template, "plain/index.js": Self.plain,
            "hook/index.js": Self.hook("one"),
        ])
    }

    @Test(
        "a wrong command line says what is wrong",
        arguments: [
            (["up", "--template", "none.yaml"], 1, "there is no template none.yaml"),
            (["up", "--template", "bad.yaml"], 1, "bad.yaml:2:1: error: "),
            (["up", "--template", "wrong.yaml"], 1, "wrong.yaml:2:3: error: Resources.A: Type is"),
            (["up", "--https-port", "65536"], 64, "65536 is not a port"),
            (["up", "--bind", "here", "--https-port", "0"], 1, "'here' is no address"),
            (["up", "--edges", "a,a"], 64, "--edges takes 1 to"),
            (["up", "--reactors", "0"], 64, "--reactors takes 1 to"),
            (["up", "--parameter", "A", "--template", "good.yaml"], 1, "takes Name=Value"),
            (["up", "--state", "bad.yaml/x"], 1, "cannot make the state folder"),
            (["up", "--log-format", "xml"], 64, "'xml' is invalid"),
            (["up", "--concurrency", "many"], 64, "'many' is invalid"),
            (["validate"], 1, "there is no template template.yaml"),
            (["validate", "--template", "bad.yaml"], 1, "bad.yaml:2:1: error: "),
            (["try", "none.js", "--to", "http://127.0.0.1:9"], 1, "there is no file none.js"),
            (["try", "bad.yaml", "--to", "http://127.0.0.1:9"], 64, "is neither .js, .mjs"),
            (["try", "a.js", "--to", "nowhere"], 64, "--to takes a URL"),
            (
                ["try", "a.js", "--to", "http://a", "--event", "x"], 64,
                "--event takes viewer-request"
            ),
            (["invoke", "f", "--event", "none.json"], 2, "cannot read the event file none.json"),
            (
                ["invoke", "f", "--event", "good.yaml", "--api-port", "9"], 2,
                "is `portico up` running"
            ),
            (["certs"], 1, "`portico up` makes one"),
            (["untrust"], 1, "there is no authority"),
        ]
    )
    func wrongCommandLines(arguments: [String], status: Int, message: String) throws {
        let folder = try CommandRun.folder([
            "bad.yaml": "a: [\n", "wrong.yaml": "Resources:\n  A: {}\n", "good.yaml": "{}",
        ])
        let result = try CommandRun(arguments, in: folder).finish()
        #expect(result.status == Int32(status))
        #expect((result.errors + result.output).contains(message), "\(result)")
    }

    @Test("validate prints a line for each finding and fails unless there are only notes")
    func validate() throws {
        let folder = try stack()
        let fine = try CommandRun(["validate"], in: folder).finish()
        #expect(fine.status == 0)
        #expect(fine.output.contains("template.yaml:3:3: note: Resources.Plain: roles"))
        #expect(fine.output.hasSuffix("template.yaml: 4 resources, 2 functions, no problems\n"))
        let text = Self.template.replacing(
            "ViewerProtocolPolicy: allow-all",
            with: "ViewerProtocolPolicy: allow-all\n          SmoothStreaming: true"
        )
        let second = try CommandRun.folder([
            "template.yaml": text, "plain/index.js": "", "hook/index.js": "",
        ])
        let result = try CommandRun(["validate"], in: second).finish()
        #expect(result.status == 1)
        #expect(
            result.output.contains(
                "template.yaml:30:11: warning: Resources.Site.Properties.DistributionConfig."
                    + "DefaultCacheBehavior.SmoothStreaming: "
            )
        )
    }

    @Test("a function whose snapshot is being made is waited for, and then invoked")
    func pendingSnapshot() throws {
        let folder = try CommandRun.folder([
            "template.yaml": """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Slow:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: python3.12
                  Handler: app.handler
                  CodeUri: ./slow
                  AutoPublishAlias: live
                  SnapStart: { ApplyOn: PublishedVersions }
            """,
            // Static code ends when the file is there, which the test makes once the call has begun to wait.
            "slow/app.py": """
            import os, time
            while not os.path.exists(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "..", "go")): time.sleep(0.02)
            def handler(event, context): return "restored"
            """, "event.json": "{}",
        ])
        let node = try CommandRun.node(["up"], in: folder)
        let port = String(try node.port("api"))
        let call = try CommandRun(
            ["invoke", "Slow:live", "--event", "event.json", "--api-port", port],
            in: folder
        )
        #expect(call.readErrors(until: "is being made").contains("Slow:live"))
        let code = folder.appendingPathComponent(".portico/edges/iad/code/go")
        try Data().write(to: code)
        let result = call.finish()
        #expect(result.status == 0, "\(result)")
        #expect(result.output == "\"restored\"\n")
        _ = node.stop()
    }

    @Test("without a template an empty endpoint starts")
    func emptyEndpoint() throws {
        let folder = try CommandRun.folder()
        let node = try CommandRun.node(["up"], in: folder)
        #expect(try node.get("/").status == 200)
        let result = node.stop()
        #expect(result.status == 0)
        #expect(result.errors.contains("draining"))
    }

    @Test("a taken port and a taken state folder are named, with the flag that helps")
    func takenThings() throws {
        let node = try CommandRun.node(["up"], in: try CommandRun.folder())
        let port = try node.port("https")
        let free = ["--http-port", "0", "--api-port", "0", "--bind", "127.0.0.1"]
        let second = try CommandRun(
            ["up", "--https-port", "\(port)"] + free,
            in: try CommandRun.folder()
        ).finish()
        #expect(second.status == 1)
        #expect(second.errors.contains("port \(port) at 127.0.0.1"))
        #expect(second.errors.contains("--https-port"))
        let state = node.folder.appendingPathComponent(".portico").path
        let third = try CommandRun(
            ["up", "--https-port", "0", "--state", state] + free,
            in: try CommandRun.folder()
        ).finish()
        #expect(third.status == 1)
        #expect(third.errors.contains("another portico has the state folder \(state)"))
    }

    @Test("invoke prints the result, the log and the failure, and its exit code tells")
    func invoke() throws {
        let node = try CommandRun.node(["up"], in: try stack())
        let port = "\(try node.port("api"))"
        func invoke(_ name: String, _ event: String) throws -> CommandRun.Result {
            try CommandRun(
                ["invoke", name, "--event", "-", "--api-port", port],
                in: try CommandRun.folder(),
                input: event
            ).finish()
        }
        for name in ["Plain", "portico-Plain", "Plain:1", "Plain:live"] {
            let fine = try invoke(name, "{\"a\":21}")
            #expect(fine.status == 0 && fine.output == "{\"twice\":42}\n")
        }
        let failed = try invoke("Plain", "{\"fail\":true}")
        #expect(failed.status == 1)
        #expect(failed.output.contains("\"errorMessage\":\"no\""))
        #expect(failed.errors.contains("function error: Unhandled"))
        for (name, event, message) in [
            ("Plain", "x", "InvalidRequestContentException: Could not parse request body"),
            ("Nope", "{}", "ResourceNotFoundException: Function not found"),
            ("Plain:9", "{}", "ResourceNotFoundException: Function not found"),
        ] {
            let refused = try invoke(name, event)
            #expect(refused.status == 2 && refused.output == "")
            #expect(refused.errors.contains(message), "\(refused.errors)")
        }
    }

    @Test("a saved function is live; a broken one and a broken template leave the old one serving")
    func saving() throws {
        let node = try CommandRun.node(["up", "--edges", "iad,fra"], in: try stack())
        #expect(try node.get("/").body == "one")
        try CommandRun.write(Self.hook("two"), to: "hook/index.js", in: node.folder)
        node.readErrors(until: "ms portico-Hook:2")
        for edge in ["iad", "fra"] {
            let answer = try node.get("/", ["-H", "x-portico-edge: \(edge)"])
            #expect(answer.body == "two" && answer.headers["x-portico-edge"] == edge)
        }
        try CommandRun.write(
            "\nexports.handler = async (e => 1;",
            to: "hook/index.js",
            in: node.folder
        )
        let broken = node.readErrors(until: "not deployed, the old version keeps serving")
        #expect(broken.contains("/hook/index.js:2:"), "\(broken)")
        #expect(broken.contains("SyntaxError"))
        #expect(try node.get("/").body == "two")
        // The broken one keeps its version and holds up nobody else.
        try CommandRun.write(Self.plain + "// 2", to: "plain/index.js", in: node.folder)
        #expect(node.readErrors(until: "ms portico-Plain:2").contains("is live"))
        #expect(try node.get("/").body == "two")
        try CommandRun.write(Self.hook("three"), to: "hook/index.js", in: node.folder)
        node.readErrors(until: "ms portico-Hook:3")
        #expect(try node.get("/").body == "three")
        let text = Self.template.replacing("viewer-request", with: "viewer-quest")
        try CommandRun.write(text, to: "template.yaml", in: node.folder)
        let refused = node.readErrors(until: "'viewer-quest' is not allowed here")
        #expect(refused.contains("template.yaml:32:"), "\(refused)")
        #expect(try node.get("/").body == "three")
    }

    @Test("log lines are JSON when asked for")
    func jsonLog() throws {
        let node = try CommandRun.node(["up", "--log-format", "json"], in: try stack())
        _ = try node.get("/")
        node.readErrors(until: "REPORT RequestId")
        let lines = node.stop().errors.split(separator: "\n")
        #expect(lines.count > 3)
        for line in lines {
            let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let members = try #require(value as? [String: String])
            #expect(members["timestamp"]?.hasSuffix("Z") == true && members["message"] != nil)
        }
    }

    @Test("a second SIGTERM ends a draining node at once")
    func secondSignal() throws {
        let node = try CommandRun.node(["up"], in: try stack())
        let call = try CommandRun(
            ["invoke", "Plain", "--event", "-", "--api-port", "\(try node.port("api"))"],
            in: try CommandRun.folder(),
            input: "{\"hang\":true,\"a\":1}"
        )
        node.readErrors(until: "seen 1")
        kill(node.process.processIdentifier, SIGTERM)
        node.readErrors(until: "draining")
        kill(node.process.processIdentifier, SIGTERM)
        #expect(node.finish().status == 128 + SIGTERM)
        #expect(call.finish().status == 2)
    }

    @Test("what the template starts ends with the node, also when that is killed")
    func startedApps() throws {
        let port = Int.random(in: 20_000..<32_000)
        let folder = try CommandRun.folder([
            "template.yaml": """
            Metadata:
              Portico:
                Start:
                  web:
                    Command: echo pid $$ && python3 -m http.server \(port) --bind 127.0.0.1
                    Port: \(port)
            """
        ])
        let node = try CommandRun.node(["up"], in: folder)
        let line = node.readErrors(until: "[web] pid ")
        let pid = try #require(line.split(separator: " ").last)
        kill(node.process.processIdentifier, SIGKILL)
        node.finish()
        let watch = Process()
        watch.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        watch.arguments = ["timeout", "20", "tail", "--pid=\(pid)", "-f", "/dev/null"]
        try watch.start()
        watch.waitUntilExit()
        #expect(watch.terminationStatus == 0)
    }

    @Test("try serves one function in front of an origin, without a template")
    func tryVerb() throws {
        let folder = try CommandRun.folder([
            "f/hook.py": """
            def handler(event, context):
                return {"status": "200", "headers": {}, "body": "python " + context.function_name}
            """
        ])
        let node = try CommandRun.node(
            ["try", "f/hook.py", "--to", "http://127.0.0.1:9", "--event", "origin-request"],
            in: folder
        )
        let answer = try node.get("/")
        #expect(answer.status == 200 && answer.body.hasPrefix("python "))
        #expect(answer.headers["x-cache"] != nil)
    }

    @Test("explain names the rules and routes that lost beside the one that wins")
    func explain() throws {
        let text = """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Balancer: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: b } }
              Listener:
                Type: AWS::ElasticLoadBalancingV2::Listener
                Properties:
                  LoadBalancerArn: !Ref Balancer
                  Protocol: HTTP
                  Port: 80
                  DefaultActions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '404' } }]
              Rule:
                Type: AWS::ElasticLoadBalancingV2::ListenerRule
                Properties:
                  ListenerArn: !Ref Listener
                  Priority: 3
                  Conditions: [{ Field: path-pattern, Values: [/a/*] }]
                  Actions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '200' } }]
            """
        func explain(_ url: String) throws -> CommandRun.Result {
            let folder = try CommandRun.folder(["template.yaml": text])
            return try CommandRun(["explain", "GET", url], in: folder).finish()
        }
        let chosen = try explain("http://b.elb.localhost:8080/a/b")
        #expect(chosen.status == 0, "\(chosen.errors)")
        #expect(chosen.output.contains("priority 3: chosen"), "\(chosen.output)")
        #expect(chosen.output.contains("default: not reached"))
        let other = try explain("http://b.elb.localhost:8080/b")
        #expect(other.output.contains("priority 3: fails"), "\(other.output)")
        #expect(other.output.contains("default: chosen"))
        #expect(try explain("http://other.test/").status == 1)
    }

    @Test("a generated event can be piped into invoke")
    func generatedEvent() throws {
        func generate(_ arguments: [String]) throws -> CommandRun.Result {
            try CommandRun(["event", "generate"] + arguments, in: try CommandRun.folder()).finish()
        }
        let event = try generate(["s3-put", "--bucket", "b", "--key", "a b"])
        #expect(event.status == 0 && event.output.contains("\"key\":\"a+b\""))
        let wrong = try generate(["nothing"])
        #expect(wrong.status == 64 && wrong.errors.contains("cloudwatch-logs"))
    }
}
