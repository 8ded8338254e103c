import Crypto
import DataPlane
import Executor
import Foundation
import HTTP
import JSON
import Model
import Registry

/// The S3 API over buckets that are folders of this machine.
///
/// Source: Amazon S3 API Reference.
final class BucketService: Sendable {
    /// The largest body of one request; larger objects come in parts.
    ///
    /// Unit: bytes.
    static let maximumBody = 256 << 20
    /// How many buckets there may be.
    ///
    /// Source: Amazon S3, "Bucket quotas": 10,000 general purpose buckets.
    static let maximumBuckets = 10_000

    let ledger: Ledger
    /// Where buckets that calls make have their folders, and what is known of all objects; nil for none.
    private let home: String?
    private let verifier: RequestVerifier?

    init(ledger: Ledger, home: String?, verifier: RequestVerifier?) {
        self.ledger = ledger
        self.home = home
        self.verifier = verifier
    }

    /// A request as this API sees it.
    struct Request {
        var head: RequestHead
        /// Empty for a call of no bucket.
        var bucket: String
        /// Empty for a call of a bucket.
        var key: String
        var query: Query
        var body: [UInt8] = []
        let id = Ledger.random(16, of: "0123456789ABCDEF")

        func field(_ name: String) -> String? { head.headers[name] }
        func has(_ name: String) -> Bool { query.pairs.contains { $0.name == name } }
    }

    /// Answers a request of this API; nil when it is none.
    func respond(to exchange: inout Exchange) async -> Response? {
        guard var request = await request(exchange.request) else { return nil }
        do throws(BucketError) {
            try await read(exchange.body, into: &request)
            return try await answer(request)
        } catch {
            return Self.response(error, request)
        }
    }

    // MARK: - Reading

    private func request(_ head: RequestHead) async -> Request? {
        let scope = ServiceTable.scope(of: head)
        let path = head.path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let named = Self.bucket(ofHost: head.host, isSigned: scope == "s3")
        guard scope == "s3" || named != nil && scope == nil || scope == nil && path.count > 1 else {
            return nil
        }
        let rest = String(head.path.dropFirst())
        let query = Query(head.query)
        if let named {
            let key = Query.decoded(rest[...])
            return Request(head: head, bucket: named, key: key, query: query)
        }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let bucket = parts.first.map(Query.decoded) ?? ""
        if scope == nil {
            // An unsigned request is of this API when its path begins with a bucket.
            guard !bucket.isEmpty, let snapshot = try? await ledger.snapshot(),
                snapshot.buckets[bucket] != nil
            else { return nil }
        }
        let key = parts.count > 1 ? Query.decoded(parts[1]) : ""
        return Request(head: head, bucket: bucket, key: key, query: query)
    }

    /// The bucket in a host name such as `b.s3.localhost`, or `b.localhost` of a signed request.
    static func bucket(ofHost host: String, isSigned: Bool) -> String? {
        guard host.hasSuffix(".localhost") else { return nil }
        let name = host.dropLast(".localhost".count)
        if name == "s3" || name.hasPrefix("s3.") { return nil }
        if let range = name.firstRange(of: ".s3") {
            let rest = name[range.upperBound...]
            if rest.isEmpty || rest.first == "." || rest.first == "-" {
                return String(name[..<range.lowerBound])
            }
        }
        return isSigned ? String(name) : nil
    }

    private func read(_ body: Body, into request: inout Request) async throws(BucketError) {
        do throws(APIError) {
            request.body = try await APIFront.content(body, limit: Self.maximumBody) { _ in "" }
        } catch {
            guard error.status == 413 else {
                throw BucketError(400, "IncompleteBody", "The request body terminated unexpectedly")
            }
            throw BucketError(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                [("MaxSizeAllowed", String(Self.maximumBody))]
            )
        }
        if let verifier,
            let refusal = verifier.refusal(
                of: request.head,
                body: request.body[...],
                service: "s3"
            )
        {
            throw Self.unsigned(refusal)
        }
        let isChunked =
            request.field("x-amz-content-sha256")?.hasPrefix("STREAMING-") == true
            || request.field("content-encoding")?.contains("aws-chunked") == true
        if isChunked {
            guard let decoded = ChunkedUpload.decode(request.body) else {
                throw BucketError(400, "IncompleteBody", "The request body is not well chunked")
            }
            request.body = decoded
        }
        try Self.checkDigests(request)
    }

    private static func unsigned(_ refusal: RequestVerifier.Refusal) -> BucketError {
        switch refusal {
        case .missing: BucketError(403, "AccessDenied", "Access Denied")
        case .unknownKey, .wrongToken:
            BucketError(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records."
            )
        case .outOfTime, .expired:
            BucketError(403, "RequestTimeTooSkewed", refusal.message)
        case .incomplete:
            BucketError(400, "AuthorizationHeaderMalformed", refusal.message)
        case .wrongService, .mismatch:
            BucketError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your "
                    + "key and signing method."
            )
        }
    }

    private static func checkDigests(_ request: Request) throws(BucketError) {
        if let given = request.field("content-md5") {
            guard let wanted = Base64.decode(given), wanted.count == 16 else {
                throw BucketError(
                    400,
                    "InvalidDigest",
                    "The Content-MD5 you specified was invalid."
                )
            }
            guard wanted == Digest.Algorithm.md5.digest(request.body) else {
                throw BucketError(
                    400,
                    "BadDigest",
                    "The Content-MD5 you specified did not match what we received."
                )
            }
        }
        for (name, algorithm) in [("sha256", Digest.Algorithm.sha256), ("sha1", .sha1)] {
            guard let given = request.field("x-amz-checksum-" + name) else { continue }
            guard Base64.decode(given) == algorithm.digest(request.body) else {
                throw BucketError(
                    400,
                    "BadDigest",
                    "The \(name.uppercased()) you specified did not match the calculated checksum."
                )
            }
        }
    }

    // MARK: - Buckets

    /// The folder of a bucket.
    func folder(_ name: String) async throws(BucketError) -> BucketFolder {
        let snapshot = try await snapshot()
        guard let folder = snapshot.buckets[name], let home else { throw .noBucket(name) }
        var bucket = BucketFolder(name: name, folder: folder, notes: home + "/objects/" + name)
        let versioning = snapshot.record(Self.record(name))?["Versioning"]?.string
        bucket.keepsVersions = versioning == "Enabled"
        bucket.wasVersioned = versioning != nil
        return bucket
    }

    static func record(_ name: String) -> String { "s3/bucket/" + name }

    func snapshot() async throws(BucketError) -> Snapshot {
        do throws(APIError) { return try await ledger.snapshot() } catch {
            throw BucketError(500, "InternalError", error.message)
        }
    }

    /// Commits a change of buckets.
    private func change(
        _ body: @Sendable (inout Draft) throws(APIError) -> Void
    ) async throws(BucketError) {
        do throws(APIError) {
            try await ledger.change(body)
            await ledger.settleLatest()
        } catch {
            throw BucketError(error.status, error.code, error.message)
        }
    }

    func create(_ request: Request) async throws(BucketError) -> Response {
        let name = request.bucket
        guard Self.isName(name) else {
            throw BucketError(
                400,
                "InvalidBucketName",
                "The specified bucket is not valid.",
                [("BucketName", name)]
            )
        }
        guard let home else {
            throw BucketError(501, "NotImplemented", "This node keeps no buckets.")
        }
        let known = try await snapshot().buckets
        guard known.count < Self.maximumBuckets else {
            throw BucketError(
                400,
                "TooManyBuckets",
                "You have attempted to create more buckets than allowed"
            )
        }
        // In us-east-1 making one's own bucket again is no error.
        if known[name] == nil {
            let folder = home + "/buckets/" + name
            do {
                try FileManager.default.createDirectory(
                    atPath: folder,
                    withIntermediateDirectories: true
                )
            } catch { throw BucketError(500, "InternalError", "\(error)") }
            try await change { draft throws(APIError) in
                draft.put(.bucket(name: name, folder: folder))
                var record = JSONObject()
                record["Created"] = Timestamp.json(Timestamp.now())
                draft.setRecord(Self.record(name), record)
            }
        }
        return Self.response(200, request, [("Location", "/" + name)])
    }

    /// Whether a text may name a bucket ("Bucket naming rules").
    static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 48 < 10 || byte &- 97 < 26 }
        guard (3...63).contains(bytes.count), let first = bytes.first, let last = bytes.last,
            isAlphanumeric(first), isAlphanumeric(last), !name.contains("..")
        else { return false }
        let isAddress =
            name.split(separator: ".").count == 4 && name.allSatisfy { $0.isNumber || $0 == "." }
        return !isAddress && bytes.allSatisfy { isAlphanumeric($0) || $0 == 45 || $0 == 46 }
    }

    func deleteBucket(_ request: Request) async throws(BucketError) -> Response {
        let bucket = try await folder(request.bucket)
        guard bucket.isEmpty else {
            throw BucketError(
                409,
                "BucketNotEmpty",
                "The bucket you tried to delete is not empty",
                [("BucketName", bucket.name)]
            )
        }
        let (name, home) = (bucket.name, home ?? "")
        try await change { draft throws(APIError) in
            draft.delete(.bucket(name: name, folder: bucket.folder))
            draft.setRecord(Self.record(name), nil)
        }
        try? FileManager.default.removeItem(atPath: bucket.notes)
        if bucket.folder.hasPrefix(home + "/buckets/") {
            try? FileManager.default.removeItem(atPath: bucket.folder)
        }
        return Self.response(204, request)
    }

    func setVersioning(_ request: Request) async throws(BucketError) -> Response {
        let name = try await folder(request.bucket).name
        guard let root = try? XMLNode.parse(request.body), root.name == "VersioningConfiguration",
            let status = root.child("Status")?.text, status == "Enabled" || status == "Suspended"
        else { throw .malformed }
        guard root.child("MfaDelete")?.text != "Enabled" else {
            throw BucketError(501, "NotImplemented", "MfaDelete is not supported here.")
        }
        try await change { draft throws(APIError) in
            var record = draft.record(Self.record(name)) ?? JSONObject()
            record["Versioning"] = .string(status)
            draft.setRecord(Self.record(name), record)
        }
        return Self.response(200, request)
    }

    // MARK: - Answers

    static func response(
        _ status: Int,
        _ request: Request,
        _ fields: [(String, String)] = []
    ) -> Response {
        var head = ResponseHead(status: status, headers: ["x-amz-request-id": request.id])
        for (name, value) in fields { head.headers.append(name, value) }
        if status != 204 { head.headers.append("Content-Length", "0") }
        return Response(head: head)
    }

    static func xml(
        _ request: Request,
        _ root: String,
        _ fields: [(String, String)] = [],
        _ fill: (inout XMLWriter) -> Void
    ) -> Response {
        var writer = XMLWriter()
        writer.declaration()
        writer.open(root, namespace: "http://s3.amazonaws.com/doc/2006-03-01/")
        fill(&writer)
        writer.close(root)
        var head = ResponseHead(
            status: 200,
            headers: ["x-amz-request-id": request.id, "Content-Type": "application/xml"]
        )
        for (name, value) in fields { head.headers.append(name, value) }
        return Response(head: head, body: .bytes(writer.bytes[...]))
    }

    private static func response(_ error: BucketError, _ request: Request) -> Response {
        var head = ResponseHead(status: error.status, headers: ["x-amz-request-id": request.id])
        for (name, value) in error.members where name.hasPrefix("x-amz-") {
            head.headers.append(name, value)
        }
        guard request.head.method != "HEAD", error.status != 304 else {
            return Response(head: head)
        }
        var writer = XMLWriter()
        writer.declaration()
        writer.open("Error")
        writer.element("Code", error.code)
        writer.element("Message", error.message)
        for (name, value) in error.members where !name.hasPrefix("x-amz-") {
            writer.element(name, value)
        }
        writer.element("RequestId", request.id)
        writer.close("Error")
        head.headers.append("Content-Type", "application/xml")
        return Response(head: head, body: .bytes(writer.bytes[...]))
    }
}
