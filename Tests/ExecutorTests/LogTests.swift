import DataPlane
import Foundation
import JSON
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct LogTests {
        @Test("Node.js output carries time, request id and level, in order, between START and END")
        func nodeText() async throws {
            try await withBench("commonjs") { bench in
                _ = await bench.call("index.logs")
                let lines = bench.lines.texts
                let start = try #require(lines.firstIndex(of: "START RequestId: id-1 Version: 3"))
                let end = try #require(lines.firstIndex(of: "END RequestId: id-1"))
                let own = lines[(start + 1)..<end]
                let tails = own.compactMap { line in
                    line.range(of: "Z\tid-1\t").map { String(line[$0.upperBound...]) }
                }
                #expect(
                    tails == [
                        "INFO\tplain { a: 1 }", "INFO\ttwo\rlines", "WARN\tcareful", "ERROR\tseen",
                        "DEBUG\tdetail",
                    ]
                )
                #expect(own.contains("raw out"))
                #expect(own.contains("raw error"))
                #expect(bench.lines.lines[start...end].allSatisfy { $0.requestID == "id-1" })
            }
        }

        @Test("Python output carries what print and logging write, and that of other programs")
        func pythonText() async throws {
            try await withBench("python") { bench in
                _ = await bench.call("app.logs", "1", runtime: "python3.12")
                _ = await bench.call("app.failing", runtime: "python3.12")
                let lines = bench.lines.texts
                for line in ["printed 1", "no end", "to stderr", "from a shell"] {
                    #expect(lines.contains(line), "\(line)")
                }
                #expect(
                    lines.contains {
                        $0.hasPrefix("[INFO]\t2") && $0.hasSuffix("Z\tid-1\tinformed")
                    }
                )
                #expect(!lines.contains { $0.contains("hidden") })
                #expect(
                    lines.contains {
                        $0.hasPrefix(
                            "[ERROR] ValueError: bad\rTraceback (most recent call last):\r\u{a0}\u{a0}File"
                        )
                    }
                )
                #expect(
                    bench.lines.lines.allSatisfy {
                        $0.function.isEmpty || $0.text.hasPrefix("INIT_")
                            || $0.requestID == "id-1"
                    }
                )
            }
        }

        @Test("REPORT ends in a tabulator, rounds up and names the cold start once")
        func report() async throws {
            try await withBench("commonjs") { bench in
                _ = await bench.call("index.count")
                _ = await bench.call("index.count")
                let reports = bench.lines.texts.filter { $0.hasPrefix("REPORT ") }
                let number = #"\d+\.\d\d ms\t"#
                let first = try Regex(
                    "REPORT RequestId: id-1\tDuration: \(number)Billed Duration: \\d+ ms\tMemory Size: 128 MB\t"
                        + "Max Memory Used: [1-9]\\d* MB\tInit Duration: \(number)"
                )
                #expect(reports[0].wholeMatch(of: first) != nil, "\(reports[0])")
                #expect(!reports[1].contains("Init Duration"))
                #expect(reports[1].hasSuffix(" MB\t"))
            }
        }

        @Test("JSON logging gives records with levels, and the platform's as records too")
        func json() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("index.logs") {
                    $0.logging = FunctionLogging(format: .json, applicationLevel: .warn)
                }
                _ = await bench.call(version)
                let records = bench.lines.texts.compactMap { try? JSONValue.parse($0) }.filter {
                    $0.object != nil
                }
                let own = records.filter { $0["level"] != nil }
                #expect(own.compactMap { $0["level"]?.string } == ["WARN", "ERROR"])
                #expect(own.first?["message"] == "careful")
                #expect(own.first?["requestId"] == "id-1")
                let types = records.compactMap { $0["type"]?.string }
                #expect(types == ["platform.initStart", "platform.start", "platform.report"])
                let report = try #require(records.last?["record"])
                #expect(report["status"] == "success")
                #expect(report["metrics"]?["memorySizeMB"] == 128)
                #expect(report["metrics"]?["initDurationMs"] != nil)
                #expect(!bench.lines.texts.contains { $0.hasPrefix("START ") })
            }
        }

        @Test("Python's JSON logging has the runtime client's keys in its order")
        func pythonJSON() async throws {
            try await withBench("python") { bench in
                let version = bench.version("app.failing_logs", "python3.12") {
                    $0.logging = FunctionLogging(format: .json)
                }
                _ = await bench.call(version)
                let record = try #require(
                    bench.lines.texts.compactMap { try? JSONValue.parse($0) }.first {
                        $0["logger"] != nil
                    }
                )
                #expect(
                    record.object?.keys == [
                        "timestamp", "level", "message", "logger", "stackTrace", "errorType",
                        "errorMessage", "requestId", "location", "order",
                    ]
                )
                #expect(record["level"] == "ERROR")
                #expect(record["errorType"] == "JSONDecodeError")
                #expect(record["order"] == 7)
            }
        }

        @Test(
            "19: an edge writes to the group of the home region and tells the function its own region"
        )
        func edgeGroup() async throws {
            try await withBench("commonjs") { bench in
                let version = bench.version("index.environment")
                let text = await bench.call(version) { $0.edge = "fra" }.text
                let all = try JSONValue.parse(String(text.dropFirst(8)))
                #expect(all["AWS_REGION"] == "eu-central-1")
                #expect(all["AWS_LAMBDA_FUNCTION_NAME"] == "us-east-1.index-environment")
                #expect(all["GREETING"] == nil)
                #expect(
                    bench.lines.lines.allSatisfy {
                        $0.group == "/aws/lambda/us-east-1.index-environment"
                    }
                )
                let own = bench.version("index.count") {
                    $0.logging = FunctionLogging(group: "mine")
                }
                bench.lines.clear()
                _ = await bench.call(own)
                let line = try #require(bench.lines.lines.first)
                #expect(line.group == "mine")
                #expect(line.stream.contains("/index-count[3]"))
            }
        }
    }
}
