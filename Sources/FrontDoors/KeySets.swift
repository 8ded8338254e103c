import DataPlane
import HTTP
import JSON
import Synchronization

/// The key sets of token issuers, fetched when needed and kept for a while.
final class KeySets: Sendable {
    /// How long fetched keys are used; AWS page "Control access to HTTP APIs with JWT authorizers".
    static let lifetime: Duration = .seconds(7200)
    /// How long a failed fetch is remembered.
    static let failureLifetime: Duration = .seconds(5)
    /// The longest that a fetch may take.
    static let timeLimit: Duration = .milliseconds(1500)
    /// The largest document that is read.
    ///
    /// Unit: bytes.
    static let sizeLimit = 150_000
    /// How many documents are kept.
    static let countLimit = 100

    private struct Entry {
        var document: JSONValue?
        var keys: [SigningKey]
        var until: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// The keys of an issuer, found through its discovery document; nil when it cannot be asked.
    func keys(
        issuer: String,
        _ context: ReactorContext,
        _ overrides: [String: String]
    ) async -> [SigningKey]? {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let discovery = await fetch(base + "/.well-known/openid-configuration", context, overrides)
        guard let url = discovery?.document?["jwks_uri"]?.string else { return nil }
        return await keys(at: url, context, overrides)
    }

    /// The keys of a key set; nil when it cannot be fetched.
    func keys(
        at url: String,
        _ context: ReactorContext,
        _ overrides: [String: String]
    ) async -> [SigningKey]? {
        await fetch(url, context, overrides).flatMap { $0.document == nil ? nil : $0.keys }
    }

    private func fetch(
        _ url: String,
        _ context: ReactorContext,
        _ overrides: [String: String]
    ) async -> Entry? {
        let now = ContinuousClock.now
        if let held = entries.withLock({ $0[url] }), held.until > now { return held }
        let document = await Self.load(url, context, overrides)
        let entry = Entry(
            document: document,
            keys: document.flatMap { SigningKey.all(in: $0) } ?? [],
            until: now + (document == nil ? Self.failureLifetime : Self.lifetime)
        )
        entries.withLock { entries in
            if entries.count >= Self.countLimit {
                entries = entries.filter { $0.value.until > now }
            }
            if entries.count < Self.countLimit { entries[url] = entry }
        }
        return entry
    }

    /// Gets a document; an issuer whose name has a place on this machine is asked there.
    private static func load(
        _ text: String,
        _ context: ReactorContext,
        _ overrides: [String: String]
    ) async -> JSONValue? {
        guard let url = UpstreamURL(text) else { return nil }
        let place = overrides[url.host].flatMap { UpstreamURL($0) } ?? url
        var head = RequestHead(
            method: "GET",
            path: url.path(appending: ""),
            headers: ["Host": url.authority, "Accept": "application/json"]
        )
        head.query = url.query
        var limits = UpstreamLimits()
        limits.connect = timeLimit
        limits.response = timeLimit
        limits.attempts = 1
        do throws(Fault) {
            let response = try await context.upstream.send(
                head,
                body: .empty,
                to: place.target,
                limits: limits
            )
            guard response.head.status == 200 else { return nil }
            let bytes = try await Payloads.collect(response.body, limit: sizeLimit)
            return try? JSONValue.parse(bytes)
        } catch {
            return nil
        }
    }
}
