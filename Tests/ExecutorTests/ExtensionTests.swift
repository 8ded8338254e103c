import DataPlane
import Foundation
import JSON
import Model
import Reactor
import Testing

@testable import Executor

extension ProcessTests {
    @Suite("Extensions in a layer")
    struct ExtensionTests {
        private static let layer = Bench.fixtures + "extensions/layer"

        /// A function whose layer holds the extension `watcher`.
        private func version(
            _ bench: Bench,
            _ mode: String = "",
            isProvided: Bool = false,
            timeout: Int = 120,
            variables: [String: String] = [:]
        ) -> FunctionVersion {
            let runtime = isProvided ? "provided.al2023" : "python3.12"
            let handler = isProvided ? "function.handler" : "app.handler"
            return bench.version(handler, runtime, timeout: timeout) {
                $0.layers = [Self.layer]
                $0.environment = ["MODE": mode].merging(variables) { $1 }
            }
        }

        private func patient(_ configuration: inout ExecutorConfiguration) {
            configuration.initLimit = .seconds(120)
            configuration.shutdownStretch = 30
        }

        /// Waits until a line begins so, and gives the rest of it.
        private func line(_ bench: Bench, _ start: String) async -> String {
            await bench.lines.wait { texts in
                texts.first { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
            }
        }

        @Test("an extension registers before static code runs, is told of calls, and of the end")
        func life() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                let version = version(bench)
                for number in 1...2 {
                    let text = await bench.call(version, id: "id-\(number)") {
                        $0.traceID = "Root=1-5"
                    }.text
                    #expect(text.hasPrefix("success {"), "\(text)")
                }
                let arn = "arn:aws:lambda:us-east-1:123456789012:function:app-handler:3"
                #expect(await line(bench, "watcher invoke 1 ") == "id-1 \(arn) Root=1-5 True")
                #expect(await line(bench, "watcher invoke 2 ") == "id-2 \(arn) Root=1-5 True")
                await bench.invoker.shutdown()
                let texts = bench.lines.texts
                #expect(texts.contains("watcher nameless 403 Extension.InvalidExtensionName"))
                #expect(texts.contains("watcher unknown event 403 Extension.InvalidEventType"))
                #expect(
                    texts.contains(
                        #"watcher registered 200 {"functionName":"app-handler","functionVersion":"3","#
                            + #""handler":"app.handler","accountId":"123456789012"}"#
                    )
                )
                #expect(
                    texts.contains(
                        "watcher again 403 State transition from Registered to Registered failed for "
                            + "extension watcher. Error: State transition is not allowed"
                    )
                )
                #expect(texts.contains("watcher variables []"))
                #expect(
                    texts.contains(
                        "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"
                    )
                )
                #expect(texts.contains("watcher shutdown spindown True"))
                #expect(await bench.invoker.processCount == 0)
            }
        }

        @Test("with an extension the runtime is asked to end before it is killed")
        func politeEnd() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                _ = await bench.call(version(bench))
                await bench.invoker.shutdown()
                let texts = bench.lines.texts
                let asked = try #require(texts.firstIndex(of: "runtime got SIGTERM"))
                let told = try #require(texts.firstIndex { $0.hasPrefix("watcher shutdown") })
                #expect(asked < told)
            }
        }

        @Test("a bootstrap's extensions start before it, and see the same /tmp")
        func provided() async throws {
            try await withBench("shell", configure: patient) { bench in
                let text = await bench.call(version(bench, isProvided: true), "{\"n\":1}").text
                #expect(text.hasPrefix("success {\"echo\":{\"n\":1}"), "\(text)")
                #expect(await line(bench, "watcher invoke 1 ").hasPrefix("id-1 "))
                await bench.invoker.shutdown()
                let texts = bench.lines.texts
                let registered = try #require(texts.firstIndex { $0.contains("registered 200") })
                let called = try #require(texts.firstIndex { $0.hasPrefix("called with") })
                #expect(registered < called)
            }
        }

        @Test("layers lie under /opt", .enabled(if: Mounting.isPossible))
        func furnished() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                let text = await bench.call(version(bench)).text
                #expect(text.contains("\"marker\": \"of the layer\""), "\(text)")
            }
        }

        @Test("internal extensions register from static code, not later, and not for the end")
        func inner() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                let text = await bench.call(version(bench, variables: ["INNER": "1"])).text
                #expect(
                    text.contains(
                        #""start": ["403 ShutdownEventNotSupportedForInternalExtension", "200"]"#
                    ),
                    "\(text)"
                )
                #expect(text.contains(#""late": "403 Extension.RegistrationClosed""#), "\(text)")
            }
        }

        @Test(
            "an extension that fails at its start fails the call",
            arguments: [
                ("silent exit", "Extension.Crash", "watcher: exit status 7"),
                ("init error", "Extension.InitError", "watcher: Watcher.NoConfig"),
            ]
        )
        func failedStart(mode: String, type: String, cause: String) async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                let text = await bench.call(version(bench, mode)).text
                #expect(
                    text
                        == #"initFailed {"errorType":"\#(type)","errorMessage":"RequestId: id-1 Error: \#(cause)"}"#
                )
                await bench.invoker.shutdown()
                #expect(await bench.invoker.processCount == 0)
            }
        }

        @Test(
            "an extension that crashes ends the call and the environment; the next call gets another"
        )
        func crash() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                let version = version(bench, "crash")
                for number in 1...2 {
                    let text = await bench.call(version, "{\"sleep\":110}", id: "id-\(number)").text
                    #expect(
                        text
                            == #"exited {"errorType":"Extension.Crash","errorMessage":"#
                            + #""RequestId: id-\#(number) Error: watcher: exit status 9"}"#
                    )
                }
            }
        }

        @Test("a call lasts until its extensions are done, and its timeout covers them")
        func timeout() async throws {
            try await withBench("extensions/python", configure: { $0.initLimit = .seconds(120) }) {
                bench in
                let version = version(bench, "hang", timeout: 15)
                let text = await bench.call(version).text
                // The answer is out before the extension is missed.
                #expect(text.hasPrefix("success {"), "\(text)")
                let report = await line(bench, "REPORT RequestId: id-1")
                #expect(report.contains("Status: timeout"), "\(report)")
            }
        }

        @Test("subscribers get the platform's events, the function's lines and their own")
        func telemetry() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                _ = await bench.call(version(bench, "telemetry")) { $0.traceID = "Root=1-5" }
                #expect(await line(bench, "watcher subscribed ") == "200 \"OK\"")
                let seen = try await bench.lines.wait { texts -> [String: JSONValue]? in
                    var seen: [String: JSONValue] = [:]
                    for text in texts where text.hasPrefix("watcher telemetry {") {
                        let event = try JSONValue.parse(String(text.dropFirst(18)))
                        seen[event["type"]?.string ?? ""] = event["record"]
                    }
                    return seen["platform.report"] == nil || seen["function"] == nil ? nil : seen
                }
                #expect(bench.lines.texts.contains("watcher bad subscription 400 ValidationError"))
                #expect(
                    bench.lines.texts.contains(
                        "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]"
                    )
                )
                #expect(seen["platform.initStart"]?["phase"]?.string == "init")
                #expect(seen["platform.initStart"]?["functionName"]?.string == "app-handler")
                #expect(seen["platform.initRuntimeDone"]?["status"]?.string == "success")
                #expect(seen["platform.initReport"]?["metrics"]?["durationMs"]?.double != nil)
                #expect(seen["platform.extension"]?["events"]?[0]?.string == "INVOKE")
                #expect(seen["platform.telemetrySubscription"]?["types"]?[0]?.string == "platform")
                #expect(seen["platform.start"]?["requestId"]?.string == "id-1")
                #expect(seen["platform.start"]?["tracing"]?["value"]?.string == "Root=1-5")
                #expect(seen["platform.runtimeDone"]?["status"]?.string == "success")
                #expect(seen["platform.report"]?["metrics"]?["memorySizeMB"]?.int == 128)
                #expect(seen["function"]?.string == "function says hello")
                #expect(seen["extension"]?.string != nil)
            }
        }

        @Test("nobody subscribes after the init phase")
        func late() async throws {
            try await withBench("extensions/python", configure: patient) { bench in
                _ = await bench.call(version(bench, "late subscription"))
                #expect(await line(bench, "watcher late ") == "Telemetry.SubscriptionClosed")
            }
        }
    }
}

@Suite("What an extension may say")
struct ExtensionRuleTests {
    @Test("a subscription is read with its defaults")
    func defaults() throws {
        let json = try JSONValue.parse(
            #"""
            {"schemaVersion":"2022-12-13","types":["function"],
             "destination":{"protocol":"HTTP","URI":"http://sandbox:8080/logs?a=b"}}
            """#
        )
        let subscription = try TelemetrySubscription(json)
        #expect(subscription.buffering == TelemetrySubscription.Buffering())
        #expect(subscription.categories == [.function])
        #expect(subscription.destination == .http(port: 8080, path: "/logs?a=b"))
    }

    @Test(
        "a subscription with a mistake is refused by its name",
        arguments: [
            (#"{"schemaVersion":"1","types":["platform"]}"#, "schemaVersion"),
            (#"{"types":["x"]}"#, "types"), (#"{"types":[]}"#, "types"),
            (#"{"buffering":{"maxItems":999}}"#, "maxItems"),
            (#"{"buffering":{"maxBytes":1048577}}"#, "maxBytes"),
            (#"{"buffering":{"timeoutMs":"1"}}"#, "timeoutMs"),
            (#"{"destination":{"protocol":"HTTP","URI":"http://example.com"}}"#, "destination.URI"),
            (#"{"destination":{"protocol":"HTTP","URI":"https://sandbox"}}"#, "destination.URI"),
            (#"{"destination":{"protocol":"TCP"}}"#, "destination.port"),
            (#"{"destination":{"protocol":"UDP"}}"#, "destination.protocol"),
        ]
    )
    func mistakes(change: String, name: String) throws {
        var json = try #require(
            try JSONValue.parse(
                #"""
                {"schemaVersion":"2022-12-13","types":["platform"],
                 "destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:80"}}
                """#
            ).object
        )
        for member in try #require(try JSONValue.parse(change).object) {
            json[member.key] = member.value
        }
        do throws(TelemetrySubscription.Refusal) {
            _ = try TelemetrySubscription(.object(json))
            Issue.record("it was taken")
        } catch {
            #expect(error.message.hasPrefix(name) || error.message.hasPrefix("buffering." + name))
        }
    }

    @Test("the order of an extension's calls is Lambda's")
    func order() {
        var state = ExtensionState.started
        let steps: [(ExtensionState.Event, Bool)] = [
            (.next, false), (.initError, false), (.register, true), (.register, false),
            (.next, true), (.initError, false), (.given, true), (.given, false), (.next, true),
            (.exitError, true), (.next, false), (.exit, true), (.exit, false),
        ]
        for (event, isLegal) in steps { #expect(state.apply(event) == isLegal, "\(event)") }
        #expect(state == .exited)
    }

    @Test("the shutdown phase lasts as long as its extensions allow")
    func shutdown() {
        let external = ShutdownPlan(hasExternal: true, isEmpty: false, reason: .spindown)
        #expect(external.whole == .seconds(2) && external.runtime == .milliseconds(600))
        let inner = ShutdownPlan(hasExternal: false, isEmpty: false, reason: .spindown)
        #expect(inner.whole == .milliseconds(500) && inner.runtime == .milliseconds(150))
        let failed = ShutdownPlan(hasExternal: true, isEmpty: false, reason: .failure)
        #expect(failed.whole == .seconds(2) && failed.runtime == .zero)
        let none = ShutdownPlan(hasExternal: false, isEmpty: true, reason: .spindown)
        #expect(none.whole == .zero && none.runtime == .zero)
    }
}
