import Crypto
import DataPlane
import HTTP
import JSON

/// Reads what a runtime sends.
enum RuntimeBody {
    /// How much of a body over the limit is read away so that the runtime can read its answer.
    ///
    /// Unit: bytes.
    static let patience = 256 << 20

    /// How reading a whole body ended.
    enum Outcome {
        case complete(Bytes, trailers: Headers)
        /// With the size that was sent.
        case tooLarge(Int)
        case truncated
    }

    /// Reads a body up to a limit and counts what is beyond it.
    static func read(_ body: Body, limit: Int) async -> Outcome {
        switch body {
        case .empty, .upgrade: return .complete([], trailers: Headers())
        case .bytes(let bytes):
            return bytes.count > limit
                ? .tooLarge(bytes.count) : .complete(bytes, trailers: Headers())
        case .stream(let source, let length):
            var content: [UInt8] = []
            content.reserveCapacity(min(length ?? 0, limit))
            var count = 0
            do throws(Fault) {
                while count < patience, let piece = try await source.read() {
                    count += piece.count
                    if count <= limit { content += piece } else { content = [] }
                }
            } catch {
                return .truncated
            }
            return count > limit
                ? .tooLarge(length ?? count) : .complete(content[...], trailers: source.trailers)
        }
    }

    /// The error that a runtime announced after the first bytes of a streamed answer.
    static func lateError(in trailers: Headers) -> Bytes? {
        let type = trailers["Lambda-Runtime-Function-Error-Type"]
        let body = trailers["Lambda-Runtime-Function-Error-Body"]
        guard type != nil || body != nil else { return nil }
        if let body, let decoded = Base64.decode(body) { return decoded[...] }
        return ErrorPayload.make(type: type ?? "Runtime.Unknown", message: "")[...]
    }

    /// Takes the cause for tracing out of an error body that carries one.
    static func withoutCause(_ bytes: Bytes) -> Bytes {
        guard let document = try? JSONValue.parse(bytes) else { return bytes }
        var json = JSONWriter(reserving: bytes.count)
        json.beginObject()
        for name in ["errorMessage", "errorType", "stackTrace"] {
            guard let value = document[name] else { continue }
            json.key(name)
            json.value(value)
        }
        json.endObject()
        return json.bytes[...]
    }

    /// An error type as it is kept: unknown names are put into their category.
    static func errorType(_ header: String?) -> String {
        guard let header else { return "Runtime.Unknown" }
        let parts = header.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "Runtime" || parts[0] == "Function" else {
            return "Runtime.Unknown"
        }
        let reason = parts[1].utf8
        let fits =
            reason.count > 1 && (65...90).contains(reason.first ?? 0)
            && reason.allSatisfy { (65...90).contains($0) || (97...122).contains($0) }
        if fits { return header }
        return parts[0] == "Function" ? "Function.Unknown" : "Runtime.Unknown"
    }

    /// The failure that a runtime reported before its first invocation.
    static func failure(_ bytes: Bytes, header: String?) -> LoadFailure {
        let document = try? JSONValue.parse(bytes)
        var failure = LoadFailure(
            type: document?["errorType"]?.string ?? errorType(header),
            message: document?["errorMessage"]?.string ?? ""
        )
        if !bytes.isEmpty { failure.payload = Array(bytes) }
        return failure
    }
}
