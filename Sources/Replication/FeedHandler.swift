import Crypto
package import DataPlane
import HTTP
import Registry
import Synchronization

/// What a primary (or a relay) answers on its feed port: the feed, snapshots, archives, reports.
///
/// Edges may read; the only thing they write is what they say of themselves.
package final class FeedHandler: ExchangeHandler {
    private let hub: FeedHub
    private let directory: EdgeDirectory
    private let office: (any EdgeOffice)?
    private let settings: FeedSettings
    private let identities = Mutex<[[UInt8]: CertificateIdentity]>([:])

    /// How many certificates are kept read.
    static let maximumIdentities = 4096

    /// Makes a handler; without an office nobody can enrol here.
    package init(
        hub: FeedHub,
        directory: EdgeDirectory,
        office: (any EdgeOffice)?,
        settings: FeedSettings
    ) {
        self.hub = hub
        self.directory = directory
        self.office = office
        self.settings = settings
    }

    /// Answers one request of an edge.
    package func respond(to exchange: inout Exchange) async -> Response {
        if directory.isDown { return Self.closing(503, "this primary plays dead\n") }
        do {
            return try await answer(&exchange)
        } catch let error as FeedError {
            let status =
                switch error.kind {
                case .refused: 403
                case .malformed: 400
                case .unreachable, .storage: 503
                }
            return Self.closing(status, error.description + "\n")
        } catch {
            return Self.closing(500, "\(error)\n")
        }
    }

    private func answer(_ exchange: inout Exchange) async throws -> Response {
        let (method, path) = (exchange.request.method, exchange.request.path)
        switch (method, path) {
        case ("GET", "/_portico/authority"):
            guard let office else { throw Self.noOffice }
            return Self.bytes(try await office.authorityPEM(), "application/x-pem-file")
        case ("POST", "/_portico/enrol"):
            guard let office else { throw Self.noOffice }
            let token = exchange.request.headers["x-portico-token"] ?? ""
            let request = try await Self.content(of: &exchange)
            let pem = try await office.enrol(token: token, request: request)
            return Self.bytes(pem, "application/x-pem-file")
        default: break
        }
        let edge = try admit(exchange.viewer)
        guard directory.condition(of: edge.name).mayFollow else {
            return Self.closing(503, "a partition was injected\n")
        }
        directory.touch(edge.name, address: exchange.viewer.address)
        switch (method, path) {
        case ("GET", "/_portico/feed"): return try await feed(edge, exchange)
        case ("GET", "/_portico/snapshot"): return try await snapshot()
        case ("GET", let path) where path.hasPrefix("/_portico/blobs/"):
            return try await blob(path.dropFirst("/_portico/blobs/".count), exchange.request)
        case ("POST", "/_portico/applied"): return try await applied(edge, &exchange)
        case ("POST", "/_portico/renew"): return try await renew(edge, &exchange)
        case ("GET", _): return Response(status: 404, text: "there is no page \(path)\n")
        default: return Response(status: 405, text: "edges read, and write only reports\n")
        }
    }

    private static let noOffice = FeedError(.refused, "nobody can enrol here")

    private func admit(_ viewer: Viewer) throws(FeedError) -> EdgeRecord {
        guard let der = viewer.certificateDER, let identity = identity(of: der) else {
            throw FeedError(.refused, "an edge shows its certificate")
        }
        return try directory.admit(identity)
    }

    /// Reading a certificate costs more than all else that a report does.
    private func identity(of der: [UInt8]) -> CertificateIdentity? {
        if let known = identities.withLock({ $0[der] }) { return known }
        guard let identity = CertificateIdentity(der: der) else { return nil }
        identities.withLock { identities in
            if identities.count >= Self.maximumIdentities { identities.removeAll() }
            identities[der] = identity
        }
        return identity
    }

    // MARK: - What edges read

    private func feed(_ edge: EdgeRecord, _ exchange: Exchange) async throws -> Response {
        let pairs = QueryString.pairs(exchange.request.query ?? "")
        guard let text = pairs.first(where: { $0.name == "from" })?.value, let from = Int(text),
            from >= 0
        else { throw FeedError(.malformed, "feed?from= takes the last applied revision") }
        // The hub hears of a revision a little later than whoever took a snapshot.
        let isKnown = if from <= hub.head { true } else { try await hub.source.reaches(from) }
        guard isKnown else {
            var response = Response(
                status: 409,
                text: "revision \(from) is ahead of this primary's \(hub.head)\n"
            )
            response.head.headers.append("X-Portico-Head", String(hub.head))
            return response
        }
        let body = FeedBody(
            name: edge.name,
            from: from,
            hub: hub,
            directory: directory,
            reactor: exchange.context.reactor,
            settings: settings
        )
        let head = ResponseHead(
            status: 200,
            headers: ["Content-Type": "application/x-portico-feed", "Cache-Control": "no-store"]
        )
        return Response(head: head, body: .stream(body, length: nil))
    }

    private func snapshot() async throws -> Response {
        let state = try await hub.encodedState()
        var response = Self.bytes(state.bytes, "application/json")
        response.head.headers.append("X-Portico-Hash", state.digest)
        return response
    }

    private func blob(_ name: Substring, _ request: RequestHead) async throws -> Response {
        let digest = String(name)
        guard let size = try await hub.source.blobSize(digest) else {
            return Response(status: 404, text: "there is no archive \(digest)\n")
        }
        var head = ResponseHead(status: 200, headers: ["Content-Type": "application/zip"])
        var start = 0
        if let range = request.headers["range"] {
            guard range.hasPrefix("bytes="), range.hasSuffix("-"),
                let given = Int(range.dropFirst("bytes=".count).dropLast()), given >= 0,
                given < size
            else {
                head.status = 416
                head.headers.append("Content-Range", "bytes */\(size)")
                return Response(head: head)
            }
            start = given
            head.status = 206
            head.headers.append("Content-Range", "bytes \(start)-\(size - 1)/\(size)")
        }
        let body = BlobBody(digest, from: start, size: size, of: hub.source)
        return Response(head: head, body: .stream(body, length: size - start))
    }

    // MARK: - What edges say

    private func applied(_ edge: EdgeRecord, _ exchange: inout Exchange) async throws -> Response {
        let content = try await Self.content(of: &exchange)
        guard let report = AppliedReport(encoded: content),
            report.name == edge.name, edge.isRelay || report.followers.isEmpty
        else { throw FeedError(.malformed, "this is not a report of the edge '\(edge.name)'") }
        directory.note(report, address: exchange.viewer.address)
        return Response(head: ResponseHead(status: 204))
    }

    private func renew(_ edge: EdgeRecord, _ exchange: inout Exchange) async throws -> Response {
        guard let office else { throw Self.noOffice }
        let behalf = exchange.request.headers["x-portico-edge"] ?? edge.name
        guard behalf == edge.name || edge.isRelay else {
            throw FeedError(.refused, "only a relay renews for others")
        }
        let request = try await Self.content(of: &exchange)
        let pem = try await office.renew(name: behalf, request: request)
        return Self.bytes(pem, "application/x-pem-file")
    }

    // MARK: - Parts

    private static func bytes(_ bytes: [UInt8], _ type: String) -> Response {
        Self.bytes(bytes[...], type)
    }

    private static func bytes(_ bytes: Bytes, _ type: String) -> Response {
        Response(
            head: ResponseHead(status: 200, headers: ["Content-Type": type]),
            body: .bytes(bytes)
        )
    }

    private static func closing(_ status: Int, _ text: String) -> Response {
        var response = Response(status: status, text: text)
        response.closesConnection = true
        return response
    }

    /// The whole content of a small request.
    private static func content(of exchange: inout Exchange) async throws -> [UInt8] {
        try await exchange.body.collected(limit: FeedProtocol.maximumRequest)
    }
}

extension Body {
    /// The whole content as bytes, refused when it is larger than the limit.
    func collected(limit: Int) async throws -> [UInt8] {
        switch self {
        case .empty, .upgrade: return []
        case .bytes(let bytes):
            guard bytes.count <= limit else { throw FeedError(.malformed, "too large a message") }
            return Array(bytes)
        case .stream(let source, _):
            var all: [UInt8] = []
            while let piece = try await source.read() {
                guard all.count + piece.count <= limit else {
                    throw FeedError(.malformed, "too large a message")
                }
                all += piece
            }
            return all
        }
    }
}
