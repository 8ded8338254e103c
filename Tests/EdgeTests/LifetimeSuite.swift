import Foundation
import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

/// A line of `Golden/lifetimes.cases`.
struct LifetimeCase: Sendable, CustomTestStringConvertible {
    var line: String
    var policy = CachePolicy(id: "case")
    var minimum: Int
    var status: Int
    var headers: Headers
    var seconds: Int
    var word: String
    var isAsked: Bool
    var testDescription: String { line }

    init?(_ line: Substring) {
        let parts = line.split(separator: "|").map { String($0.trimmingASCIIWhitespace()) }
        guard parts.count == 8 else { return nil }
        let times = parts[0].split(separator: " ").compactMap { Int($0) }
        guard times.count == 3, let minimum = Int(parts[1]), let status = Int(parts[2]),
            let seconds = Int(parts[6])
        else { return nil }
        self.line = String(line)
        (policy.minTTL, policy.defaultTTL, policy.maxTTL) = (times[0], times[1], times[2])
        self.minimum = minimum
        self.status = status
        self.seconds = seconds
        headers = [:]
        if parts[3] == "tag" { headers.append("ETag", "\"1\"") }
        if parts[4] != "-" { headers.append("Cache-Control", parts[4]) }
        if let expires = Int(parts[5]) {
            headers.append("Expires", HTTPDate.format(1_000_000 + expires))
        }
        let words = parts[7].split(separator: " ")
        word = String(words[0])
        isAsked = words.count > 1
    }

    static let all: [LifetimeCase] = {
        let file = GoldenEventTests.folder.appendingPathComponent("lifetimes.cases")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap {
            LifetimeCase($0)
        }
    }()
}

@Suite("Lifetimes", .timeLimit(.minutes(15)))
struct LifetimeSuite {
    @Test("the second of two equal requests gets what the guide says", arguments: LifetimeCase.all)
    func second(_ line: LifetimeCase) async throws {
        let bench = Bench(
            .sample(policy: line.policy) {
                if line.status >= 400, line.status != 412, line.status != 415 {
                    $0.customErrorResponses = [
                        CustomErrorResponse(
                            errorCode: line.status,
                            errorCachingMinTTL: line.minimum
                        )
                    ]
                }
            }
        ) { head in
            if head.headers.contains("if-none-match") {
                return (ResponseHead(status: 304, headers: line.headers), "")
            }
            return (ResponseHead(status: line.status, headers: line.headers), "x")
        }
        let first = try #require(await bench.get("/a"))
        #expect(first.status == line.status)
        bench.advance(line.seconds)
        let second = try #require(await bench.get("/a"))
        #expect(second.status == line.status)
        #expect(second.cache == "\(line.word) from cloudfront")
        #expect(bench.origin.count == (line.isAsked ? 2 : 1))
    }

    @Test("the file holds at least 300 cases, each of which can be read")
    func count() throws {
        let file = GoldenEventTests.folder.appendingPathComponent("lifetimes.cases")
        let text = try String(contentsOf: file, encoding: .utf8)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(LifetimeCase.all.count == lines.count)
        #expect(lines.count >= 300)
    }
}
