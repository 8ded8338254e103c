import DataPlane
import HTTP

/// Requests of an edge to one primary.
///
/// Confined to its reactor.
struct FeedCaller {
    let pool: UpstreamPool
    let target: UpstreamTarget
    /// The longest silence before and within an answer.
    let patience: Duration
    /// Ends a wait when the edge stops.
    var link: ViewerLink?

    init(pool: UpstreamPool, target: UpstreamTarget, patience: Duration, link: ViewerLink? = nil) {
        self.pool = pool
        self.target = target
        self.patience = patience
        self.link = link
    }

    /// Sends a request and returns the response with its content to pull.
    func send(
        _ method: String,
        _ path: String,
        query: String? = nil,
        body: [UInt8] = [],
        headers: Headers = Headers()
    ) async throws -> Response {
        var limits = UpstreamLimits()
        limits.connect = patience
        limits.response = patience
        limits.keepAlive = .seconds(30)
        limits.attempts = 1
        var head = RequestHead(method: method, path: path, query: query, headers: headers)
        head.headers.append("Host", FeedProtocol.serviceName)
        do throws(Fault) {
            return try await pool.send(
                head,
                body: body.isEmpty ? .empty : .bytes(body[...]),
                to: target,
                limits: limits,
                link: link
            )
        } catch {
            throw FeedError(
                .unreachable,
                "\(target.host):\(target.port) does not answer: \(error.kind) \(error.detail)"
            )
        }
    }

    /// The content of an answer with status 200 or 204.
    func content(
        _ method: String,
        _ path: String,
        body: [UInt8] = [],
        headers: Headers = Headers(),
        limit: Int
    ) async throws -> [UInt8] {
        let response = try await send(method, path, body: body, headers: headers)
        return try await content(of: response, limit: limit)
    }

    /// The content of a response, or the failure that its status means.
    func content(of response: Response, limit: Int) async throws -> [UInt8] {
        let bytes: [UInt8]
        do {
            bytes = try await response.body.collected(limit: limit)
        } catch let fault as Fault {
            throw FeedError(.unreachable, "\(target.host): \(fault.kind) \(fault.detail)")
        }
        let status = response.head.status
        guard status == 200 || status == 204 else {
            let text =
                String(decoding: bytes.prefix(512), as: UTF8.self)
                .split(separator: "\n").first.map(String.init) ?? ""
            throw FeedError(
                status == 403 ? .refused : status >= 500 ? .unreachable : .malformed,
                "\(target.host):\(target.port) answered \(status): \(text)"
            )
        }
        return bytes
    }
}
