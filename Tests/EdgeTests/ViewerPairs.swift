import DataPlane
import Foundation
import Glibc
import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

/// A request that keeps to a rule of the distribution, and one that breaks it.
struct ViewerPair: Sendable, CustomTestStringConvertible {
    var rule: ViewerRule
    var keeps: @Sendable () async throws -> Received?
    var breaks: @Sendable () async throws -> Received?
    var testDescription: String { rule.rawValue }

    private static func bench(_ change: (inout Distribution) -> Void = { _ in }) -> Bench {
        Bench(.sample(change: change), origin: PipelineTests.plain)
    }

    static let all: [ViewerPair] = requests + signatures + origins

    private static let via = "1.1 0123456789abcdef.cloudfront.net (CloudFront)"

    private static let requests: [ViewerPair] = [
        ViewerPair(rule: .disabled) {
            await bench().get("/a")
        } breaks: {
            await bench { $0.isEnabled = false }.get("/a")
        },
        ViewerPair(rule: .urlTooLong) {
            await bench().get("/" + String(repeating: "a", count: 8_191))
        } breaks: {
            await bench().get("/" + String(repeating: "a", count: 8_192))
        },
        ViewerPair(rule: .headTooLarge) {
            await bench().get("/a", headers: ["X-A": String(repeating: "x", count: 32_000)])
        } breaks: {
            await bench().get("/a", headers: ["X-A": String(repeating: "x", count: 32_768)])
        },
        ViewerPair(rule: .chained) {
            await bench().get("/a", headers: ["Via": via])
        } breaks: {
            await bench().get("/a", headers: ["Via": via + ", " + via])
        },
        ViewerPair(rule: .https) {
            await bench { $0.behaviors[0].viewerProtocolPolicy = .httpsOnly }.get("/a")
        } breaks: {
            await bench { $0.behaviors[0].viewerProtocolPolicy = .httpsOnly }
                .get("/a", isTLS: false)
        },
        ViewerPair(rule: .method) {
            await bench().get("/a", method: "HEAD")
        } breaks: {
            // A HEAD has no page, so another method is asked.
            await bench().get("/a", method: "OPTIONS")
        },
        ViewerPair(rule: .contentOfGet) {
            await bench { $0.behaviors[0].allowedMethods = CacheBehavior.allMethods }
                .get("/a", method: "POST", body: "x")
        } breaks: {
            await bench().get("/a", body: "x")
        },
        ViewerPair(rule: .country) {
            await fromGermany(.whitelist)
        } breaks: {
            await fromGermany(.blacklist)
        },
        ViewerPair(rule: .bodyUnreadable) {
            await withBody(fails: false)
        } breaks: {
            await withBody(fails: true)
        },
    ]

    private static func fromGermany(_ kind: GeoRestriction.Kind) async -> Received? {
        let bench = bench {
            $0.geoRestriction.kind = kind
            $0.geoRestriction.countries = ["DE"]
        }
        let headers: Headers = ["X-Portico-Viewer": "country=DE"]
        return await bench.get("/a", headers: headers, address: "127.0.0.1")
    }

    /// A POST whose body a hook asks for.
    private static func withBody(fails: Bool) async -> Received? {
        let bench = Bench(
            .sample(hooks: [.viewerRequest], includeBody: true) {
                $0.behaviors[0].allowedMethods = CacheBehavior.allMethods
            },
            scripts: ["viewer-request:1": echo("request")],
            origin: PipelineTests.plain
        )
        return await bench.get("/a", method: "POST", body: "xyz", bodyFails: fails)
    }

    // MARK: Signatures

    private static let signatures: [ViewerPair] = [
        signed(.keyMissing, "Expires=2000000&Signature=AA__"),
        signed(.keyUnknown, "Expires=2000000&Signature=AA__&Key-Pair-Id=K2"),
        signed(.signatureMalformed, "Expires=2000000&Signature=!!&Key-Pair-Id=K1"),
        signed(.policyMalformed, "Expires=tomorrow&Signature=AA__&Key-Pair-Id=K1"),
        signed(.accessDenied, "Expires=2000000&Signature=AA__&Key-Pair-Id=K1"),
    ]

    private static func signed(_ rule: ViewerRule, _ query: String) -> ViewerPair {
        ViewerPair(rule: rule) {
            try await askSigned(nil)
        } breaks: {
            try await askSigned(query)
        }
    }

    /// Asks with a query, or with one that is signed as it should be.
    private static func askSigned(_ query: String?) async throws -> Received? {
        let key = try SigningKey("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        defer { key.remove() }
        let trusted = PublicKey(id: "K1", name: "k", encodedKey: key.publicPEM)
        let bench = Bench(
            .sample { $0.behaviors[0].trustedKeyGroups = ["group"] },
            signers: ["K1": trusted],
            origin: PipelineTests.plain
        )
        let policy =
            #"{"Statement":[{"Resource":"https://app.localhost:8443/a","Condition":"#
            + #"{"DateLessThan":{"AWS:EpochTime":2000000}}}]}"#
        let good = "Expires=2000000&Signature=\(try key.sign(policy))&Key-Pair-Id=K1"
        return await bench.get("/a", query: query ?? good)
    }

    // MARK: Origins

    private static let origins: [ViewerPair] = [
        ViewerPair(rule: .originName) {
            await failing(.none)
        } breaks: {
            await failing(.name)
        },
        ViewerPair(rule: .originConnect) {
            await failing(.none)
        } breaks: {
            await failing(.connect)
        },
        ViewerPair(rule: .originFailed) {
            await failing(.none)
        } breaks: {
            await failing(.close)
        },
        ViewerPair(rule: .originTimeout) {
            await failing(.none)
        } breaks: {
            await failing(.silence)
        },
    ]

    private enum Failure: Sendable { case none, name, connect, close, silence }

    /// Asks an origin that fails in one way.
    private static func failing(_ failure: Failure) async -> Received? {
        let bench = bench {
            $0.origins[0].connectionAttempts = 1
            // Only silence is to time out, however slow the machine is.
            $0.origins[0].readTimeout = failure == .silence ? 1 : 120
        }
        let peer = RawPeer(isSilent: failure == .silence)
        defer { peer.stop() }
        let target: (host: String, port: Int)? =
            switch failure {
            case .none: nil
            case .name: ("no-such-name.invalid", 80)
            case .connect: ("127.0.0.1", RawPeer.closedPort())
            case .close, .silence: ("127.0.0.1", peer.port)
            }
        if let target {
            bench.origin.broken.withLock {
                $0["origin.example"] = .upstream(
                    .init(host: target.host, port: target.port, isTLS: false)
                )
            }
        }
        return await bench.get("/a")
    }
}

/// A listener that says nothing, or hangs up on whoever has sent something.
private final class RawPeer: Sendable {
    let port: Int
    private let descriptor: Int32

    init(isSilent: Bool) {
        (descriptor, port) = Self.listen()
        guard !isSilent else { return }
        let descriptor = descriptor
        Thread.detachNewThread {
            while case let peer = accept(descriptor, nil, nil), peer >= 0 {
                var byte: UInt8 = 0
                _ = read(peer, &byte, 1)
                close(peer)
            }
        }
    }

    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// A port at which nobody listens any more.
    static func closedPort() -> Int {
        let (descriptor, port) = listen()
        close(descriptor)
        return port
    }

    private static func listen() -> (Int32, Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, size)
                _ = Glibc.listen(descriptor, 16)
                _ = getsockname(descriptor, $0, &size)
            }
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}
