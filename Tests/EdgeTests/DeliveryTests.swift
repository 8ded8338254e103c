import CZlib
import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

@Suite("Ranges, conditions and compression", .timeLimit(.minutes(15)))
struct DeliveryTests {
    static let digits = "0123456789"

    @Test(
        "ranges are read as the RFC and the guide say",
        arguments: [
            ("bytes=0-0", ByteRanges.ranges([0..<1])), ("bytes=5-", .ranges([5..<10])),
            ("bytes=-3", .ranges([7..<10])), ("bytes=-30", .ranges([0..<10])),
            ("bytes=5-100", .ranges([5..<10])), ("bytes=10-", .unsatisfiable),
            ("bytes=-0", .unsatisfiable), ("bytes=5-4", .ignored), ("lines=0-1", .ignored),
            ("bytes=", .ignored), ("bytes=a-b", .ignored),
            ("bytes=0-1,3-4", .ranges([0..<2, 3..<5])),
            ("bytes=3-4,0-1", .ignored), ("bytes=0-3,2-4", .ignored), ("bytes=0-1,20-", .ignored),
            ("Bytes=1-2", .ranges([1..<3])), ("bytes=0-1, 3-", .ranges([0..<2, 3..<10])),
        ]
    )
    func reading(_ text: String, _ wanted: ByteRanges) {
        #expect(ByteRanges(text, size: 10) == wanted)
    }

    @Test("a stored object answers ranges, If-Range and HEAD")
    func storedRanges() async throws {
        let bench = Bench(.sample()) { _ in
            (
                ResponseHead(status: 200, headers: ["ETag": "\"1\"", "Content-Type": "t"]),
                Self.digits
            )
        }
        _ = await bench.get("/a")
        func range(_ text: String, _ more: Headers = [:]) async throws -> Received {
            var headers: Headers = ["Range": text]
            for (name, value) in more { headers.append(name, value) }
            return try #require(await bench.get("/a", headers: headers))
        }
        let part = try await range("bytes=2-4")
        #expect(part.status == 206)
        #expect(part.text == "234")
        #expect(part.header("content-range") == "bytes 2-4/10")
        #expect(part.header("content-length") == "3")
        #expect(part.cache == "Hit from cloudfront")
        let beyond = try await range("bytes=10-")
        #expect(beyond.status == 416)
        #expect(beyond.header("content-range") == "bytes */10")
        #expect(try await range("bytes=300-400,100-200").status == 200)
        #expect(try await range("bytes=0-1", ["If-Range": "\"1\""]).status == 206)
        #expect(try await range("bytes=0-1", ["If-Range": "\"2\""]).status == 200)
        let several = try await range("bytes=0-1,8-9")
        #expect(several.status == 206)
        let boundary = try #require(several.header("content-type")?.split(separator: "=").last)
        #expect(
            several.text
                == "--\(boundary)\r\nContent-Type: t\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n"
                + "--\(boundary)\r\nContent-Type: t\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n"
                + "--\(boundary)--\r\n"
        )
        #expect(bench.origin.count == 1)
    }

    @Test("parts are fetched, kept and joined until the object is whole")
    func parts() async throws {
        let bench = Bench(.sample()) { head in
            guard let text = head.headers["range"],
                case .ranges(let ranges) = ByteRanges(text, size: 10)
            else { return (ResponseHead(status: 200), "whole") }
            let bytes = Array(Self.digits.utf8)[ranges[0]]
            let headers: Headers = [
                "ETag": "\"1\"", "Content-Range": ContentRange(ranges[0], of: 10).text,
            ]
            return (
                ResponseHead(status: 206, headers: headers), String(decoding: bytes, as: UTF8.self)
            )
        }
        func range(_ text: String) async throws -> Received {
            try #require(await bench.get("/a", headers: ["Range": text]))
        }
        #expect(try await range("bytes=0-3").cache == "Miss from cloudfront")
        let inside = try await range("bytes=1-2")
        #expect(inside.cache == "Hit from cloudfront")
        #expect(inside.text == "12")
        #expect(inside.status == 206)
        #expect(inside.header("content-range") == "bytes 1-2/10")
        #expect(try await range("bytes=6-9").cache == "Miss from cloudfront")
        #expect(try await range("bytes=2-7").cache == "Miss from cloudfront")
        #expect(bench.origin.count == 3)
        let whole = try #require(await bench.get("/a"))
        #expect(whole.cache == "Hit from cloudfront")
        #expect(whole.status == 200)
        #expect(whole.text == Self.digits)
        #expect(bench.origin.count == 3)
    }

    @Test("a whole answer to a range is passed on and cut from then on")
    func ignoredRange() async throws {
        let bench = Bench(.sample()) { _ in (ResponseHead(status: 200), Self.digits) }
        let first = try #require(await bench.get("/a", headers: ["Range": "bytes=1-2"]))
        #expect(first.status == 200)
        #expect(first.text == Self.digits)
        let second = try #require(await bench.get("/a", headers: ["Range": "bytes=1-2"]))
        #expect(second.status == 206)
        #expect(second.text == "12")
        #expect(bench.origin.count == 1)
    }

    /// Inflates gzip.
    static func inflate(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        var input = bytes
        var output = [UInt8](repeating: 0, count: 1 << 20)
        return input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                CZlib.inflate(&stream, Z_FINISH)
                inflateEnd(&stream)
                return Array(output[..<Int(stream.total_out)])
            }
        }
    }

    private func compressing(
        _ size: Int,
        _ headers: Headers = ["Content-Type": "text/html; charset=utf-8", "ETag": "\"x\""],
        status: Int = 200,
        change: @escaping @Sendable (inout CacheBehavior) -> Void = { _ in }
    ) -> Bench {
        Bench(
            .sample {
                $0.behaviors[0].compress = true
                change(&$0.behaviors[0])
            }
        ) { _ in
            (ResponseHead(status: status, headers: headers), String(repeating: "a", count: size))
        }
    }

    @Test("an object is compressed once on its way into the cache")
    func gzip() async throws {
        let bench = compressing(1000)
        for (number, sent) in ["gzip, deflate", "gzip;q=0.5, x"].enumerated() {
            let got = try #require(await bench.get("/a", headers: ["Accept-Encoding": sent]))
            #expect(got.header("content-encoding") == "gzip")
            #expect(got.header("etag") == "W/\"x\"")
            #expect(got.header("vary") == "Accept-Encoding")
            #expect(Self.inflate(got.bytes) == [UInt8](repeating: 0x61, count: 1000))
            #expect(got.cache == (number == 0 ? "Miss" : "Hit") + " from cloudfront")
        }
        let plain = try #require(await bench.get("/a"))
        #expect(plain.header("content-encoding") == nil)
        #expect(bench.origin.count == 2)
    }

    @Test("brotli wins when both are taken")
    func brotli() async throws {
        let bench = compressing(5000)
        let got = try #require(await bench.get("/a", headers: ["Accept-Encoding": "gzip, br"]))
        #expect(got.header("content-encoding") == "br")
        #expect(got.bytes.count < 100 && !got.bytes.isEmpty)
    }

    @Test(
        "what does not qualify stays as it is",
        arguments: [
            ("999 bytes", 999, "text/html", 200, nil, true, HTTPVersion.http11),
            ("another type", 5000, "font/woff2", 200, nil, true, .http11),
            ("another status", 5000, "text/html", 500, nil, true, .http11),
            ("encoded already", 5000, "text/html", 200, "x", true, .http11),
            ("not asked for", 5000, "text/html", 200, nil, false, .http11),
            ("HTTP/1.0", 5000, "text/html", 200, nil, true, .http10),
        ] as [(String, Int, String, Int, String?, Bool, HTTPVersion)]
    )
    func plain(
        _ why: String,
        _ size: Int,
        _ type: String,
        _ status: Int,
        _ encoding: String?,
        _ isOn: Bool,
        _ version: HTTPVersion
    ) async throws {
        var headers: Headers = ["Content-Type": type]
        if let encoding { headers.append("Content-Encoding", encoding) }
        let bench = compressing(size, headers, status: status) { $0.compress = isOn }
        let got = try #require(
            await bench.get("/a", headers: ["Accept-Encoding": "gzip"], version: version)
        )
        #expect(got.header("content-encoding") == encoding, "\(why)")
        #expect(got.bytes.count == size, "\(why)")
    }

    @Test("a 404 and a compressed type with another tag are compressed too")
    func compressedErrors() async throws {
        let bench = compressing(
            2000,
            ["Content-Type": "image/svg+xml", "ETag": "junk"],
            status: 404
        )
        let got = try #require(await bench.get("/a", headers: ["Accept-Encoding": "gzip"]))
        #expect(got.header("content-encoding") == "gzip")
        #expect(got.header("etag") == nil)
    }

    @Test(
        "conditions are met from the cache",
        arguments: [
            ("If-None-Match", "\"1\"", 304), ("If-None-Match", "W/\"1\"", 304),
            ("If-None-Match", "\"2\", \"1\"", 304), ("If-None-Match", "*", 304),
            ("If-None-Match", "\"2\"", 200),
            ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 304),
            ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200),
            ("If-Modified-Since", "junk", 200),
        ]
    )
    func conditions(_ name: String, _ value: String, _ status: Int) async throws {
        let headers: Headers = [
            "ETag": "\"1\"", "Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
        ]
        let bench = Bench(.sample()) { _ in (ResponseHead(status: 200, headers: headers), "x") }
        _ = await bench.get("/a")
        #expect(try #require(await bench.get("/a", headers: [name: value])).status == status)
    }
}
