import Crypto
import Foundation
import Synchronization
import TLS
import Testing

@Suite
struct ResumptionTests {
    /// Connects once and takes the tickets in.
    private func connect(
        _ server: TLSContext,
        _ client: TLSContext,
        name: String = "app.test",
        verifies: Bool = true
    ) throws -> Bool {
        let wire = try Wire(server, client, name: name, verifies: verifies)
        let steps = wire.handshake()
        try #require(steps.server == .done && steps.client == .done)
        try #require(Wire.send("x", from: wire.server, to: wire.client) == "x")
        #expect(wire.server.isResumed == wire.client.isResumed)
        return wire.server.isResumed
    }

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func ticketsSpareTheHandshake(_ version: TLSVersion) throws {
        let shop = try Workshop()
        let (server, client) = (
            try shop.server { $0.profile.maximumVersion = version }, try shop.client()
        )
        #expect(try !connect(server, client))
        #expect(try connect(server, client))
        #expect(try connect(server, client))
        #expect(try !connect(server, client, name: "other.test"))
        #expect(try !connect(server, shop.client { $0.reusesSessions = false }))
    }

    @Test(
        "a name with a profile of its own resumes as others do",
        arguments: [TLSVersion.tls12, .tls13]
    )
    func ticketsUnderAProfile(_ version: TLSVersion) throws {
        let shop = try Workshop()
        var profile = TLSProfile.intermediate
        profile.maximumVersion = version
        let rules = ["own.test": ServerNameRules(profile: profile)]
        let server = try shop.server { $0.rules = { rules[$0] } }
        let client = try shop.client()
        #expect(try !connect(server, client, name: "own.test"))
        #expect(try connect(server, client, name: "own.test"))
        server.rotateTicketKeys()
        #expect(try connect(server, client, name: "own.test"))
        #expect(try !connect(server, client, name: "app.test"))
    }

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func rotationKeepsTwoOldKeys(_ version: TLSVersion) throws {
        let shop = try Workshop()
        let (server, client) = (
            try shop.server { $0.profile.maximumVersion = version }, try shop.client()
        )
        #expect(try !connect(server, client))
        server.rotateTicketKeys()
        server.rotateTicketKeys()
        #expect(try connect(server, client))
        // The resumed connection brought a ticket under the newest key.
        server.rotateTicketKeys()
        #expect(try connect(server, client))
        for _ in 0..<3 { server.rotateTicketKeys() }
        #expect(try !connect(server, client))
    }

    @Test
    func agedKeysOpenNothing() throws {
        let shop = try Workshop()
        let server = try shop.server { $0.ticketKeyLifetime = .zero }
        let client = try shop.client()
        #expect(try !connect(server, client))
        #expect(try !connect(server, client))
    }

    @Test
    func unverifiedSessionsNeverStandInForVerifiedOnes() throws {
        let (shop, other) = (try Workshop(), try Workshop())
        let (server, client) = (try shop.server(), try other.client())
        #expect(try !connect(server, client, verifies: false))
        #expect(try connect(server, client, verifies: false))
        #expect(try Wire(server, client).handshake().client.error != nil)
    }

    @Test
    func contextsDoNotShareKeys() throws {
        let shop = try Workshop()
        let client = try shop.client()
        #expect(try !connect(shop.server(), client))
        #expect(try !connect(shop.server(), client))
    }
}

@Suite
struct CertificateStoreTests {
    @Test
    func providerIsAskedOncePerName() throws {
        let shop = try Workshop()
        let asked = AskedNames()
        let pair = try shop.pair("app.test")
        let store = CertificateStore { name in
            asked.add(name)
            return pair
        }
        let server = try TLSContext.server(certificates: store, options: TLSServerOptions())
        let client = try shop.client { $0.reusesSessions = false }
        for _ in 0..<3 { try #require(Wire(server, client).handshake().client == .done) }
        #expect(try Wire(server, client, name: "APP.test").handshake().client == .done)
        #expect(asked.names == ["app.test"])
        store.invalidate()
        #expect(try Wire(server, client).handshake().client == .done)
        #expect(asked.names == ["app.test", "app.test"])
        _ = try Wire(server, client, name: nil, verifies: false).handshake()
        #expect(asked.names == ["app.test", "app.test", nil])
    }

    @Test
    func threadsShareAContext() async throws {
        let shop = try Workshop()
        let (server, client) = (try shop.server(), try shop.client())
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var done = 0
                    for turn in 0..<10 {
                        let wire = try Wire(server, client, name: "n\((worker + turn) % 3).test")
                        if wire.handshake().client == .done { done += 1 }
                        if turn == 5 { server.rotateTicketKeys() }
                    }
                    return done
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(done == 40)
    }
}

/// Names in the order in which they were asked for.
final class AskedNames: Sendable {
    private let list = Mutex<[String?]>([])

    var names: [String?] { list.withLock { $0 } }

    func add(_ name: String?) { list.withLock { $0.append(name) } }
}
