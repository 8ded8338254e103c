import Crypto
import Foundation
import TLS
import Testing

@Suite
struct HandshakeTests {
    @Test(arguments: [TLSVersion.tls12, .tls13])
    func bothVersionsCarryBytes(_ version: TLSVersion) throws {
        let shop = try Workshop()
        let wire = try Wire(shop.server { $0.profile.maximumVersion = version }, shop.client())
        let steps = wire.handshake()
        #expect(steps.server == .done && steps.client == .done)
        #expect(wire.server.protocolName == (version == .tls12 ? "TLSv1.2" : "TLSv1.3"))
        #expect(wire.server.cipherName.hasPrefix("TLS_"))
        #expect(wire.server.serverName == "app.test")
        #expect(Wire.send("hello", from: wire.client, to: wire.server) == "hello")
        let long = String(repeating: "0123456789", count: 4000)
        var rest = Substring(long)
        var received = ""
        while !rest.isEmpty {
            let part = rest.prefix(10_000)
            let text = String(part)
            received += Wire.send(text, from: wire.server, to: wire.client) ?? "nothing"
            rest = rest.dropFirst(part.count)
        }
        let isWhole = received == long
        #expect(isWhole)
    }

    @Test
    func versionsWithoutOverlapFail() throws {
        let shop = try Workshop()
        let wire = try Wire(
            shop.server { $0.profile.minimumVersion = .tls13 },
            shop.client { $0.maximumVersion = .tls12 }
        )
        #expect(wire.handshake().server.error?.kind == .rejected)
        #expect(throws: TLSError.self) {
            try shop.server {
                $0.profile.minimumVersion = .tls13
                $0.profile.maximumVersion = .tls12
            }
        }
    }

    @Test("a name's rules decide on version, cipher and protocol; other names keep the context's")
    func serverNameRules() throws {
        let shop = try Workshop()
        var old = TLSProfile.intermediate
        old.maximumVersion = .tls12
        old.ciphers = ["ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"]
        var oldest = old
        (oldest.minimumVersion, oldest.maximumVersion) = (.tls10, .tls11)
        let rules: [String: ServerNameRules] = [
            "old.test": ServerNameRules(profile: old, applicationProtocols: ["http/1.1"]),
            "oldest.test": ServerNameRules(profile: oldest),
        ]
        let server = try shop.server { $0.rules = { rules[$0] } }
        let client = try shop.client { $0.applicationProtocols = ["h2", "http/1.1"] }
        let first = try Wire(server, client, name: "old.test")
        #expect(first.handshake().server == .done)
        #expect(first.server.protocolName == "TLSv1.2")
        #expect(first.server.cipherName.hasSuffix("_WITH_AES_256_CBC_SHA"))
        #expect(first.server.applicationProtocol == "http/1.1")
        let second = try Wire(server, client, name: "new.test")
        #expect(second.handshake().server == .done)
        #expect(second.server.protocolName == "TLSv1.3")
        #expect(second.server.applicationProtocol == "h2")
        // This client begins with TLS 1.2.
        let third = try Wire(server, client, name: "oldest.test")
        #expect(third.handshake().server.error?.kind == .rejected)
    }

    @Test
    func serverNameChoosesTheCertificate() throws {
        let shop = try Workshop()
        let (server, client) = (try shop.server(), try shop.client())
        var shown: Set<[UInt8]> = []
        for name in ["one.test", "two.test"] {
            let wire = try Wire(server, client, name: name)
            #expect(wire.handshake().client == .done)
            shown.insert(try #require(wire.client.peerCertificateDER))
        }
        #expect(shown.count == 2)
        let address = try Wire(shop.server(), shop.client(), name: "127.0.0.1")
        // An address is never sent as a name, so the default certificate is shown.
        let error = try #require(address.handshake().client.error)
        #expect(error.description.contains("IP address mismatch"))
    }

    @Test
    func unknownNameEndsWithItsAlert() throws {
        let shop = try Workshop()
        let wire = try Wire(shop.server(), shop.client(), name: "unknown.test")
        let steps = wire.handshake()
        #expect(steps.server.error?.kind == .rejected)
        #expect(steps.client.error?.description.contains("unrecognized name") == true)
    }

    @Test
    func applicationProtocol() throws {
        let shop = try Workshop()
        let wire = try Wire(
            shop.server { $0.applicationProtocols = ["http/1.1", "spdy/1"] },
            shop.client { $0.applicationProtocols = ["spdy/1", "http/1.1"] }
        )
        wire.handshake()
        #expect(wire.server.applicationProtocol == "http/1.1")
        #expect(wire.client.applicationProtocol == "http/1.1")
        let silent = try Wire(shop.server(), shop.client { $0.applicationProtocols = [] })
        #expect(silent.handshake().server == .done)
        #expect(silent.server.applicationProtocol == nil)
        let strange = try Wire(shop.server(), shop.client { $0.applicationProtocols = ["h9"] })
        #expect(
            strange.handshake().client.error?.description.contains("no application protocol")
                == true
        )
    }

    @Test
    func closeIsTold() throws {
        let shop = try Workshop()
        let wire = try Wire(shop.server(), shop.client())
        wire.handshake()
        wire.server.shutdown()
        wire.server.shutdown()
        #expect(Wire.read(wire.client) == .closed)
        #expect(Wire.send("late", from: wire.client, to: wire.server) == "late")
        let cut = try Wire(shop.server(), shop.client())
        cut.handshake()
        _ = Wire.read(cut.client)
        cut.cutServer()
        guard case .failed(let error) = Wire.read(cut.client) else {
            Issue.record("a cut connection is not a close")
            return
        }
        #expect(error.kind == .truncated)
    }

    @Test
    func writingToAVanishedPeerIsAnError() throws {
        let shop = try Workshop()
        let wire = try Wire(shop.server(), shop.client())
        wire.handshake()
        wire.cutServer()
        let result = [UInt8](repeating: 1, count: 100).withUnsafeBytes { wire.client.write($0) }
        guard case .failed(let error) = result else {
            Issue.record("the write should fail")
            return
        }
        #expect(error.kind == .system(EPIPE))
    }

    @Test
    func fullSocketAsksToWait() throws {
        let shop = try Workshop()
        let wire = try Wire(shop.server(), shop.client())
        wire.handshake()
        let bytes = [UInt8](repeating: 7, count: 1 << 20)
        var sent = 0
        var result = TLSIO.bytes(0)
        while case .bytes(let count) = result, sent < 64 << 20 {
            sent += count
            result = bytes.withUnsafeBytes { wire.server.write($0) }
        }
        #expect(result == .wantWrite)
        var buffer = [UInt8](repeating: 0, count: 65536)
        var received = 0
        while case .bytes(let count) = buffer.withUnsafeMutableBytes({ wire.client.read(into: $0) })
        {
            received += count
        }
        #expect(received >= sent && sent > 0)
    }

    @Test
    func keyLogIsWritten() throws {
        let shop = try Workshop()
        let path = shop.path + "/keys.log"
        let wire = try Wire(shop.server { $0.keyLogPath = path }, shop.client())
        wire.handshake()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") })
        #expect(throws: TLSError.self) { try shop.server { $0.keyLogPath = "/nowhere/at/all" } }
    }
}

@Suite
struct VerificationTests {
    @Test
    func unknownAuthority() throws {
        let (shop, other) = (try Workshop(), try Workshop())
        let error = try #require(
            Wire(shop.server(), other.client()).handshake().client.error
        )
        guard case .verification = error.kind else {
            Issue.record("\(error)")
            return
        }
        #expect(error.description.contains("certificate"))
        #expect(
            try Wire(shop.server(), other.client(), verifies: false).handshake().client == .done
        )
    }

    @Test
    func wrongName() throws {
        let shop = try Workshop()
        let pair = try shop.pair("one.test")
        let server = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        let error = try #require(
            Wire(server, shop.client(), name: "two.test").handshake().client.error
        )
        #expect(error.description.contains("hostname mismatch"))
    }

    @Test
    func expired() throws {
        let shop = try Workshop(now: { Int(time(nil)) - 200 * 86400 })
        let error = try #require(Wire(shop.server(), shop.client()).handshake().client.error)
        #expect(error.description.contains("certificate has expired"))
    }

    @Test
    func clientCertificate() throws {
        let shop = try Workshop()
        let server = try shop.server { $0.clientAuthorityFiles = [shop.authority.certificatePath] }
        let bare = try Wire(server, shop.client())
        #expect(bare.handshake().server.error?.description.contains("certificate") == true)
    }

    @Test
    func unusableSettings() throws {
        let shop = try Workshop()
        let error = #expect(throws: TLSError.self) {
            try shop.client { $0.authorityFiles = ["/nowhere/ca.pem"] }
        }
        #expect(error?.description.contains("/nowhere/ca.pem") == true)
        let client = try shop.client()
        #expect(throws: TLSError.self) {
            try TLSSession(connecting: client, descriptor: 0, serverName: nil, verifies: true)
        }
    }

    @Test
    func keyOfAnotherCertificate() throws {
        let shop = try Workshop()
        var pair = try shop.pair("one.test")
        pair.keyPEM = try shop.pair("two.test").keyPEM
        let mixed = pair
        let server = try TLSContext.server(
            certificates: CertificateStore { _ in mixed },
            options: TLSServerOptions()
        )
        #expect(try Wire(server, shop.client()).handshake().server.error != nil)
    }
}
