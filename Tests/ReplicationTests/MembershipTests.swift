import Crypto
import DataPlane
import Foundation
import HTTP
import Model
import Reactor
import Synchronization
import TLS
import Testing

@testable import Registry
@testable import Replication

@Suite("Membership", .serialized, .timeLimit(.minutes(10)))
struct MembershipTests {
    @Test("a token enrols once, in time, and only at the authority that made it")
    func tokens() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let other = try await Primary(folder: folder.path + "/other")
        let reactor = Reactor()
        reactor.start()
        func join(_ token: JoinToken, at primary: Primary, _ name: String) async throws {
            _ = try await Enrolment.join(
                token,
                at: [primary.address],
                folder: folder.path + "/" + name,
                on: reactor
            )
        }
        let token = primary.token("fra")
        #expect(JoinToken(token.text) == token)
        try await join(token, at: primary, "a")
        await #expect(throws: FeedError.self) { try await join(token, at: primary, "b") }
        let late = primary.token("nrt", expiresIn: -1)
        await #expect(throws: FeedError.self) { try await join(late, at: primary, "c") }
        let foreign = other.token("nrt")
        await #expect(throws: FeedError.self) { try await join(foreign, at: primary, "d") }
        let text = primary.token("nrt").text
        let forged = try #require(JoinToken(text.replacing("nrt", with: "iad")))
        await #expect(throws: FeedError.self) { try await join(forged, at: primary, "e") }
        #expect(EdgeRecord.all(in: try await primary.registry.snapshot()).keys.sorted() == ["fra"])
        reactor.stop()
        await primary.stop()
        await other.stop()
    }

    @Test("primaries of one store have one authority, which the store keeps")
    func sharesAuthority() async throws {
        let folder = try TemporaryFolder()
        let registry = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/store"))
        let one = try await SharedAuthority.open(folder: folder.path + "/a", registry: registry)
        // A folder with an authority of its own takes the store's over.
        let own = try LocalAuthority(directory: folder.path + "/b") { _ in true }
        let two = try await SharedAuthority.open(folder: folder.path + "/b", registry: registry)
        #expect(own.fingerprint != one.fingerprint && two.fingerprint == one.fingerprint)
        let again = try await SharedAuthority.open(folder: folder.path + "/a", registry: registry)
        #expect(again.fingerprint == one.fingerprint)
        #expect(again.secret(for: "x") == two.secret(for: "x"))
    }

    @Test("without a certificate nothing is read, and with one nothing is written")
    func readsOnly() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let reactor = Reactor()
        reactor.start()
        let identity = try await Enrolment.join(
            primary.token("fra"),
            at: [primary.address],
            folder: folder.path + "/fra",
            on: reactor
        )
        var options = TLSClientOptions()
        options.trustsSystemRoots = false
        options.authorityFiles = [primary.authority.certificatePath]
        let anonymous = try TLSContext.client(options: options)
        func status(_ method: String, _ path: String, _ context: TLSContext) async throws -> Int {
            let target = primary.address.target()
            return try await onReactor(reactor) {
                let pool = UpstreamPool(reactor: reactor, client: context)
                let caller = FeedCaller(pool: pool, target: target, patience: .seconds(5))
                let response = try await caller.send(method, path, body: [1])
                _ = try await response.body.collected(limit: 1 << 20)
                pool.closeIdle()
                return response.head.status
            }
        }
        try await eventually { primary.directory.condition(of: "fra").mayFollow }
        let member = try identity.clientContext()
        for path in ["feed", "snapshot", "blobs/" + String(repeating: "0", count: 64)] {
            #expect(try await status("GET", "/_portico/" + path, anonymous) == 403)
        }
        #expect(try await status("POST", "/_portico/applied", anonymous) == 403)
        #expect(try await status("GET", "/_portico/snapshot", member) == 200)
        for method in ["PUT", "DELETE", "POST", "PATCH"] {
            #expect(try await status(method, "/_portico/snapshot", member) == 405)
        }
        #expect(try await status("POST", "/_portico/applied", member) == 400)
        reactor.stop()
        await primary.stop()
    }

    @Test("a revoked edge is cut off at once and stays out, and keeps serving what it has")
    func revoked() async throws {
        let folder = try TemporaryFolder()
        var settings = quick()
        settings.heartbeat = .seconds(60)
        settings.silence = .seconds(120)
        let primary = try await Primary(folder: folder.path + "/primary", settings: settings)
        let edge = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [primary.address],
            token: primary.token("fra"),
            settings: settings
        )
        let revision = try await primary.publish("f", 1)
        await edge.replica.waitUntil(revision: revision)
        #expect(try await primary.office.revoke(name: "fra"))
        #expect(try await primary.office.revoke(name: "nobody") == false)
        // The heartbeat would come in a minute: what ends the feed is the revocation.
        try await eventually { edge.replica.status().error?.contains("was revoked") == true }
        let last = try await primary.registry.publish([bucket("late")])
        #expect(edge.replica.appliedRevision < last)
        #expect(edge.replica.box.current.functions["f:1"] != nil)
        #expect(primary.directory.statuses(head: last) { _ in nil }.isEmpty)
        await edge.stop()
        await primary.stop()
    }

    @Test("a certificate is renewed in the last third of its life, while the edge follows")
    func renews() async throws {
        let folder = try TemporaryFolder()
        var settings = quick()
        settings.certificateLife = 3600
        let primary = try await Primary(folder: folder.path + "/primary", settings: settings)
        let offset = Numbers()
        let edge = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [primary.address],
            token: primary.token("fra"),
            settings: settings
        ) { options in
            options.now = { Int(Date().timeIntervalSince1970) + (offset.all.last ?? 0) }
        }
        let before = edge.client.currentIdentity.certificate.fingerprint
        try await eventually { edge.replica.appliedRevision > 0 }
        #expect(edge.client.currentIdentity.certificate.fingerprint == before)
        offset.append(2500)
        try await eventually { edge.client.currentIdentity.certificate.fingerprint != before }
        offset.append(0)
        let revision = try await primary.publish("f", 1)
        await edge.replica.waitUntil(revision: revision)
        let kept = try #require(EdgeIdentity(folder: folder.path + "/fra/identity"))
        #expect(kept.certificate == edge.client.currentIdentity.certificate)
        await edge.stop()
        // The new certificate opens the door by itself.
        let again = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [primary.address],
            settings: settings
        )
        let next = try await primary.registry.publish([bucket("b")])
        await again.replica.waitUntil(revision: next)
        await again.stop()
        await primary.stop()
    }
}
