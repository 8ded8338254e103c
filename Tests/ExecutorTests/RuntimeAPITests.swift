import DataPlane
import Foundation
import JSON
import Model
import Reactor
import Testing
import Testkit

@testable import Executor

extension ProcessTests {
    @Suite
    struct RuntimeAPITests {
        private func version(
            _ bench: Bench,
            _ handler: String,
            timeout: Int = 10
        ) -> FunctionVersion {
            TestedRuntime.nodeOwnClient.version(bench, "protocol.\(handler)", timeout: timeout)
        }

        @Test("calls out of order are refused with Lambda's status and text")
        func order() async throws {
            let wrongID =
                #"success [400,{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}]"#
            let transition = "failed for runtime. Error: State transition is not allowed"
            try await withBench("both") { bench in
                #expect(await bench.call(version(bench, "wrongId")).text == wrongID)
                #expect(await bench.call(version(bench, "twice")).text == "success \"first\"")
                #expect(
                    await bench.call(version(bench, "lateInitError")).text
                        == "success [403,\"State transition from Running to InitError \(transition)\"]"
                )
                #expect(
                    await bench.call(version(bench, "routes")).text
                        == "success [404,405,405,404,\"application/json\"]"
                )
                let again = await bench.call(version(bench, "redelivers"), "{\"a\":1}").text
                #expect(again == "success [true,{\"a\":1}]")
                await bench.invoker.shutdown()
                #expect(
                    bench.lines.texts.contains(
                        "second 403 State transition from RuntimeResponseSentState to InvocationResponse "
                            + transition
                    )
                )
            }
        }

        @Test("an unknown response mode is refused and the invocation fails")
        func mode() async throws {
            try await withBench("both") { bench in
                let text = await bench.call(version(bench, "badMode")).text
                #expect(text.hasPrefix(#"exited {"errorType":"Runtime.InvalidResponseModeHeader""#))
                #expect(bench.lines.texts.contains("mode 400 InvalidFunctionResponseMode"))
            }
        }

        @Test("an error's cause may fill a header of a mebibyte, or ride in the body")
        func causes() async throws {
            try await withBench("both") { bench in
                let text = await bench.call(version(bench, "largeCause")).text
                #expect(text == #"handled {"errorType":"E"}"#)
                let cause = await bench.call(version(bench, "cause")).text
                #expect(cause == #"handled {"errorMessage":"m","errorType":"T","stackTrace":[]}"#)
                await bench.invoker.shutdown()
                #expect(bench.lines.texts.contains("cause 202"))
            }
        }

        @Test("a streamed answer is collected for a plain call, and its late error fails it")
        func collectedStream() async throws {
            try await withBench("both") { bench in
                let version = version(bench, "streams")
                #expect(await bench.call(version).text == "success one two")
                for event in ["{\"late\":1}", "{\"late\":1,\"two\":1}"] {
                    let late = await bench.call(version, event).text
                    #expect(
                        late == #"handled {"errorType":"Error","errorMessage":"late","trace":[]}"#
                    )
                }
            }
        }

        @Test("a streamed answer reaches a streaming caller piece by piece, from either transport")
        func stream() async throws {
            try await withBench("both") { bench in
                let version = version(bench, "streams")
                #expect(await bench.streamed(version) == "text/x-parts|one two|")
                #expect(
                    await bench.streamed(version, "{\"late\":1}")
                        == #"text/x-parts|one two|{"errorType":"Error","errorMessage":"late","trace":[]}"#
                )
                let buffered = TestedRuntime.nodeOwnClient.version(bench, "app.echo")
                #expect(await bench.streamed(buffered, "5") == "success 5")
            }
            try await withBench("commonjs") { bench in
                let streamed = await bench.streamed(bench.version("index.stream"))
                #expect(streamed == "application/octet-stream|one two|")
            }
        }

        @Test("work after the answer keeps the environment busy but not the caller waiting")
        func worksOn() async throws {
            try await withBench("both") { bench in
                let version = version(bench, "worksOn")
                _ = await bench.call(version, "{\"milliseconds\":0}")
                let started = ContinuousClock.now
                let text = await bench.call(version, "{\"milliseconds\":600}").text
                #expect(text == "success \"early\"")
                #expect(.now - started < .milliseconds(500))
            }
        }

        @Test("a shell script as bootstrap runs with the loop of the documentation")
        func shell() async throws {
            try await withBench("shell") { bench in
                let version = bench.version("function.handler", "provided.al2023")
                let root = Bench.fixtures + "shell"
                for number in 1...2 {
                    let text = await bench.call(version, "{\"n\":\(number)}").text
                    #expect(
                        text
                            == "success {\"echo\":{\"n\":\(number)},\"args\":1,\"root\":\"\(root)\"}"
                    )
                }
                #expect(bench.lines.texts.contains("called with {\"n\":2}"))
            }
        }

        @Test("a compiled program as bootstrap runs", .timeLimit(.minutes(15)))
        func compiled() async throws {
            let source = Bench.fixtures + "swift/bootstrap.swift"
            try await withBench(files: ["note": ""]) { bench in
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
                process.arguments = ["swiftc", source, "-o", bench.root + "/code/bootstrap"]
                try process.start()
                process.waitUntilExit()
                try #require(process.terminationStatus == 0)
                let version = bench.version("any", "provided.al2023")
                #expect(await bench.call(version, "[1]").text == #"success {"swift":[1]}"#)
                #expect(await bench.call(version, "[2]").text == #"success {"swift":[2]}"#)
            }
        }

        @Test("a missing or not executable bootstrap is an invalid entry point")
        func missing() async throws {
            try await withBench(files: ["bootstrap": "#!/bin/sh\nexit 3\n"]) { bench in
                let version = bench.version("any", "provided.al2023")
                let text = await bench.call(version).text
                #expect(text.hasPrefix(#"initFailed {"errorType":"Runtime.InvalidEntrypoint""#))
                #expect(text.contains("Couldn't find valid bootstrap(s)"))
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/code/bootstrap"
                )
                let ends = await bench.call(version).text
                #expect(
                    ends.contains("RequestId: id-1 Error: Runtime exited with error: exit status 3")
                )
            }
        }

        @Test("layers lie in the paths of each runtime and may bring the bootstrap")
        func layers() async throws {
            let files = [
                "layer/bootstrap": "#!/bin/sh\nexec node \"$LAMBDA_TASK_ROOT/client.js\"\n",
                "layer/nodejs/node_modules/shared/index.js": "module.exports = 'from a layer';",
                "layer/python/shared.py": "text = 'from a layer'",
                "code/index.js": "exports.handler = async () => require('shared');",
                "code/app.py": "import shared\ndef handler(e, c): return shared.text",
            ]
            try await withBench(files: ["unused": ""]) { bench in
                for (name, text) in files {
                    let file = URL(fileURLWithPath: "\(bench.root)/\(name)")
                    try FileManager.default.createDirectory(
                        at: file.deletingLastPathComponent(),
                        withIntermediateDirectories: true
                    )
                    try text.write(to: file, atomically: true, encoding: .utf8)
                }
                try FileManager.default.copyItem(
                    atPath: Bench.fixtures + "both/client.js",
                    toPath: bench.root + "/code/client.js"
                )
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/layer/bootstrap"
                )
                for (handler, runtime) in [
                    ("index.handler", "nodejs20.x"), ("app.handler", "python3.12"),
                ] {
                    let version = bench.version(handler, runtime) {
                        $0.layers = [bench.root + "/layer"]
                    }
                    #expect(await bench.call(version).text == "success \"from a layer\"")
                }
                let provided = bench.version("index.handler", "provided.al2023") {
                    $0.layers = [bench.root + "/layer"]
                    $0.environment = ["NODE_PATH": bench.root + "/layer/nodejs/node_modules"]
                }
                #expect(await bench.call(provided).text == "success \"from a layer\"")
            }
        }
    }
}

extension Bench {
    /// Calls a function as a streaming caller: type, body and late error, or the whole answer.
    func streamed(_ version: FunctionVersion, _ payload: String = "{}") async -> String {
        let invoker = invoker
        return await Task(executorPreference: reactors[0]) {
            let invocation = Invocation(
                function: version.qualifiedName,
                payload: Array(payload.utf8)[...],
                requestID: "id-1"
            )
            switch await invoker.stream(invocation) {
            case .whole(let result): return result.text
            case .streamed(let response):
                var text = response.contentType + "|"
                do throws(Fault) {
                    while let piece = try await response.body.read() {
                        text += String(decoding: piece, as: UTF8.self)
                    }
                } catch {}
                return text + "|" + String(decoding: response.error() ?? [], as: UTF8.self)
            }
        }.value
    }
}

@Suite
struct RuntimeStateTests {
    @Test("a runtime moves through the states of the Runtime API and every other order is refused")
    func order() {
        var state = RuntimeState.started
        let good: [RuntimeState.Event] = [
            .next, .assigned, .next, .responseBegins, .bodyComplete, .next, .assigned, .errorBegins,
            .bodyComplete, .next,
        ]
        #expect(good.allSatisfy { state.apply($0) })
        let refused: [(RuntimeState, RuntimeState.Event)] = [
            (.started, .responseBegins), (.ready, .initError), (.running, .initError),
            (.responseSent, .responseBegins), (.response, .next), (.initError, .next),
        ]
        for (start, event) in refused {
            var state = start
            let taken = state.apply(event)
            #expect(!taken && state == start)
        }
    }

    @Test(
        "error types are kept when well formed, else put into their category",
        arguments: [
            ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
            ("Function.Own", "Function.Own"),
            ("Function.own", "Function.Unknown"), ("Function.Own1", "Function.Unknown"),
            ("Unhandled", "Runtime.Unknown"), (nil, "Runtime.Unknown"),
        ]
    )
    func errorTypes(_ header: String?, _ kept: String) {
        #expect(RuntimeBody.errorType(header) == kept)
    }
}
