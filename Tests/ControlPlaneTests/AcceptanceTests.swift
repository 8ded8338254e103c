import Foundation
import JSON
import Testing

@testable import ControlPlane

/// The checks of the API that imitations of CloudFront usually fail.
@Suite("Acceptance checks of the API", .timeLimit(.minutes(5)))
struct AcceptanceTests {
    private static let namespace = "xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\""

    private static func function(_ root: String) -> String {
        "<\(root) \(namespace)><Name>f</Name><FunctionConfig><Comment/>"
            + "<Runtime>cloudfront-js-2.0</Runtime></FunctionConfig><FunctionCode>eA==</FunctionCode>"
            + "</\(root)>"
    }

    @Test("14: an update of a function gives its version under both spellings of the header")
    func update() async throws {
        let fixture = try GatewayFixture()
        let made = await fixture.send(
            "POST",
            "/2020-05-31/function",
            Self.function("CreateFunctionRequest")
        )
        let first = try #require(made.headers["etag"])
        let changed = await fixture.send(
            "PUT",
            "/2020-05-31/function/f",
            Self.function("UpdateFunctionRequest"),
            headers: [("If-Match", first)]
        )
        #expect(changed.status == 200, "\(changed.text)")
        let second = try #require(changed.headers["ettag"])
        #expect(changed.headers["etag"] == second && second != first)
    }

    private static func distribution(quantity: Int = 1, more: String = "") -> String {
        "<DistributionConfig \(namespace)><CallerReference>r</CallerReference><Comment/>"
            + "<Enabled>true</Enabled><Origins><Quantity>\(quantity)</Quantity><Items><Origin>"
            + "<Id>o</Id><DomainName>a.example</DomainName><CustomOriginConfig><HTTPPort>80"
            + "</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only"
            + "</OriginProtocolPolicy></CustomOriginConfig></Origin></Items></Origins>"
            + "<DefaultCacheBehavior><TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>"
            + "allow-all</ViewerProtocolPolicy><CachePolicyId>"
            + "658327ea-f89d-4fab-a63d-7e88639e58f6</CachePolicyId></DefaultCacheBehavior>\(more)"
            + "</DistributionConfig>"
    }

    @Test("15: an old version is 412, none is 400, a wrong quantity 400, deleting what is on 409")
    func preconditions() async throws {
        let fixture = try GatewayFixture()
        let path = "/2020-05-31/distribution"
        let wrong = await fixture.send("POST", path, Self.distribution(quantity: 2))
        #expect(wrong.status == 400 && wrong.text.contains("InconsistentQuantities"))
        let made = await fixture.send("POST", path, Self.distribution())
        #expect(made.status == 201)
        let etag = try #require(made.headers["etag"])
        let id = try #require(made.headers["location"]?.split(separator: "/").last)
        let shown = await fixture.send("GET", "\(path)/\(id)/config")
        func put(_ match: String?) async -> GatewayFixture.Answer {
            await fixture.send(
                "PUT",
                "\(path)/\(id)/config",
                shown.text,
                headers: match.map { [("If-Match", $0)] } ?? []
            )
        }
        let missing = await put(nil)
        #expect(missing.status == 400 && missing.text.contains("InvalidIfMatchVersion"))
        let updated = await put(etag)
        #expect(updated.status == 200, "\(updated.text)")
        let stale = await put(etag)
        #expect(stale.status == 412 && stale.text.contains("PreconditionFailed"))
        let current = try #require(updated.headers["etag"])
        let refused = await fixture.send(
            "DELETE",
            "\(path)/\(id)",
            headers: [("If-Match", current)]
        )
        #expect(refused.status == 409 && refused.text.contains("DistributionNotDisabled"))
    }

    @Test("16: the content of key-value stores is asked under the account's own host name")
    func keyValues() async throws {
        let fixture = try GatewayFixture()
        let made = await fixture.send(
            "POST",
            "/2020-05-31/key-value-store",
            "<CreateKeyValueStoreRequest \(Self.namespace)><Name>s</Name>"
                + "</CreateKeyValueStoreRequest>"
        )
        let start = try #require(made.text.range(of: "<ARN>")).upperBound
        let end = try #require(made.text.range(of: "</ARN>")).lowerBound
        let arn = made.text[start..<end].replacingOccurrences(of: ":", with: "%3A")
            .replacingOccurrences(of: "/", with: "%2F")
        for host in ["123456789012.localhost:4566", "localhost:4566"] {
            let shown = await fixture.send("GET", "/key-value-stores/\(arn)", host: host)
            #expect(shown.status == 200 && shown.text.contains("\"ItemCount\":0"), "\(host)")
        }
    }
}
