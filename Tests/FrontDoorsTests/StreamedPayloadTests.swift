import DataPlane
import HTTP
import Testing

@testable import FrontDoors

/// A body in given pieces.
private final class Pieces: BodySource {
    private var left: [[UInt8]]

    init(_ pieces: [[UInt8]]) { left = pieces }

    var trailers: Headers { Headers() }

    func read() async throws(Fault) -> Bytes? { left.isEmpty ? nil : left.removeFirst()[...] }
}

@Suite
struct StreamedPayloadTests {
    private static let integration = "application/vnd.awslambda.http-integration-response"
    private static let prelude =
        #"{"statusCode":201,"headers":{"X-A":"1","Content-Type":"text/plain"},"cookies":["a=1","b=2"]}"#

    private func response(_ type: String, _ pieces: [[UInt8]]) async -> (ResponseHead, String)? {
        let answer = StreamedResponse(contentType: type, body: Pieces(pieces)) { nil }
        guard let response = await StreamedPayload.response(answer) else { return nil }
        let body = (try? await Payloads.collect(response.body, limit: 1 << 20)) ?? []
        return (response.head, String(decoding: body, as: UTF8.self))
    }

    @Test(
        "status, fields and cookies stand in front of eight zero bytes, however the stream is cut"
    )
    func prelude() async throws {
        let whole = Array(Self.prelude.utf8) + [UInt8](repeating: 0, count: 8) + Array("body".utf8)
        for size in [1, 3, 7, whole.count - 9, whole.count] {
            let pieces = stride(from: 0, to: whole.count, by: size).map {
                Array(whole[$0..<min($0 + size, whole.count)])
            }
            let (head, body) = try #require(await response(Self.integration, pieces))
            #expect(head.status == 201)
            #expect(head.headers["x-a"] == "1")
            #expect(head.headers["content-type"] == "text/plain")
            #expect(head.headers.all("set-cookie") == ["a=1", "b=2"])
            #expect(body == "body")
        }
    }

    @Test("a stream of another type is the body itself")
    func plain() async throws {
        let (head, body) = try #require(await response("text/csv", [Array("a,b".utf8)]))
        #expect(head.status == 200)
        #expect(head.headers["content-type"] == "text/csv")
        #expect(body == "a,b")
    }

    @Test("a malformed or endless prelude is no response")
    func malformed() async {
        let zeros = [UInt8](repeating: 0, count: 8)
        #expect(await response(Self.integration, [Array("{}".utf8)]) == nil)
        #expect(await response(Self.integration, [Array("[".utf8) + zeros]) == nil)
        #expect(
            await response(Self.integration, [Array("{\"statusCode\":99}".utf8) + zeros]) == nil
        )
        let endless = [UInt8](repeating: 32, count: 8192)
        #expect(await response(Self.integration, Array(repeating: endless, count: 64)) == nil)
    }
}
