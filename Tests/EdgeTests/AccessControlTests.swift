import HTTP
import Model
import Testing

@testable import Edge

/// Requests to origins, signed.
@Suite("Origin access control")
struct AccessControlTests {
    /// A key of AWS's examples.
    private static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private static func signature(_ service: String, _ names: String) -> HeadSignature {
        HeadSignature(
            accessKey: "AKIAIOSFODNN7EXAMPLE",
            date: "20130524T000000Z",
            region: "us-east-1",
            service: service,
            signedHeaders: names.split(separator: ";").map(String.init)
        )
    }

    @Test("a signature is that of AWS's page")
    func example() {
        // "Authenticating Requests: Using the Authorization Header", example GET Object.
        let head = RequestHead(
            method: "GET",
            path: "/test.txt",
            headers: [
                "Host": "examplebucket.s3.amazonaws.com", "Range": "bytes=0-9",
                "x-amz-content-sha256": Self.empty, "x-amz-date": "20130524T000000Z",
            ]
        )
        let names = "host;range;x-amz-content-sha256;x-amz-date"
        #expect(
            Self.signature("s3", names).value(for: head, secret: Self.secret)
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        )
    }

    @Test(
        "paths are encoded once for buckets and twice for functions, queries are sorted",
        arguments: [
            (
                "lambda", "u1.lambda-url.us-east-1.on.aws", "x=1&b=%2F&a",
                "232c53220425eda3b858191d598dea5ef65c1b18a328a4f19debc7a94592ca1b"
            ),
            (
                "s3", "b.s3.amazonaws.com", "x=1",
                "a724ebe572e1840f3bfef46da161023770cf055c99633d3a6133c1ccccc69304"
            ),
        ]
    )
    func paths(_ service: String, _ host: String, _ query: String, _ wanted: String) {
        let head = RequestHead(
            method: "GET",
            path: "/a%20b/c%2Bd",
            query: query,
            headers: [
                "Host": host, "X-Amz-Content-Sha256": Self.empty,
                "X-Amz-Date": "20130524T000000Z", "X-Amz-Security-Token": "token",
            ]
        )
        let names = "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
        let signature = Self.signature(service, names)
        #expect(signature.value(for: head, secret: Self.secret) == wanted)
    }

    private static func bench(
        _ behavior: OriginAccessControl.SigningBehavior?,
        _ type: OriginAccessControl.OriginType = .lambda,
        change: (inout Distribution) -> Void = { _ in }
    ) -> Bench {
        var policy = CachePolicy.cachingDisabled
        policy.headers = .only(["Authorization"])
        policy.maxTTL = 1
        return Bench(
            .sample(policy: policy) { distribution in
                distribution.behaviors[0].allowedMethods = [
                    "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
                ]
                distribution.origins[0].domainName =
                    type == .lambda ? "u1.lambda-url.eu-west-1.on.aws" : "b.s3.amazonaws.com"
                distribution.origins[0].isS3 = type == .s3
                distribution.origins[0].accessControl = behavior.map {
                    OriginAccessControl(
                        id: "E9",
                        name: "a",
                        originType: type,
                        signingBehavior: $0
                    )
                }
                change(&distribution)
            },
            origin: PipelineTests.plain
        )
    }

    /// What the origin saw of a request with these headers.
    private static func sent(
        _ bench: Bench,
        method: String = "GET",
        headers: Headers = [:],
        body: String = ""
    ) async throws -> RequestHead {
        let got = await bench.get("/a%20b", method: method, headers: headers, body: body)
        #expect(got?.status == 200)
        return try #require(bench.origin.last)
    }

    private static let own = "arn:aws:cloudfront::123456789012:distribution/E1"

    @Test("always: requests are signed for their distribution, in place of the viewer's signature")
    func always() async throws {
        let head = try await Self.sent(Self.bench(.always), headers: ["Authorization": "Basic x"])
        #expect(head.headers.all("authorization").count == 1)
        let field = try #require(head.headers["authorization"])
        #expect(field.hasPrefix("AWS4-HMAC-SHA256 Credential=ASIACFE9/19700112/eu-west-1/lambda/"))
        #expect(head.headers["x-amz-date"] == "19700112T134640Z")
        #expect(OriginSigner.proof(of: head, service: "lambda") == .distribution(arn: Self.own))
        #expect(OriginSigner.proof(of: head, service: "s3") == .none)
    }

    @Test("what is changed on the way no longer fits the signature")
    func changed() async throws {
        let signed = try await Self.sent(Self.bench(.always))
        let changes: [(inout RequestHead) -> Void] = [
            { $0.path = "/other" }, { $0.query = "a=1" }, { $0.method = "PUT" },
            { $0.headers.set("Host", "other") }, { $0.headers.set("X-Amz-Security-Token", "x") },
            { $0.headers.set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
        ]
        for change in changes {
            var head = signed
            change(&head)
            #expect(OriginSigner.proof(of: head, service: "lambda") == .mismatch)
        }
    }

    @Test("never: the viewer's own signature goes on, and nothing is added")
    func never() async throws {
        let head = try await Self.sent(Self.bench(.never), headers: ["Authorization": "Basic x"])
        #expect(head.headers["authorization"] == "Basic x")
        #expect(head.headers["x-amz-date"] == nil)
        #expect(try await Self.sent(Self.bench(.never)).headers["authorization"] == nil)
    }

    @Test("no-override: only what the viewer left unsigned is signed")
    func noOverride() async throws {
        let bench = Self.bench(.noOverride)
        let own = try await Self.sent(bench, headers: ["Authorization": "Basic x"])
        #expect(own.headers["authorization"] == "Basic x" && own.headers["x-amz-date"] == nil)
        let head = try await Self.sent(bench)
        #expect(OriginSigner.proof(of: head, service: "lambda") == .distribution(arn: Self.own))
    }

    @Test("content is signed unread for buckets, by the viewer's digest for functions")
    func content() async throws {
        let bucket = Self.bench(.always, .s3)
        let put = try await Self.sent(bucket, method: "PUT", body: "x")
        #expect(put.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD")
        #expect(OriginSigner.proof(of: put, service: "s3") == .distribution(arn: Self.own))
        #expect(bucket.origin.lastTarget?.isTLS == true)
        let function = Self.bench(.always)
        let unknown = try await Self.sent(function, method: "PUT", body: "x")
        #expect(unknown.headers["x-amz-content-sha256"] == Self.empty)
        #expect(!OriginSigner.covers(Array("x".utf8), unknown))
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        let bench = Self.bench(.always) {
            $0.behaviors[0].originRequestPolicy =
                ManagedPolicies.originRequest["b689b0a8-53d0-40ab-baf2-68738e2966ac"]
        }
        let known = try await Self.sent(
            bench,
            method: "PUT",
            headers: ["X-Amz-Content-Sha256": digest],
            body: "x"
        )
        #expect(OriginSigner.covers(Array("x".utf8), known))
        #expect(OriginSigner.proof(of: known, service: "lambda") == .distribution(arn: Self.own))
    }

    @Test("an access identity signs as well, and no access control leaves requests alone")
    func identity() async throws {
        let bench = Self.bench(nil, .s3) {
            $0.origins[0].originAccessIdentity = "origin-access-identity/cloudfront/E7"
        }
        let head = try await Self.sent(bench)
        #expect(OriginSigner.proof(of: head, service: "s3") == .distribution(arn: Self.own))
        let plain = try await Self.sent(Self.bench(nil, .s3))
        #expect(plain.headers["x-amz-date"] == nil)
    }

    @Test("a CloudFront Function turns the access control off, and chooses another")
    func chosen() async throws {
        guard FunctionHost.isAvailable else { return }
        func head(_ config: String) async throws -> RequestHead {
            let bench = FunctionHookTests.bench(
                request: "require('cloudfront').updateRequestOrigin({ originAccessControlConfig: "
                    + "{ \(config) } }); return r",
                change: {
                    $0.origins[0].domainName = "b.s3.amazonaws.com"
                    $0.origins[0].isS3 = true
                    $0.origins[0].originAccessControlID = "E9"
                    $0.origins[0].accessControl = OriginAccessControl(
                        id: "E9",
                        name: "a",
                        originType: .s3,
                        signingBehavior: .always
                    )
                }
            )
            _ = await bench.get("/a")
            return try #require(bench.origin.last)
        }
        #expect(try await head("enabled: false").headers["authorization"] == nil)
        let signed = try await head(
            "enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3'"
        )
        #expect(OriginSigner.proof(of: signed, service: "s3") == .distribution(arn: Self.own))
    }
}
