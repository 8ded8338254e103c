import DataPlane
import JSON
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct NodeFunctionTests {
        @Test("CommonJS handlers settle in every way that Node.js 20 functions may")
        func conventions() async throws {
            let expected = [
                ("async", #"success {"got":3,"doubled":6,"greeting":"hello you"}"#),
                ("callback", "success 3"), ("callbackTwice", "success \"first\""),
                (
                    "callbackError",
                    #"handled {"errorType":"RangeError","errorMessage":"refused","trace":["#
                ),
                (
                    "callbackText",
                    #"handled {"errorType":"string","errorMessage":"plain text","trace":[]}"#
                ),
                ("succeed", "success \"done\""), ("done", "success [1]"),
                ("fail", #"handled {"errorType":"Error","errorMessage":"failed","trace":["#),
                ("promise", "success 7"), ("returned", "success null"), ("nothing", "success null"),
                ("thrown", #"handled {"errorType":"TypeError","errorMessage":"no","trace":["#),
                ("thrownText", #"handled {"errorType":"string","errorMessage":"oops","trace":[]}"#),
                (
                    "neverSettles",
                    #"handled {"errorType":"Runtime.NodeJsExit","errorMessage":"The Lambda"#
                ),
                (
                    "cycle",
                    #"handled {"errorType":"Error","errorMessage":"Unable to stringify response body""#
                ),
                ("stream", "success one two"),
            ]
            try await withBench("commonjs") { bench in
                for (name, answer) in expected {
                    let text = await bench.call("index.\(name)", "{\"a\":3}")
                    #expect(text.hasPrefix(answer), "\(name): \(text)")
                }
            }
        }

        @Test("a callback's answer waits for the event loop unless the function says otherwise")
        func emptyEventLoop() async throws {
            try await withBench("commonjs") { bench in
                let late = await bench.call("index.waits", "{\"wait\":true}")
                #expect(late == #"success {"value":"late"}"#)
                let early = await bench.call("index.waits", "{\"wait\":false}")
                #expect(early == #"success {"value":"early"}"#)
            }
        }

        @Test(
            "Node.js 24 functions return values, have no callbacks and are refused when they declare one"
        )
        func modernSemantics() async throws {
            try await withBench("commonjs") { bench in
                #expect(await bench.call("index.returned", runtime: "nodejs24.x") == "success 5")
                let refused = await bench.call("index.callback", runtime: "nodejs24.x")
                #expect(
                    refused.hasPrefix(
                        #"initFailed {"errorType":"Runtime.CallbackHandlerDeprecated""#
                    )
                )
                let context = try await bench.document("index.context", runtime: "nodejs24.x")
                let keys = context["keys"]?.array?.compactMap(\.string)
                #expect(keys?.contains("done") == false)
                #expect(keys?.contains("xRayTraceId") == true)
            }
        }

        @Test("ECMAScript modules load with top-level await, relative imports and packages")
        func modules() async throws {
            try await withBench("esm") { bench in
                let text = await bench.call("index.handler", "{\"a\":1}")
                #expect(text == #"success {"sum":102,"dual":"imported"}"#)
                #expect(await bench.call("src/app.get", "{\"a\":1}") == "success 2")
            }
        }

        @Test("handlers lie in nested folders and behind nested exports")
        func nested() async throws {
            try await withBench("commonjs") { bench in
                #expect(await bench.call("dir/deep/app.api.get", "{\"a\":4}") == "success 8")
            }
        }

        @Test("the context object has every member of Node.js 20 in Lambda's order")
        func context() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("index.context")
                let text = await bench.call(version) {
                    $0.clientContext = #"{"custom":{"a":1}}"#
                    $0.identity = #"{"cognitoIdentityId":"i"}"#
                }.text
                let context = try JSONValue.parse(String(text.dropFirst(8)))
                #expect(
                    context["keys"]?.array?.compactMap(\.string) == [
                        "callbackWaitsForEmptyEventLoop", "succeed", "fail", "done",
                        "functionVersion",
                        "functionName", "memoryLimitInMB", "logGroupName", "logStreamName",
                        "clientContext", "identity", "invokedFunctionArn", "awsRequestId",
                        "tenantId",
                        "getRemainingTimeInMillis",
                    ]
                )
                #expect(context["functionName"]?.string == "index-context")
                #expect(context["functionVersion"]?.string == "3")
                #expect(context["memoryLimitInMB"]?.string == "128")
                #expect(context["logGroupName"]?.string == "/aws/lambda/index-context")
                #expect(context["logStreamName"]?.string?.contains("/[3]") == true)
                #expect(context["awsRequestId"]?.string == "id-1")
                #expect(
                    context["invokedFunctionArn"]?.string
                        == "arn:aws:lambda:us-east-1:123456789012:function:index-context:3"
                )
                #expect(context["clientContext"]?["custom"]?["a"] == 1)
                #expect(context["identity"]?["cognitoIdentityId"] == "i")
                #expect(try #require(context["remaining"]?.int) > 5000)
            }
        }

        @Test(
            "the environment holds the reserved variables and the function's own, and nothing else of ours"
        )
        func environment() async throws {
            try await withBench("commonjs") { bench in
                let all = try await bench.document("index.environment")
                let expected = [
                    "_HANDLER": "index.environment", "AWS_REGION": "us-east-1",
                    "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x",
                    "AWS_LAMBDA_FUNCTION_NAME": "index-environment",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "3",
                    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/index-environment",
                    "LAMBDA_TASK_ROOT": Bench.fixtures + "commonjs",
                    "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC", "LANG": "en_US.UTF-8",
                    "GREETING": "hej \"du\"",
                ]
                for (name, value) in expected { #expect(all[name]?.string == value, "\(name)") }
                for name in [
                    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PATH",
                ] {
                    #expect(all[name]?.string?.isEmpty == false, "\(name)")
                }
                #expect(all["HOME"] == nil)
                #expect(all["AWS_LAMBDA_MAX_CONCURRENCY"] == nil)
            }
        }

        @Test("the trace header is in the environment for one invocation")
        func trace() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("index.trace")
                let traced = await bench.call(version) { $0.traceID = "Root=1-2-3" }
                #expect(traced.text == "success \"Root=1-2-3\"")
                #expect(await bench.call(version).text == "success null")
            }
        }

        @Test("a function writes to /tmp and starts in its code folder")
        func scratch() async throws {
            try await withBench("commonjs") { bench in
                let text = await bench.call("index.scratch", "{\"text\":\"å\"}")
                #expect(text == #"success {"text":"å","folder":true,"temporary":"/tmp"}"#)
            }
        }

        @Test("the event's bytes arrive as sent and an environment keeps its globals")
        func warm() async throws {
            try await withBench("commonjs") { bench in
                #expect(await bench.call("index.count") == "success 1")
                #expect(await bench.call("index.count") == "success 2")
                let broken = await bench.call("index.count", "{")
                #expect(broken.hasPrefix(#"handled {"errorType":"SyntaxError""#))
            }
        }
    }
}
