import DataPlane
import Foundation
import JSON
import Model
import Testing
import Testkit

@testable import Executor

/// The ways in which a function's process is spoken to; all mean the same to the function.
enum TestedRuntime: String, CaseIterable, Sendable {
    case nodeFrames, nodeOwnClient, pythonFrames, pythonClient

    /// An interpreter that has the runtime client of the Python package index.
    static let pythonWithClient: String? = {
        let root = URL(fileURLWithPath: Bench.fixtures).appendingPathComponent("../../..")
            .standardized.path
        return ["\(root)/.runtime-client/bin/python3", "/usr/bin/python3"].first { program in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = ["-c", "import awslambdaric"]
            process.standardError = FileHandle.nullDevice
            guard (try? process.start()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    }()

    static var available: [TestedRuntime] {
        allCases.filter { $0 != .pythonClient || pythonWithClient != nil }
    }

    var isPython: Bool { self == .pythonFrames || self == .pythonClient }

    func version(
        _ bench: Bench,
        _ handler: String,
        timeout: Int = 10,
        memory: Int = 512
    ) -> FunctionVersion {
        bench.version(handler, isPython ? "python3.12" : "nodejs20.x", timeout: timeout) {
            $0.memory = memory
            switch self {
            case .nodeFrames, .pythonFrames: break
            case .nodeOwnClient:
                $0.runtime = "provided.al2023"
                $0.image = FunctionCommand(entryPoint: ["node", "client.js"], command: [])
            case .pythonClient:
                $0.image = FunctionCommand(
                    entryPoint: [Self.pythonWithClient ?? "python3", "-m", "awslambdaric"],
                    command: [handler]
                )
            }
        }
    }
}

extension ProcessTests {
    @Suite
    struct TransportTests {
        @Test("events and answers pass unchanged", arguments: TestedRuntime.available)
        func echo(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let version = runtime.version(bench, "app.echo")
                for event in ["{}", "[1,2.5,null,\"å\"]", "\"\"", "null"] {
                    let text = await bench.call(version, event).text
                    let answer = try JSONValue.parse(String(text.dropFirst(8)))
                    #expect(answer == (try JSONValue.parse(event)), "\(text)")
                }
                let large = "\"" + String(repeating: "y", count: 3 << 20) + "\""
                #expect(await bench.call(version, large).text == "success " + large)
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 1)
            }
        }

        @Test("the function learns who it is and what calls it", arguments: TestedRuntime.available)
        func identity(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let version = runtime.version(bench, "app.identity")
                let text = await bench.call(version) { $0.traceID = "Root=1-a-b" }.text
                let answer = try JSONValue.parse(String(text.dropFirst(8)))
                #expect(
                    answer == [
                        "id-1", "arn:aws:lambda:us-east-1:123456789012:function:app-identity:3",
                        "app-identity", "3", "512", true, "app.identity", "Root=1-a-b",
                    ]
                )
            }
        }

        @Test(
            "a function's error comes back and its environment stays",
            arguments: TestedRuntime.available
        )
        func error(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let version = runtime.version(bench, "app.fails")
                for _ in 0..<2 {
                    let text = await bench.call(version).text
                    #expect(text.hasPrefix("handled "), "\(text)")
                    let error = try JSONValue.parse(String(text.dropFirst(8)))
                    #expect(error["errorType"] == "TypeError")
                    #expect(error["errorMessage"] == "no")
                }
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 1)
            }
        }

        @Test(
            "a timeout ends the process: globals are gone, files in /tmp stay",
            arguments: TestedRuntime.available
        )
        func timeout(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let file = "/tmp/portico-test-\(UUID().uuidString)"
                let scratch = runtime.version(bench, "app.scratch")
                let written = await bench.call(scratch, "{\"file\":\"\(file)\",\"write\":\"kept\"}")
                    .text
                #expect(written == "success \"kept\"")
                let version = runtime.version(bench, "app.hangs", timeout: 1)
                #expect(await bench.call(version).text == "success 1")
                #expect(await bench.call(version).text == "success 2")
                let late = await bench.call(version, "{\"hang\":true}").text
                #expect(
                    late == #"timeout {"errorType":"Sandbox.Timedout","errorMessage":"#
                        + #""RequestId: id-1 Error: Task timed out after 1.00 seconds"}"#
                )
                #expect(await bench.call(version).text == "success 1")
                let kept = await bench.call(scratch, "{\"file\":\"\(file)\",\"remove\":true}").text
                #expect(kept == "success \"kept\"")
            }
        }

        @Test("a process that ends is reported with its status", arguments: TestedRuntime.available)
        func exit(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let version = runtime.version(bench, "app.exits")
                let failed = await bench.call(version, "{\"status\":9}").text
                #expect(
                    failed.hasSuffix("Runtime exited with error: exit status 9\"}"),
                    "\(failed)"
                )
                let quiet = await bench.call(version, "{\"status\":0}").text
                #expect(quiet.hasSuffix("Runtime exited without providing a reason\"}"), "\(quiet)")
                #expect(bench.lines.texts.contains("Runtime.ExitError"))
            }
        }

        @Test(
            "answers of 6,291,556 bytes pass and one byte more does not",
            arguments: TestedRuntime.available
        )
        func size(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let version = runtime.version(bench, "app.big", memory: 2048)
                let fits = await bench.call(version, "{\"size\":6291556}").text
                #expect(fits.utf8.count == 6_291_556 + "success ".utf8.count, "\(fits.prefix(200))")
                let large = await bench.call(version, "{\"size\":6291557}").text
                #expect(
                    large
                        == #"responseTooLarge {"errorType":"Function.ResponseSizeTooLarge","errorMessage":"#
                        + #""Response payload size (6291557 bytes) exceeded maximum allowed payload size "#
                        + #"(6291556 bytes)."}"#
                )
                #expect(await bench.call(version, "{\"size\":4}").text == "success \"xx\"")
            }
        }

        @Test(
            "a failing import reaches the caller, with a second attempt in the log",
            arguments: TestedRuntime.available
        )
        func initError(_ runtime: TestedRuntime) async throws {
            try await withBench("both") { bench in
                let text = await bench.call(runtime.version(bench, "broken.handler")).text
                #expect(text.hasPrefix("initFailed "), "\(text)")
                let error = try JSONValue.parse(String(text.dropFirst(11)))
                #expect(
                    error["errorType"]?.string == (runtime.isPython ? "ValueError" : "RangeError")
                )
                #expect(error["errorMessage"] == "at import")
                let phases = bench.lines.texts.filter { $0.hasPrefix("INIT_REPORT ") }
                #expect(phases.map { $0.contains("Phase: init") } == [true, false])
            }
        }
    }
}
