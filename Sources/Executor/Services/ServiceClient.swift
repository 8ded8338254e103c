import Crypto
import DataPlane
import HTTP
import JSON
package import Reactor

/// Calls AWS services at the endpoints of this node, signed with Signature Version 4.
package final class ServiceClient: Sendable {
    /// The largest answer that is read.
    ///
    /// Unit: bytes. A batch of Kinesis records is at most 10 MiB, in Base64 a third more.
    private static let largestAnswer = 32 << 20
    /// How long an answer may take; a long poll lasts 20 seconds.
    private static let patience: Duration = .seconds(40)
    private static let connectLimit: Duration = .seconds(5)

    /// Who signs.
    package struct Credentials: Sendable {
        package var accessKey: String
        package var secretKey: String
        package var sessionToken: String?

        /// Makes credentials.
        package init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
            self.accessKey = accessKey
            self.secretKey = secretKey
            self.sessionToken = sessionToken
        }
    }

    let endpoints: ServiceEndpoints
    private let reactor: Reactor
    private let credentials: Credentials

    /// Makes a client whose connections live on one reactor.
    package init(reactor: Reactor, endpoints: ServiceEndpoints, credentials: Credentials) {
        self.reactor = reactor
        self.endpoints = endpoints
        self.credentials = credentials
    }

    /// One request before it is signed.
    struct Request: Sendable {
        var service: ServiceKind
        var region: String
        var method = "POST"
        /// Below the endpoint, percent-encoded.
        var path = "/"
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
    }

    // MARK: Protocols

    /// Calls an operation of a service that speaks JSON; `target` names it with its version.
    func json(
        _ service: ServiceKind,
        region: String,
        target: String,
        version: String,
        _ input: JSONValue
    ) async throws(ServiceFailure) -> JSONValue {
        var request = Request(service: service, region: region, body: input.encoded())
        request.headers = [
            ("Content-Type", "application/x-amz-json-\(version)"), ("X-Amz-Target", target),
        ]
        let (status, bytes) = try await send(request)
        let document = (try? JSONValue.parse(bytes[...])) ?? .null
        guard status == 200 else {
            let type = document["__type"]?.string ?? "Unknown"
            throw .refused(
                status: status,
                code: type.split(separator: "#").last.map(String.init) ?? type,
                message: document["message"]?.string ?? document["Message"]?.string ?? ""
            )
        }
        return document
    }

    /// Calls an operation of a service that speaks the query protocol.
    func form(
        _ service: ServiceKind,
        region: String,
        _ pairs: [(String, String)]
    ) async throws(ServiceFailure) {
        let text = pairs.map {
            "\(RequestSignature.encode($0.0.utf8))=\(RequestSignature.encode($0.1.utf8))"
        }.joined(separator: "&")
        var request = Request(service: service, region: region, body: Array(text.utf8))
        request.headers = [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")]
        let (status, bytes) = try await send(request)
        if status != 200 { throw Self.refusal(status, bytes) }
    }

    /// Puts an object into a bucket.
    func putObject(
        bucket: String,
        key: String,
        region: String,
        _ body: [UInt8]
    ) async throws(ServiceFailure) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
            .map { RequestSignature.encode($0.utf8) }
        var request = Request(service: .s3, region: region, body: body)
        request.method = "PUT"
        request.path = "/\(bucket)/" + parts.joined(separator: "/")
        request.headers = [("Content-Type", "application/json")]
        let (status, bytes) = try await send(request)
        if status != 200 { throw Self.refusal(status, bytes) }
    }

    /// The exception in an XML answer.
    private static func refusal(_ status: Int, _ bytes: [UInt8]) -> ServiceFailure {
        let text = String(decoding: bytes, as: UTF8.self)
        func element(_ name: String) -> String? {
            guard let start = text.firstRange(of: "<\(name)>"),
                let end = text[start.upperBound...].firstRange(of: "</\(name)>")
            else { return nil }
            return String(text[start.upperBound..<end.lowerBound])
        }
        return .refused(
            status: status,
            code: element("Code") ?? "Unknown",
            message: element("Message") ?? ""
        )
    }

    // MARK: Requests

    /// Sends a request; gives status and body.
    func send(_ request: Request) async throws(ServiceFailure) -> (status: Int, body: [UInt8]) {
        guard let place = endpoints.url(of: request.service, region: request.region) else {
            throw .noEndpoint(request.service)
        }
        guard let url = UpstreamURL(place) else { throw .unreachable("\(place) is no URL") }
        let head = signed(request, url)
        let (reactor, body) = (reactor, request.body)
        let result = await Task(executorPreference: reactor) {
            await Self.exchange(head, body, url.target, reactor)
        }.value
        return try result.get()
    }

    private static func exchange(
        _ head: RequestHead,
        _ body: [UInt8],
        _ target: UpstreamTarget,
        _ reactor: Reactor
    ) async -> Result<(status: Int, body: [UInt8]), ServiceFailure> {
        var limits = UpstreamLimits()
        limits.connect = connectLimit
        limits.response = patience
        limits.attempts = 1
        do throws(Fault) {
            let response = try await ReactorContext.make(reactor: reactor).upstream.send(
                head,
                body: body.isEmpty ? .empty : .bytes(body[...]),
                to: target,
                limits: limits
            )
            switch await RuntimeBody.read(response.body, limit: largestAnswer) {
            case .complete(let bytes, _): return .success((response.head.status, Array(bytes)))
            case .tooLarge(let size): return .failure(.unreachable("it answered \(size) bytes"))
            case .truncated: return .failure(.unreachable("its answer ended early"))
            }
        } catch {
            return .failure(.unreachable("\(target.host):\(target.port) \(error.kind)"))
        }
    }

    private func signed(_ request: Request, _ url: UpstreamURL) -> RequestHead {
        let time = System.compactTimestamp(System.milliseconds)
        let hash = Digest.hex(Digest.sha256(request.body))
        var fields = request.headers + [("Host", url.authority), ("X-Amz-Date", time)]
        if request.service == .s3 { fields.append(("X-Amz-Content-SHA256", hash)) }
        if let token = credentials.sessionToken { fields.append(("X-Amz-Security-Token", token)) }
        let path = url.path(appending: request.path)
        let signature = RequestSignature(
            method: request.method,
            path: path,
            headers: fields,
            payloadHash: hash,
            timestamp: time,
            scope: RequestSignature.Scope(
                date: String(time.prefix(8)),
                region: request.region,
                service: request.service.signingName
            )
        )
        var headers = Headers()
        for (name, value) in fields { headers.append(name, value) }
        headers.append(
            "Authorization",
            signature.authorization(
                accessKey: credentials.accessKey,
                secretKey: credentials.secretKey
            )
        )
        return RequestHead(method: request.method, path: path, headers: headers)
    }
}
