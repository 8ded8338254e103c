import DataPlane
import HTTP
import JSON

/// The answer of a function that streams to a URL.
///
/// Source: AWS page "Response streaming for Lambda functions". A stream of the integration type begins with
/// one JSON object of status, fields and cookies, and eight zero bytes.
enum StreamedPayload {
    /// The longest JSON object in front of a body.
    ///
    /// Unit: bytes.
    static let longestPrelude = 64 << 10
    private static let integrationType = "application/vnd.awslambda.http-integration-response"
    private static let separator = [UInt8](repeating: 0, count: 8)

    /// The response that a stream means; nil when what it begins with is malformed.
    static func response(_ answer: StreamedResponse) async -> Response? {
        guard answer.contentType == integrationType else {
            let headers: Headers = ["Content-Type": answer.contentType]
            return Response(
                head: ResponseHead(status: 200, headers: headers),
                body: .stream(answer.body, length: nil)
            )
        }
        var start: [UInt8] = []
        do throws(Fault) {
            while start.count <= longestPrelude + separator.count {
                if let end = end(of: start) {
                    guard let head = head(start[..<end]) else { return nil }
                    let rest = start[(end + separator.count)...]
                    return Response(
                        head: head,
                        body: .stream(PrefixedBody(rest, answer.body), length: nil)
                    )
                }
                guard let piece = try await answer.body.read() else { return nil }
                start += piece
            }
        } catch {
            return nil
        }
        return nil
    }

    /// Where the first run of eight zero bytes begins.
    private static func end(of bytes: [UInt8]) -> Int? {
        guard let first = bytes.firstIndex(of: 0), bytes.count - first >= separator.count else {
            return nil
        }
        return bytes[first...].starts(with: separator) ? first : nil
    }

    private static func head(_ prelude: ArraySlice<UInt8>) -> ResponseHead? {
        guard let document = try? JSONValue.parse(prelude), document.object != nil else {
            return nil
        }
        let status = document["statusCode"]?.int ?? 200
        guard (200...599).contains(status) else { return nil }
        var headers = Headers()
        for field in document["headers"]?.object?.members ?? [] {
            guard let value = field.value.string ?? field.value.int.map(String.init) else {
                return nil
            }
            headers.append(field.key, value)
        }
        for cookie in document["cookies"]?.array ?? [] {
            guard let cookie = cookie.string else { return nil }
            headers.append("Set-Cookie", cookie)
        }
        HopByHop.strip(&headers)
        headers.remove("content-length")
        if !headers.contains("content-type") {
            headers.append("Content-Type", "application/octet-stream")
        }
        return ResponseHead(status: status, headers: headers)
    }
}

/// A body whose first bytes were read already.
final class PrefixedBody: BodySource {
    private var first: Bytes
    private let rest: any BodySource

    init(_ first: Bytes, _ rest: any BodySource) {
        self.first = first
        self.rest = rest
    }

    var trailers: Headers { rest.trailers }
    var isReady: Bool { !first.isEmpty || rest.isReady }

    func read() async throws(Fault) -> Bytes? {
        guard first.isEmpty else {
            defer { first = [] }
            return first
        }
        return try await rest.read()
    }
}
