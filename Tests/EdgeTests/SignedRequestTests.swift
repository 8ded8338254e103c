import Foundation
import HTTP
import Model
import Synchronization
import Testing
import Testkit

@testable import Edge

/// A key pair made by the openssl command in a folder of its own.
struct SigningKey {
    let folder: URL
    let publicPEM: String

    init(_ algorithm: String, _ options: String...) throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-signing-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let key = folder.appendingPathComponent("private").path
        try Self.openssl(["genpkey", "-algorithm", algorithm, "-out", key] + options)
        let open = folder.appendingPathComponent("public").path
        try Self.openssl(["pkey", "-in", key, "-pubout", "-out", open])
        publicPEM = try String(contentsOfFile: open, encoding: .utf8)
    }

    func remove() { try? FileManager.default.removeItem(at: folder) }

    /// A signature in CloudFront's alphabet.
    func sign(_ text: String, hash: String = "sha1") throws -> String {
        let input = folder.appendingPathComponent("input")
        let output = folder.appendingPathComponent("output")
        try Data(text.utf8).write(to: input)
        let key = folder.appendingPathComponent("private").path
        try Self.openssl([
            "dgst", "-" + hash, "-sign", key, "-out", output.path, input.path,
        ])
        return Self.alphabet(try Data(contentsOf: output))
    }

    static func alphabet(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "=", with: "_").replacingOccurrences(of: "/", with: "~")
    }

    private static func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        try process.start()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}

@Suite("Signed URLs and cookies", .timeLimit(.minutes(15)))
struct SignedRequestTests {
    private static let base = "https://app.localhost:8443"

    private func bench(_ key: SigningKey, policy: CachePolicy = .cachingOptimized) -> Bench {
        let trusted = PublicKey(id: "K1", name: "k", encodedKey: key.publicPEM)
        return Bench(
            .sample(policy: policy) { $0.behaviors[0].trustedKeyGroups = ["group"] },
            signers: ["K1": trusted],
            origin: PipelineTests.plain
        )
    }

    private static func canned(_ url: String, _ expires: Int) -> String {
        #"{"Statement":[{"Resource":"\#(url)","Condition":{"DateLessThan":"#
            + #"{"AWS:EpochTime":\#(expires)}}}]}"#
    }

    @Test(
        "a canned policy is checked with both kinds of key and both digests",
        arguments: [("RSA", "sha1"), ("RSA", "sha256"), ("EC", "sha1"), ("EC", "sha256")]
    )
    func canned(_ algorithm: String, _ hash: String) async throws {
        let option = algorithm == "RSA" ? "rsa_keygen_bits:2048" : "ec_paramgen_curve:P-256"
        let key = try SigningKey(algorithm, "-pkeyopt", option)
        defer { key.remove() }
        let bench = bench(key)
        let signature = try key.sign(Self.canned(Self.base + "/a?x=1", 2_000_000), hash: hash)
        let more = hash == "sha256" ? "&Hash-Algorithm=SHA256" : ""
        let query = "x=1&Expires=2000000&Signature=\(signature)&Key-Pair-Id=K1" + more
        let got = try #require(await bench.get("/a", query: query))
        #expect(got.status == 200)
        #expect(bench.origin.last?.target == "/a")
        let other = query.replacingOccurrences(of: "x=1", with: "x=2")
        let refused = try #require(await bench.get("/a", query: other))
        #expect(refused.status == 403)
        #expect(refused.text.contains("<Code>AccessDenied</Code>"))
        #expect(refused.header("content-type") == "text/xml")
        #expect(refused.cache == "Error from cloudfront")
        bench.advance(1_000_000)
        let late = try #require(await bench.get("/a", query: query))
        #expect(late.status == 403)
    }

    @Test("the parameters of a signature reach neither the key nor the origin")
    func parametersGo() async throws {
        let key = try SigningKey("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        defer { key.remove() }
        var policy = CachePolicy.cachingOptimized
        policy.queryStrings = .all
        let bench = bench(key, policy: policy)
        for expires in [2_000_000, 2_000_001] {
            let signature = try key.sign(Self.canned(Self.base + "/a?x=1", expires))
            let query = "Expires=\(expires)&x=1&Signature=\(signature)&Key-Pair-Id=K1"
            #expect(try #require(await bench.get("/a", query: query)).status == 200)
        }
        #expect(bench.origin.count == 1)
        #expect(bench.origin.last?.query == "x=1")
        #expect(try #require(await bench.get("/a", query: "x=1")).status == 403)
    }

    @Test(
        "each mistake has its code",
        arguments: [
            (nil, "MissingKey"), ("Expires=2000000&Signature=AA__", "MissingKey"),
            ("Expires=2000000&Signature=AA__&Key-Pair-Id=K2", "InvalidKey"),
            ("Expires=2000000&Signature=!!&Key-Pair-Id=K1", "MalformedSignature"),
            ("Expires=2000000&Key-Pair-Id=K1", "MalformedSignature"),
            ("Expires=tomorrow&Signature=AA__&Key-Pair-Id=K1", "MalformedPolicy"),
            ("Policy=!&Signature=AA__&Key-Pair-Id=K1", "MalformedPolicy"),
            ("Policy=e30_&Signature=AA__&Key-Pair-Id=K1", "MalformedPolicy"),
            ("Expires=2000000&Signature=AA__&Key-Pair-Id=K1", "AccessDenied"),
        ] as [(String?, String)]
    )
    func mistakes(_ query: String?, _ code: String) async throws {
        let key = try SigningKey("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        defer { key.remove() }
        let bench = bench(key)
        let got = try #require(await bench.get("/a", query: query))
        #expect(got.status == 403)
        #expect(got.text.contains("<Code>\(code)</Code>"))
        #expect(bench.origin.count == 0)
    }

    @Test("signed cookies open what their policy covers, from its addresses and in its time")
    func cookies() async throws {
        let key = try SigningKey("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        defer { key.remove() }
        let bench = bench(key)
        let policy =
            #"{"Statement":[{"Resource":"http*://app.localhost:8443/private/*","Condition":{"#
            + #""DateLessThan":{"AWS:EpochTime":1000100},"DateGreaterThan":{"AWS:EpochTime":999999},"#
            + #""IpAddress":{"AWS:SourceIp":"198.51.100.0/24"}}}]}"#
        let headers: Headers = [
            "Cookie": "CloudFront-Policy=\(SigningKey.alphabet(Data(policy.utf8)));"
                + " CloudFront-Signature=\(try key.sign(policy)); CloudFront-Key-Pair-Id=K1"
        ]
        func status(
            _ path: String,
            _ query: String? = nil,
            _ address: String = "198.51.100.7"
        )
            async -> Int?
        {
            await bench.get(path, query: query, headers: headers, address: address)?.status
        }
        #expect(await status("/private/a/b") == 200)
        #expect(await status("/private/a", "q=1") == 200)
        #expect(await status("/public") == 403)
        #expect(await status("/private/a", nil, "203.0.113.1") == 403)
        // A request with any parameter of a signature is judged by its URL alone.
        #expect(await status("/private/a", "Expires=2000000") == 403)
        bench.advance(200)
        #expect(await status("/private/a/b") == 403)
    }

    @Test(
        "resources match section by section",
        arguments: [
            ("http*://d.example/*game.zip*", "https://d.example/a/game.zip?x=1", true),
            ("http*://d.example/*game.zip*", "http://d.example/game.zip", true),
            ("https://www.example.com/hello*world", "https://www.example.com/hello-world", true),
            ("https://www.example.com/hello*world", "https://other.example/hello-world", false),
            ("https://*.example.com/*", "https://a.example.com/b?c", true),
            ("https://*.example.com/*", "https://evil.com/x.example.com/b", false),
            ("https://d.example*", "https://d.example/b?c", true),
            ("d.example/a", "http://d.example/a", true), ("*", "http://any/", true),
            ("https://d.example/a?b=*", "https://d.example/a?b=1", true),
            ("https://d.example/a", "https://d.example/a?b=1", false),
            ("https://d.example/?", "https://d.example/", true),
            ("http://d.example/a", "https://d.example/a", false),
        ]
    )
    func resources(_ resource: String, _ url: String, _ matches: Bool) {
        #expect((resource == "*" || SignedPolicy.matches(resource, url)) == matches)
    }
}
