import DataPlane
import Foundation
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct OutcomeTests {
        private static func exit(_ text: String) -> String {
            #"exited {"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 Error: "#
                + text + #""}"#
        }

        @Test("a Node.js process that ends takes only its own invocation with it")
        func nodeEnds() async throws {
            let expected = [
                ("exits", Self.exit("Runtime exited with error: exit status 3")),
                ("exitsQuietly", Self.exit("Runtime exited without providing a reason")),
                ("killed", Self.exit("Runtime exited with error: signal: killed")),
                ("aborts", Self.exit("Runtime exited with error: signal: aborted")),
                ("garbage", Self.exit("Runtime exited with error: signal: killed")),
                ("throwsLater", #"exited {"errorType":"Error","errorMessage":"late","trace":["#),
                (
                    "rejects",
                    #"exited {"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"Error: unseen""#
                ),
            ]
            try await withBench("commonjs") { bench in
                for (name, answer) in expected {
                    let text = await bench.call("faults.\(name)")
                    #expect(text.hasPrefix(answer), "\(name): \(text)")
                }
                let texts = bench.lines.texts
                #expect(
                    texts.contains(
                        "RequestId: id-1 Error: Runtime exited with error: exit status 3"
                    )
                )
                #expect(
                    texts.contains(
                        "RequestId: id-1 Error: Runtime exited with error: exit status 128"
                    )
                )
                #expect(
                    texts.contains(
                        "RequestId: id-1 Error: Runtime exited with error: exit status 129"
                    )
                )
                #expect(texts.count { $0 == "Runtime.ExitError" } == expected.count)
                #expect(
                    texts.contains {
                        $0.contains("\tERROR\tUncaught Exception \t{\"errorType\":\"Error\"")
                    }
                )
                #expect(texts.contains { $0.contains("\tERROR\tUnhandled Promise Rejection \t{") })
                #expect(
                    texts.count { $0.hasSuffix("Status: error\tError Type: Runtime.ExitError\t") }
                        == 7
                )
                #expect(await bench.call("index.promise") == "success 7")
            }
        }

        @Test("what a process printed before it ended is in the log")
        func lastWords() async throws {
            try await withBench("commonjs") { bench in
                _ = await bench.call("faults.logsAndExits")
                #expect(bench.lines.texts.count { $0.contains("\tINFO\tline ") } == 3000)
            }
        }

        @Test("sys.exit ends a Python process in the documented way")
        func pythonExits() async throws {
            try await withBench("python") { bench in
                let text = await bench.call("app.leaves", "4", runtime: "python3.12")
                #expect(text == Self.exit("Runtime exited with error: exit status 4"))
                let quiet = await bench.call("app.leaves", "0", runtime: "python3.12")
                #expect(quiet == Self.exit("Runtime exited without providing a reason"))
            }
        }

        @Test(
            "a function that hangs or talks for ever is stopped at its timeout and its globals are gone",
            arguments: [
                ("faults.hangs", "nodejs20.x", "{\"hang\":1}"),
                ("faults.talks", "nodejs20.x", "{}"),
                ("faults.writes", "nodejs20.x", "{}"), ("app.hangs", "python3.12", "{}"),
                ("app.talks", "python3.12", "{}"),
            ]
        )
        func timeouts(_ handler: String, _ runtime: String, _ payload: String) async throws {
            try await withBench(runtime.hasPrefix("node") ? "commonjs" : "python") { bench in
                let version = bench.version(handler, runtime, timeout: 1)
                let started = ContinuousClock.now
                let late = await bench.call(version, payload).text
                #expect(
                    late == #"timeout {"errorType":"Sandbox.Timedout","errorMessage":"#
                        + #""RequestId: id-1 Error: Task timed out after 1.00 seconds"}"#
                )
                #expect(.now - started < .seconds(6))
                #expect(
                    bench.lines.texts.contains {
                        $0.hasSuffix(" id-1 Task timed out after 1.00 seconds")
                    }
                )
                #expect(bench.lines.texts.contains { $0.hasSuffix("Status: timeout\t") })
                if handler == "faults.hangs" {
                    #expect(await bench.call(version).text == "success 1")
                    #expect(await bench.call(version).text == "success 2")
                }
            }
        }

        @Test("the caller's own limit ends an invocation before the function's timeout does")
        func callersLimit() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("faults.hangs", timeout: 60)
                _ = await bench.call(version)
                let late = await bench.call(version, "{\"hang\":1}") {
                    $0.limit = .milliseconds(250)
                }
                #expect(late.text.contains("Task timed out after 0.25 seconds"), "\(late.text)")
            }
        }

        @Test(
            "a function over its memory is killed and the log says so",
            arguments: [
                ("faults.allocates", "nodejs20.x", 128), ("faults.fillsHeap", "nodejs20.x", 192),
                ("faults.childAllocates", "nodejs20.x", 192), ("app.allocates", "python3.12", 128),
            ]
        )
        func memory(_ handler: String, _ runtime: String, _ megabytes: Int) async throws {
            try await withBench(runtime.hasPrefix("node") ? "commonjs" : "python") { bench in
                let version = bench.version(handler, runtime, timeout: 20) { $0.memory = megabytes }
                let text = await bench.call(version).text
                #expect(
                    text == #"outOfMemory {"errorType":"Runtime.ExitError","errorMessage":"#
                        + #""RequestId: id-1 Error: Runtime exited with error: signal: killed"}"#
                )
                let report = try #require(bench.lines.texts.first { $0.hasPrefix("REPORT ") })
                #expect(report.contains("Memory Size: \(megabytes) MB\tMax Memory Used: "))
            }
        }

        @Test(
            "answers up to 6,291,556 bytes pass, larger ones fail and leave the environment usable"
        )
        func answerSize() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("faults.big") { $0.memory = 1024 }
                let fits = await bench.call(version, "{\"size\":6291556}").text
                #expect(fits.utf8.count == 6_291_556 + "success ".utf8.count)
                let large = await bench.call(version, "{\"size\":6291557}").text
                #expect(
                    large
                        == #"responseTooLarge {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"#
                        + #""Response payload size (6291557 bytes) exceeded maximum allowed payload size "#
                        + #"(6291556 bytes)."}"#
                )
                let huge = await bench.call(version, "{\"size\":20000000}").text
                #expect(huge.contains("Response payload size (20000000 bytes)"))
                let edge = await bench.call(version, "{\"size\":50000}") {
                    $0.maximumResponse = 40960
                }
                #expect(edge.text.hasPrefix("responseTooLarge "))
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 1)
                let failing = bench.version("faults.bigError") { $0.memory = 1024 }
                let error = await bench.call(failing).text
                #expect(error.hasPrefix("responseTooLarge "), "\(error.prefix(200))")
            }
        }

        @Test("processes that a function started end with its environment")
        func processGroup() async throws {
            try await withBench("commonjs") { bench in
                let text = await bench.call("faults.leavesChild")
                let pid = try #require(Int32(text.dropFirst(8)))
                #expect(kill(pid, 0) == 0)
                await bench.invoker.shutdown()
                #expect(await ended(pid))
            }
        }

        /// Waits until a process that is not ours to await is gone or a zombie of the system's first process.
        private func ended(_ pid: Int32) async -> Bool {
            for _ in 0..<1000 {
                let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
                guard let status, !status.contains(") Z") else { return true }
                await Task.yield()
                usleep(1000)
            }
            return false
        }
    }
}
