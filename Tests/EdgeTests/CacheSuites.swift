import Foundation
import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

/// The lines of a file of cases, split at their bars.
private func cases(_ name: String) -> [(line: String, parts: [String])] {
    let file = GoldenEventTests.folder.appendingPathComponent(name)
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
        let parts = line.split(separator: "|", omittingEmptySubsequences: false)
        return (String(line), parts.map { String($0.trimmingASCIIWhitespace()) })
    }
}

/// A request as cases write it: method, path, query and fields after semicolons.
private struct Asked: Sendable {
    var method = "GET"
    var path: String
    var query: String?
    var headers = Headers()

    init(_ text: String) {
        let parts = text.components(separatedBy: " ; ")
        let words = parts[0].split(separator: " ")
        if words.count > 1 { method = String(words[0]) }
        let target = words.last ?? "/"
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(halves[0])
        query = halves.count > 1 ? String(halves[1]) : nil
        headers = fields(parts.dropFirst())
    }
}

/// Fields as cases write them, `Name: value`.
private func fields(_ parts: some Sequence<String>) -> Headers {
    var headers = Headers()
    for part in parts {
        let pair = part.split(separator: ":", maxSplits: 1)
        guard pair.count == 2 else { continue }
        headers.append(String(pair[0]), String(pair[1].trimmingASCIIWhitespace()))
    }
    return headers
}

/// A line of `Golden/keys.cases`.
struct KeyCase: Sendable, CustomTestStringConvertible {
    var line: String
    var policy = CachePolicy(id: "case")
    var cachesOptions = false
    fileprivate var first: Asked
    fileprivate var second: Asked
    var word: String
    /// The target that reaches the origin the second time; nil when that is not told.
    var target: String?
    var testDescription: String { line }

    fileprivate init?(_ line: String, _ parts: [String]) {
        guard parts.count == 5 else { return nil }
        self.line = line
        (first, second) = (Asked(parts[1]), Asked(parts[2]))
        word = parts[3]
        target = parts[4] == "-" ? nil : parts[4]
        for token in parts[0].split(separator: " ") {
            let pair = token.split(separator: "=")
            let selection = pair.count > 1 ? Self.selection(pair[1]) : .none
            switch pair[0] {
            case "q": policy.queryStrings = selection
            case "c": policy.cookies = selection
            case "h": policy.headers = selection
            case "gzip": policy.acceptsGzip = true
            case "br": policy.acceptsBrotli = true
            case "options": cachesOptions = true
            default: return nil
            }
        }
    }

    private static func selection(_ text: Substring) -> Selection {
        switch text {
        case "none": .none
        case "all": .all
        case _ where text.hasPrefix("-"):
            .allExcept(text.dropFirst().split(separator: ",").map(String.init))
        default: .only(text.split(separator: ",").map(String.init))
        }
    }

    static let all = cases("keys.cases").compactMap { KeyCase($0.line, $0.parts) }
}

/// A line of `Golden/ranges.cases`.
struct RangeCase: Sendable, CustomTestStringConvertible {
    /// When the object was changed last.
    static let modified = HTTPDate.format(900_000)

    var line: String
    var headers: Headers
    var status: Int
    var contentRange: String?
    /// Unit: bytes; nil for a body of several parts.
    var length: Int?
    var testDescription: String { line }

    fileprivate init?(_ line: String, _ parts: [String]) {
        guard parts.count == 4, let status = Int(parts[1]) else { return nil }
        self.line = line
        self.status = status
        let given = parts[0].components(separatedBy: " ; ")
        headers = fields(given.dropFirst().map { $0.replacing(": @", with: ": " + Self.modified) })
        if given[0] != "-" { headers.append("Range", given[0]) }
        contentRange = parts[2] == "-" ? nil : parts[2]
        length = Int(parts[3])
    }

    static let all = cases("ranges.cases").compactMap { RangeCase($0.line, $0.parts) }
}

/// A line of `Golden/encodings.cases`.
struct EncodingCase: Sendable, CustomTestStringConvertible {
    var line: String
    var policy = CachePolicy(id: "case")
    var accepted: String?
    var type: String?
    var size: Int
    var status = 200
    var version = HTTPVersion.http11
    var isOn = true
    var headers = Headers()
    var coding: String?
    /// Nil where there is none to look at, empty where it has to be gone.
    var tag: String?
    var testDescription: String { line }

    fileprivate init?(_ line: String, _ parts: [String]) {
        guard parts.count == 6, let size = Int(parts[3]) else { return nil }
        self.line = line
        self.size = size
        policy.acceptsGzip = parts[0].contains("gzip")
        policy.acceptsBrotli = parts[0].contains("br")
        accepted = parts[1] == "-" ? nil : parts[1]
        type = parts[2] == "-" ? nil : parts[2]
        switch parts[4] {
        case "-": break
        case "off": isOn = false
        case "HTTP/1.0": version = .http10
        case let text where text.hasPrefix("status "): status = Int(text.dropFirst(7)) ?? 0
        case let text: headers = fields([text])
        }
        let wanted = parts[5].split(separator: " ", maxSplits: 1).map(String.init)
        coding = wanted[0] == "-" ? nil : wanted[0]
        tag = wanted.count > 1 ? (wanted[1] == "none" ? "" : wanted[1]) : nil
    }

    static let all = cases("encodings.cases").compactMap { EncodingCase($0.line, $0.parts) }
}

/// What the cache makes of pairs of requests, ranges, conditions and codings, case by case.
@Suite("Cache cases", .timeLimit(.minutes(15)))
struct CacheSuites {
    @Test("the second request is a hit when its key is that of the first", arguments: KeyCase.all)
    func keys(_ line: KeyCase) async throws {
        let methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        let bench = Bench(
            .sample(policy: line.policy) {
                $0.behaviors[0].allowedMethods = methods
                if line.cachesOptions { $0.behaviors[0].cachedMethods += ["OPTIONS"] }
            }
        ) { _ in
            (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "x")
        }
        for (number, asked) in [line.first, line.second].enumerated() {
            let got = try #require(
                await bench.get(
                    asked.path,
                    method: asked.method,
                    query: asked.query,
                    headers: asked.headers
                )
            )
            #expect(got.status == 200)
            let word = number == 0 ? "Miss" : line.word
            #expect(got.cache == "\(word) from cloudfront")
        }
        #expect(bench.origin.count == (line.word == "Hit" ? 1 : 2))
        if let target = line.target { #expect(bench.origin.last?.target == target) }
    }

    @Test("ranges and conditions are met from a stored object", arguments: RangeCase.all)
    func ranges(_ line: RangeCase) async throws {
        let text = String((0..<1000).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        let bench = Bench(.sample()) { _ in
            let headers: Headers = [
                "Cache-Control": "max-age=600", "ETag": "\"1\"",
                "Last-Modified": RangeCase.modified, "Content-Type": "text/x-plain",
            ]
            return (ResponseHead(status: 200, headers: headers), text)
        }
        _ = await bench.get("/a")
        let got = try #require(await bench.get("/a", headers: line.headers))
        #expect(got.status == line.status)
        #expect(got.cache == "Hit from cloudfront")
        #expect(bench.origin.count == 1)
        if let length = line.length {
            #expect(got.header("content-range") == line.contentRange)
            #expect(got.bytes.count == length)
            if let range = line.contentRange.flatMap({ ContentRange($0) }) {
                #expect(got.bytes == Array(Array(text.utf8)[range.range]))
            }
        } else {
            #expect(
                got.header("content-type")?.hasPrefix("multipart/byteranges; boundary=") == true
            )
            #expect(got.header("content-length") == String(got.bytes.count))
            let wanted = (line.headers["range"] ?? "").split(separator: ",").count
            #expect(got.text.components(separatedBy: "Content-Range: bytes ").count == wanted + 1)
        }
    }

    @Test(
        "an answer is compressed when all that is asked for is there",
        arguments: EncodingCase.all
    )
    func encodings(_ line: EncodingCase) async throws {
        let bench = Bench(
            .sample(policy: line.policy) { $0.behaviors[0].compress = line.isOn }
        ) { _ in
            var headers = line.headers
            if let type = line.type { headers.append("Content-Type", type) }
            return (
                ResponseHead(status: line.status, headers: headers),
                String(repeating: "x", count: line.size)
            )
        }
        var headers = Headers()
        if let accepted = line.accepted { headers.append("Accept-Encoding", accepted) }
        let got = try #require(await bench.get("/a", headers: headers, version: line.version))
        #expect(got.status == line.status)
        #expect(got.header("content-encoding") == line.coding ?? line.headers["content-encoding"])
        #expect((got.bytes.count < line.size) == (line.coding != nil))
        if let tag = line.tag { #expect(got.header("etag") ?? "" == tag) }
    }

    @Test("every line of the files can be read, and there are hundreds")
    func count() {
        #expect(KeyCase.all.count == cases("keys.cases").count && KeyCase.all.count > 400)
        #expect(RangeCase.all.count == cases("ranges.cases").count && RangeCase.all.count > 60)
        #expect(
            EncodingCase.all.count == cases("encodings.cases").count && EncodingCase.all.count > 70
        )
    }
}
