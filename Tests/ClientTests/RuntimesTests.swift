import Foundation
import Testing
import Testkit

/// Programs that bring their own runtime, each behind every kind of door.
@Suite("Runtimes of their own", .serialized, .timeLimit(.minutes(20)))
struct RuntimesTests {
    /// The functions by path, with the files of each.
    private static let functions: [(name: String, handler: String)] = [
        ("ric", "app.handler"), ("shell", "function.handler"), ("client", "app.handler"),
        ("compiled", "any"),
    ]
    private static let fixtures = RunningNode.root.appendingPathComponent(
        "Tests/Fixtures/functions"
    )

    /// An interpreter, and the folder of packages where it finds AWS's runtime client.
    ///
    /// The packages go into the function's folder, as they do into a deployment package: an environment of
    /// Python's own may lie where workers see nothing, in `/tmp`.
    private static let python: (program: String, packages: String)? = {
        let own = RunningNode.root.appendingPathComponent(".runtime-client/bin/python3").path
        let script = """
            import awslambdaric, os, sys
            print(getattr(sys, "_base_executable", sys.executable))
            print(os.path.dirname(os.path.dirname(awslambdaric.__file__)))
            """
        for program in [own, "/usr/bin/python3"] {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = ["-c", script]
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            guard (try? process.start()) != nil else { continue }
            let said = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            let lines = String(decoding: said, as: UTF8.self).split(separator: "\n")
            guard process.terminationStatus == 0, lines.count == 2 else { continue }
            return (String(lines[0]), String(lines[1]))
        }
        return nil
    }()

    /// The parts of the runtime client and what it imports.
    private static func packages() throws -> [String] {
        guard let python else { return [] }
        let parts = ["awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"]
        return try FileManager.default.contentsOfDirectory(atPath: python.packages)
            .filter { name in
                !name.hasSuffix("-info") && parts.contains { name.hasPrefix($0) }
            }
    }

    private static var available: [(name: String, handler: String)] {
        functions.filter { $0.name != "ric" || python != nil }
    }

    private static var template: String {
        var text = "Transform: AWS::Serverless-2016-10-31\nResources:\n"
        for (number, function) in available.enumerated() {
            let title = function.name.capitalized
            text += """
                  \(title):
                    Type: AWS::Serverless::Function
                    Properties:
                      FunctionName: \(function.name)
                      Runtime: provided.al2023
                      Handler: \(function.handler)
                      CodeUri: \(function.name)
                      Timeout: 60
                      FunctionUrlConfig: { AuthType: NONE }
                  \(title)Permission:
                    Type: AWS::Lambda::Permission
                    Properties:
                      Action: lambda:InvokeFunction
                      FunctionName: !Ref \(title)
                      Principal: elasticloadbalancing.amazonaws.com
                  \(title)Targets:
                    Type: AWS::ElasticLoadBalancingV2::TargetGroup
                    Properties:
                      Name: \(function.name)
                      TargetType: lambda
                      Targets: [{ Id: !GetAtt \(title).Arn }]
                  \(title)Rule:
                    Type: AWS::ElasticLoadBalancingV2::ListenerRule
                    Properties:
                      ListenerArn: !Ref Listener
                      Priority: \(number + 1)
                      Conditions: [{ Field: path-pattern, PathPatternConfig: { Values: [/\(function.name)] } }]
                      Actions: [{ Type: forward, TargetGroupArn: !Ref \(title)Targets }]

                """
        }
        return text + """
              Balancer:
                Type: AWS::ElasticLoadBalancingV2::LoadBalancer
                Properties: { Name: runtimes, Type: application }
              Listener:
                Type: AWS::ElasticLoadBalancingV2::Listener
                Properties:
                  LoadBalancerArn: !Ref Balancer
                  Port: 80
                  Protocol: HTTP
                  DefaultActions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '404' } }]
              Site:
                Type: AWS::CloudFront::Distribution
                Properties:
                  DistributionConfig:
                    Enabled: true
                    Origins:
                      - Id: balancer
                        DomainName: !GetAtt Balancer.DNSName
                        CustomOriginConfig: { OriginProtocolPolicy: http-only, OriginReadTimeout: 60 }
                    DefaultCacheBehavior:
                      TargetOriginId: balancer
                      ViewerProtocolPolicy: allow-all
                      CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad

            """
    }

    /// What every function answers, so that every door takes it.
    private static func answer(_ name: String) -> String {
        #"{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"\#(name) was here"}"#
    }

    private static func files() throws -> [String: String] {
        func fixture(_ path: String) throws -> String {
            try String(contentsOf: fixtures.appendingPathComponent(path), encoding: .utf8)
        }
        return [
            "template.yaml": template,
            "ric/bootstrap":
                "#!/bin/sh\nexport PYTHONPATH=\"$LAMBDA_TASK_ROOT\"\n"
                + "exec \(python?.program ?? "python3") -m awslambdaric \"$_HANDLER\"\n",
            "ric/app.py": """
            import json
            def handler(event, context):
                return json.loads('\(answer("ric"))')
            """,
            "shell/bootstrap": try fixture("shell/bootstrap"),
            "shell/function.sh": "handler() { echo '\(answer("shell"))'; }\n",
            "client/bootstrap": "#!/bin/sh\nexec node client.js\n",
            "client/client.js": try fixture("both/client.js"),
            "client/app.js": "exports.handler = async () => (\(answer("client")));\n",
            "compiled/main.swift": try fixture("swift/bootstrap.swift").replacingOccurrences(
                of: #""{\"swift\":\(next.body)}""#,
                with: "#\"\(answer("compiled"))\"#"
            ),
        ]
    }

    private static func folder() throws -> URL {
        let folder = try CommandRun.folder(try files())
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments = [
            "swiftc", folder.appendingPathComponent("compiled/main.swift").path, "-o",
            folder.appendingPathComponent("compiled/bootstrap").path,
        ]
        try compiler.start()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        for name in try packages() {
            try FileManager.default.copyItem(
                atPath: (python?.packages ?? "") + "/" + name,
                toPath: folder.appendingPathComponent("ric/" + name).path
            )
        }
        for name in ["ric", "shell", "client"] {
            let path = folder.appendingPathComponent(name + "/bootstrap").path
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        return folder
    }

    @Test("each answers through Invoke, its URL, a load balancer and a distribution")
    func doors() throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let node = try RunningNode(["up"], in: folder)
        for (name, _) in Self.available {
            let body = "\(name) was here"
            let plain = try node.api(
                "/2015-03-31/functions/\(name)/invocations",
                ["--max-time", "120", "-X", "POST", "-d", "{}"]
            )
            let object = try JSONSerialization.jsonObject(with: Data(plain.body.utf8))
            let members = try #require(object as? [String: Any], "\(plain.body)")
            #expect(plain.status == 200 && members["body"] as? String == body, "\(plain)")

            let shown = try node.api("/2021-10-31/functions/\(name)/url").body
            let url = try #require(
                try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: Any],
                "\(shown)"
            )
            let text = try #require(url["FunctionUrl"] as? String)
            let host = try #require(URL(string: text)?.host)
            for (path, host) in [
                ("/", host), ("/\(name)", "runtimes.elb.localhost"), ("/\(name)", "localhost"),
            ] {
                let answer = try node.get(path, host: host, ["--max-time", "120"])
                #expect(answer.status == 200 && answer.body == body, "\(host)\(path): \(answer)")
                #expect(answer.headers["content-type"] == "text/plain", "\(host)\(path)")
            }
        }
    }
}
