import DataPlane
import Foundation
import JSON
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct PythonFunctionTests {
        private let runtime = "python3.12"

        @Test("packages in the folder, nested modules and nested handlers import")
        func packages() async throws {
            try await withBench("python") { bench in
                let text = await bench.call("app.handler", "{\"a\":4}", runtime: runtime)
                #expect(text == #"success {"doubled": 8, "answer": 42, "file": "app.py"}"#)
                #expect(await bench.call("dir/app.get", runtime: runtime) == "success \"nested\"")
                #expect(await bench.call("dir.app.get", runtime: runtime) == "success \"nested\"")
            }
        }

        @Test("the context object is complete")
        func context() async throws {
            try await withBench("python") { bench in
                let version = bench.version("app.context", runtime)
                let text = await bench.call(version) {
                    $0.clientContext =
                        #"{"client":{"app_title":"t"},"custom":{"a":1},"env":{"b":2}}"#
                    $0.identity = #"{"cognitoIdentityId":"i"}"#
                    $0.arn = "arn:aws:lambda:us-east-1:123456789012:function:app-context:live"
                }.text
                let context = try JSONValue.parse(String(text.dropFirst(8)))
                #expect(context["aws_request_id"] == "id-1")
                #expect(context["function_name"] == "app-context")
                #expect(context["function_version"] == "3")
                #expect(context["memory_limit_in_mb"] == "128")
                #expect(context["log_group_name"] == "/aws/lambda/app-context")
                #expect(context["invoked_function_arn"]?.string?.hasSuffix(":live") == true)
                #expect(context["identity"] == "i")
                #expect(context["client"] == [["a": 1], ["b": 2], "t"])
                #expect(try #require(context["remaining"]?.int) > 5000)
                let bad = await bench.call(version) { $0.clientContext = "{" }.text
                #expect(bad.contains("Runtime.LambdaContextUnmarshalError"))
            }
        }

        @Test("the environment holds the reserved variables and the function's own")
        func environment() async throws {
            try await withBench("python") { bench in
                let all = try await bench.document("app.environment", runtime: runtime)
                #expect(all["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12")
                #expect(all["_HANDLER"] == "app.environment")
                #expect(all["GREETING"] == "hej \"du\"")
                #expect(all["TZ"] == ":UTC")
                #expect(all["HOME"] == nil)
            }
        }

        @Test("a function writes to /tmp, keeps its globals and answers bytes as they are")
        func work() async throws {
            try await withBench("python") { bench in
                let text = await bench.call("app.scratch", "{\"text\":\"å\"}", runtime: runtime)
                #expect(text == #"success {"text": "å", "folder": true}"#)
                #expect(await bench.call("app.count", runtime: runtime) == "success 1")
                #expect(await bench.call("app.count", runtime: runtime) == "success 2")
                #expect(await bench.call("app.raw", runtime: runtime) == "success \u{1}\u{2}")
                #expect(await bench.call("app.forks", runtime: runtime) == "success \"parent\"")
            }
        }

        @Test("errors have Lambda's keys in Lambda's order")
        func errors() async throws {
            try await withBench("python") { bench in
                let number = try line(of: "ValueError(\"bad\")")
                let failing = await bench.call("app.failing", runtime: runtime)
                #expect(
                    failing == #"handled {"errorMessage": "bad", "errorType": "ValueError", "#
                        + #""requestId": "id-1", "stackTrace": ["  File \""#
                        + Bench.fixtures
                        + #"python/app.py\", line \#(number), in failing\n"#
                        + #"    raise ValueError(\"bad\")\n"]}"#
                )
                let set = await bench.call("app.unserialisable", runtime: runtime)
                #expect(set.contains("Runtime.MarshalError"))
                #expect(set.contains("Object of type set is not JSON serializable"))
                let input = await bench.call("app.handler", "{", runtime: runtime)
                #expect(input.contains("Runtime.UnmarshalError"))
            }
        }

        private func line(of text: String) throws -> Int {
            let source = try String(
                contentsOfFile: Bench.fixtures + "python/app.py",
                encoding: .utf8
            )
            let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
            return try #require(lines.firstIndex { $0.contains(text) }) + 1
        }
    }
}
