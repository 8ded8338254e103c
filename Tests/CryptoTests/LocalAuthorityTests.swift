import Crypto
import Foundation
import Testing

/// A folder that goes with the test.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "portico-" + Digest.hex(RandomBytes.make(8))
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(_ file: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + file)
        return try #require(attributes[.posixPermissions] as? Int)
    }
}

@Suite
struct LocalAuthorityTests {
    private static let start = 1_800_000_000
    private static let day = 86400

    private func authority(_ scratch: Scratch, day: Int = 0) throws -> LocalAuthority {
        try LocalAuthority(
            directory: scratch.path,
            now: { Self.start + day * Self.day },
            serves: { !$0.hasSuffix("elsewhere.test") }
        )
    }

    @Test
    func authorityIsMadeOnceWithAPrivateKey() throws {
        let scratch = try Scratch()
        let first = try authority(scratch)
        #expect(try scratch.mode("ca-key.pem") == 0o600)
        #expect(try scratch.mode("ca.pem") == 0o644)
        let again = try authority(scratch)
        #expect(again.certificatePEM == first.certificatePEM)
        let summary = try #require(again.inventory().first)
        #expect(summary.isAuthority && summary.isCurrent)
        #expect(summary.name.hasPrefix("Portico Local CA "))
        #expect(summary.description.contains("2027-01-15 to 2037-01-15"))
        #expect(summary.notAfter - Self.start == LocalAuthority.authorityLife)
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        #expect(!left.contains { $0.hasSuffix(".tmp") })
    }

    @Test
    func keyThatBecameReadableIsMadePrivate() throws {
        let scratch = try Scratch()
        _ = try authority(scratch)
        chmod(scratch.path + "/ca-key.pem", 0o644)
        _ = try authority(scratch)
        #expect(try scratch.mode("ca-key.pem") == 0o600)
    }

    @Test
    func leafIsReusedAcrossInstances() throws {
        let scratch = try Scratch()
        let leaf = try authority(scratch).leaf(for: "App.localhost")
        #expect(leaf.notAfter == Self.start + LocalAuthority.leafLife)
        #expect(try scratch.mode("leaves/app.localhost.pem") == 0o600)
        #expect(try authority(scratch, day: 59).leaf(for: "app.localhost") == leaf)
    }

    @Test
    func leafIsRenewedInItsLastThird() throws {
        let scratch = try Scratch()
        let leaf = try authority(scratch).leaf(for: "app.localhost")
        let renewed = try authority(scratch, day: 61).leaf(for: "app.localhost")
        #expect(renewed != leaf)
        #expect(renewed.notAfter == Self.start + 61 * Self.day + LocalAuthority.leafLife)
    }

    @Test
    func leafIsRenewedWhenTheAuthorityChanged() throws {
        let scratch = try Scratch()
        let leaf = try authority(scratch).leaf(for: "app.localhost")
        try FileManager.default.removeItem(atPath: scratch.path + "/ca.pem")
        let next = try authority(scratch)
        #expect(next.inventory().map(\.isCurrent) == [true, false])
        #expect(try next.leaf(for: "app.localhost") != leaf)
        #expect(next.inventory().map(\.isCurrent) == [true, true])
    }

    @Test
    func damagedLeafIsMintedAnew() throws {
        let scratch = try Scratch()
        let leaf = try authority(scratch).leaf(for: "app.localhost")
        try Data("damaged".utf8).write(
            to: URL(filePath: scratch.path + "/leaves/app.localhost.pem")
        )
        let fresh = try authority(scratch)
        #expect(try fresh.leaf(for: "app.localhost") != leaf)
        #expect(fresh.inventory().count == 2)
    }

    @Test
    func namesThatAreNotServedOrNotNames() throws {
        let scratch = try Scratch()
        let authority = try authority(scratch)
        let refused: [(String, AuthorityError.Kind)] = [
            ("a.elsewhere.test", .notServed), ("", .invalidName), ("../ca", .invalidName),
            ("a/b", .invalidName), ("a..b", .invalidName), ("*.localhost", .invalidName),
            ("a,DNS:b", .invalidName), (String(repeating: "a", count: 64), .invalidName),
            ("-a.test", .invalidName), ("a\0b", .invalidName),
        ]
        for (name, kind) in refused {
            let error = #expect(throws: AuthorityError.self) { try authority.leaf(for: name) }
            #expect(error?.kind == kind, "\(name)")
        }
        #expect(authority.inventory().count == 1)
    }

    @Test
    func addressesAndLongNamesHaveLeaves() throws {
        let scratch = try Scratch()
        let authority = try authority(scratch)
        let long = (0..<4).map { _ in String(repeating: "a", count: 60) }.joined(separator: ".")
        for name in ["127.0.0.1", "::1", long] { _ = try authority.leaf(for: name) }
        #expect(try authority.leaf(for: "0:0:0:0:0:0:0:1") == authority.leaf(for: "::1"))
        #expect(authority.inventory().count == 4)
    }

    @Test
    func halfAnAuthorityIsAClearError() throws {
        let scratch = try Scratch()
        _ = try authority(scratch)
        try FileManager.default.removeItem(atPath: scratch.path + "/ca-key.pem")
        let error = #expect(throws: AuthorityError.self) { try authority(scratch) }
        #expect(error?.kind == .storage)
        #expect(error?.description.contains("ca-key.pem is not") == true)
    }

    @Test
    func mintingTakesMilliseconds() throws {
        let scratch = try Scratch()
        let authority = try authority(scratch)
        let elapsed = try ContinuousClock().measure {
            for index in 0..<20 { _ = try authority.leaf(for: "name\(index).localhost") }
        }
        #expect(elapsed < .milliseconds(20 * 50))
    }
}
