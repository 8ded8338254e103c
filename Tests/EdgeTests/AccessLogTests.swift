import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Synchronization
import Telemetry
import Testing
import Testkit

@testable import Edge

/// Access logs as files and lines.
@Suite("Access logs")
struct AccessLogTests {
    static func folder() -> String {
        FileManager.default.temporaryDirectory.path + "/portico-log-\(UUID().uuidString)"
    }

    /// What the files of a folder say, by their names.
    static func read(_ folder: String) throws -> [String: String] {
        var result: [String: String] = [:]
        for name in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String })
            ?? []
        where name.hasSuffix(".gz") {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["gzip", "-dc", folder + "/" + name]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.start()
            let data = pipe.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            result[name] = String(decoding: data, as: UTF8.self)
        }
        return result
    }

    /// One request through a bench whose log is in a folder; the fields of its line by name.
    static func line(
        _ path: String,
        query: String? = nil,
        headers: Headers = [:],
        includesCookies: Bool = false,
        format: AccessLogFormat = .w3c,
        change: (inout Distribution) -> Void = { _ in },
        answer: @escaping @Sendable (RequestHead) -> (ResponseHead, String) = { _ in
            (ResponseHead(status: 200, headers: ["Content-Type": "text/plain"]), "body")
        }
    ) async throws -> [String: String] {
        let folder = folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let distribution = Distribution.sample {
            $0.logging = DistributionLogging(
                bucket: "logs.s3.amazonaws.com",
                prefix: "site/",
                includesCookies: includesCookies
            )
            change(&$0)
        }
        let logs = AccessLogs(format: format)
        let bench = Bench(
            distribution,
            accessLog: logs.log(of: distribution, in: folder),
            origin: answer
        )
        _ = await bench.get(path, query: query, headers: headers)
        logs.flush()
        let files = try read(folder)
        #expect(files.count == 1)
        let (name, text) = try #require(files.first)
        let expected = /site\/E1\.\d{4}-\d\d-\d\d-\d\d\.[0-9A-F]{8}\.gz/
        #expect(name.wholeMatch(of: expected) != nil, "\(name)")
        let lines = text.split(separator: "\n").map(String.init)
        if format == .json {
            let object = try #require(try JSONValue.parse(lines[0]).object)
            return Dictionary(uniqueKeysWithValues: object.map { ($0.key, $0.value.string ?? "") })
        }
        #expect(lines.count == 3 && lines[0] == "#Version: 1.0")
        let names = lines[1].dropFirst("#Fields: ".count).split(separator: " ").map(String.init)
        let values = lines[2].split(separator: "\t", omittingEmptySubsequences: false).map(
            String.init
        )
        #expect(names.count == 33 && values.count == 33)
        return Dictionary(uniqueKeysWithValues: zip(names, values))
    }

    @Test("a line has its 33 fields with what the request was")
    func fields() async throws {
        let line = try await Self.line(
            "/a b",
            query: "q=1&x=\"",
            headers: [
                "User-Agent": "Mozilla/5.0 (X)", "Cookie": "s=1", "X-Forwarded-For": "10.0.0.1",
            ]
        )
        #expect(line["cs-method"] == "GET" && line["sc-status"] == "200")
        #expect(line["cs-uri-stem"] == "/a%20b" && line["cs-uri-query"] == "q=1&x=%22")
        #expect(line["cs(User-Agent)"] == "Mozilla/5.0%20(X)")
        #expect(
            line["cs(Host)"] == "e1.cloudfront.net" && line["x-host-header"] == "app.localhost:8443"
        )
        #expect(line["cs(Cookie)"] == "-" && line["cs(Referer)"] == "-")
        #expect(
            line["x-edge-result-type"] == "Miss" && line["x-edge-detailed-result-type"] == "Miss"
        )
        #expect(line["x-edge-location"] == "IAD89-P1" && line["cs-protocol"] == "https")
        #expect(line["cs-protocol-version"] == "HTTP/1.1" && line["c-port"] == "5000")
        #expect(line["x-forwarded-for"] == "10.0.0.1" && line["fle-status"] == "-")
        #expect(line["sc-content-type"] == "text/plain")
        #expect(line["time-taken"]?.wholeMatch(of: /\d+\.\d{3}/) != nil)
        #expect(line["date"]?.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil)
    }

    @Test("cookies are there only when they are asked for")
    func cookies() async throws {
        let line = try await Self.line("/", headers: ["Cookie": "s=1"], includesCookies: true)
        #expect(line["cs(Cookie)"] == "s=1")
    }

    @Test("errors are named more exactly")
    func details() async throws {
        let method = try await Self.line("/") { $0.behaviors[0].allowedMethods = ["HEAD"] }
        #expect(method["x-edge-result-type"] == "Error")
        #expect(method["x-edge-detailed-result-type"] == "InvalidRequestMethod")
        let missing = try await Self.line("/", answer: { _ in (ResponseHead(status: 404), "none") })
        #expect(missing["x-edge-result-type"] == "Error" && missing["sc-status"] == "404")
        #expect(missing["x-edge-detailed-result-type"] == "Error")
    }

    @Test("ranges are logged with their ends")
    func ranges() async throws {
        let line = try await Self.line(
            "/",
            headers: ["Range": "bytes=0-1"],
            answer: { _ in
                (ResponseHead(status: 206, headers: ["Content-Range": "bytes 0-1/4"]), "bo")
            }
        )
        #expect(line["sc-range-start"] == "0" && line["sc-range-end"] == "1")
    }

    @Test("the JSON form adds fields of real-time logs")
    func json() async throws {
        let line = try await Self.line("/a b", format: .json)
        #expect(line["cs-uri-stem"] == "/a b" && line["cache-behavior-path-pattern"] == "*")
        #expect(line["timestamp(ms)"].flatMap { Int($0) } != nil && line["asn"] == "-")
        #expect(line["connection-id"] == "-" && line.count == 40)
    }

    @Test("an hour's file grows by members, with one heading")
    func growth() throws {
        let folder = Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let logs = AccessLogs()
        let path = logs.path(folder, "", "E1", hour: "2026-01-31-12")
        for text in ["a\n", "b\n"] {
            logs.append(Array(text.utf8), to: path)
            logs.flush()
        }
        let text = try #require(try Self.read(folder).values.first)
        #expect(text.hasSuffix("a\nb\n") && text.ranges(of: "#Version").count == 1)
    }

    @Test("what waits is bounded, and what is dropped is said")
    func bound() {
        let said = Mutex<[String]>([])
        let logs = AccessLogs { line in said.withLock { $0.append(line) } }
        let line = [UInt8](repeating: 65, count: 1 << 20)
        for _ in 0..<10 { logs.append(line, to: "/dev/null") }
        logs.flush()
        #expect(said.withLock { $0.first }?.contains("2 lines dropped") == true)
    }

    @Test("a folder that cannot be written is complained of")
    func unwritable() {
        let said = Mutex<[String]>([])
        let logs = AccessLogs { line in said.withLock { $0.append(line) } }
        logs.append([65], to: "/proc/none/x.gz")
        logs.flush()
        #expect(said.withLock { $0.first }?.contains("/proc/none/x.gz") == true)
    }
}
