import Crypto
import Foundation
import JSON
import Model
import Testing

@testable import ControlPlane

/// A call that keeps to a rule of the APIs, and one that breaks it.
struct APIPair: Sendable, CustomTestStringConvertible {
    fileprivate typealias Call = @Sendable (APIStage) async throws -> APIStage.Answer

    var rule: APIRule
    fileprivate var keeps: Call
    fileprivate var breaks: Call
    var testDescription: String { rule.rawValue }

    private static func key(_ length: Int) -> String { String(repeating: "k", count: length) }

    static let all: [APIPair] = [
        APIPair(rule: .functionReplicated) { stage in
            try await stage.deleteVersion(associated: false)
        } breaks: { stage in
            try await stage.deleteVersion(associated: true)
        },
        APIPair(rule: .viewerFunctionSize) { stage in
            await stage.createFunction(code: String(repeating: "x", count: 10_240))
        } breaks: { stage in
            await stage.createFunction(code: String(repeating: "x", count: 10_241))
        },
        APIPair(rule: .viewerFunctionStore) { stage in
            let arn = try await stage.createStore().arn
            return await stage.createFunction(stores: [arn])
        } breaks: { stage in
            let arn = try await stage.createStore().arn
            return await stage.createFunction(stores: [arn, arn])
        },
        APIPair(rule: .viewerFunctionInUse) { stage in
            try await stage.deleteFunction(associated: false)
        } breaks: { stage in
            try await stage.deleteFunction(associated: true)
        },
        APIPair(rule: .keyValueKey) { stage in
            try await stage.put(key(512), "v")
        } breaks: { stage in
            try await stage.put(key(513), "v")
        },
        APIPair(rule: .keyValueValue) { stage in
            try await stage.put("k", key(1_024))
        } breaks: { stage in
            try await stage.put("k", key(1_025))
        },
        APIPair(rule: .keyValueChanges) { stage in
            try await stage.update((0..<50).map { ("k\($0)", "v") })
        } breaks: { stage in
            try await stage.update((0..<51).map { ("k\($0)", "v") })
        },
        APIPair(rule: .keyValueSize) { stage in
            try await stage.fillUp(with: 5_242_880 - 2)
        } breaks: { stage in
            try await stage.fillUp(with: 5_242_880 - 1)
        },
        APIPair(rule: .keyValueMatch) { stage in
            try await stage.put("k", "v")
        } breaks: { stage in
            try await stage.put("k", "v", match: "E0000000000000")
        },
    ]
}

@Suite("Every rule of the APIs has a pair", .timeLimit(.minutes(10)))
struct APIRuleTests {
    @Test("one call keeps to the rule, another breaks it", arguments: APIPair.all)
    func pair(_ pair: APIPair) async throws {
        let kept = try await pair.keeps(try APIStage())
        #expect(200...299 ~= kept.status, "\(kept.text)")
        let broken = try await pair.breaks(try APIStage())
        #expect(broken.status == pair.rule.status, "\(broken.text)")
        let code = broken.headers["x-amzn-errortype"] ?? broken.text
        #expect(code.contains(pair.rule.code))
    }

    @Test("no rule of the catalogue is without its pair")
    func complete() {
        let paired = Set(APIPair.all.map(\.rule.rawValue))
        let rules = Rules.all.map(\.id).filter { $0.hasPrefix("api.") }
        #expect(Set(rules).subtracting(paired).sorted() == [])
    }
}

/// The APIs over a registry of their own, with what calls need before they can be made.
private final class APIStage: Sendable {
    typealias Answer = GatewayFixture.Answer

    private let fixture: GatewayFixture
    private static let account = "123456789012"
    private static let namespace = "xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\""

    init() throws { fixture = try GatewayFixture() }

    private func cloudFront(
        _ method: String,
        _ path: String,
        _ body: String = "",
        match: String? = nil
    ) async -> Answer {
        await fixture.send(
            method,
            "/2020-05-31" + path,
            body,
            headers: match.map { [("If-Match", $0)] } ?? []
        )
    }

    private static func element(_ name: String, in text: String) throws -> String {
        let start = try #require(text.range(of: "<\(name)>")).upperBound
        let end = try #require(text.range(of: "</\(name)>")).lowerBound
        return String(text[start..<end])
    }

    // MARK: CloudFront Functions

    func createFunction(code: String = "x", stores: [String] = []) async -> Answer {
        let items = stores.map {
            "<KeyValueStoreAssociation><KeyValueStoreARN>\($0)</KeyValueStoreARN>"
                + "</KeyValueStoreAssociation>"
        }
        let associations =
            "<KeyValueStoreAssociations><Quantity>\(items.count)</Quantity>"
            + "<Items>\(items.joined())</Items></KeyValueStoreAssociations>"
        return await cloudFront(
            "POST",
            "/function",
            "<CreateFunctionRequest \(Self.namespace)><Name>f</Name><FunctionConfig><Comment/>"
                + "<Runtime>cloudfront-js-2.0</Runtime>\(stores.isEmpty ? "" : associations)"
                + "</FunctionConfig><FunctionCode>\(Base64.encode(Array(code.utf8)))</FunctionCode>"
                + "</CreateFunctionRequest>"
        )
    }

    func deleteFunction(associated: Bool) async throws -> Answer {
        let made = await createFunction()
        let etag = try #require(made.headers["etag"])
        #expect(await cloudFront("POST", "/function/f/publish", match: etag).status == 200)
        let arn = "arn:aws:cloudfront::\(Self.account):function/f"
        let item =
            "<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation>"
            + "<FunctionARN>\(arn)</FunctionARN><EventType>viewer-request</EventType>"
            + "</FunctionAssociation></Items></FunctionAssociations>"
        let site = await createDistribution(associated ? item : "")
        #expect(site.status == 201, "\(site.text)")
        return await cloudFront("DELETE", "/function/f", match: etag)
    }

    private func createDistribution(_ associations: String) async -> Answer {
        await cloudFront(
            "POST",
            "/distribution",
            "<DistributionConfig \(Self.namespace)><CallerReference>r</CallerReference><Comment/>"
                + "<Enabled>true</Enabled><Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id>"
                + "<DomainName>a.example</DomainName><CustomOriginConfig><HTTPPort>80</HTTPPort>"
                + "<HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy>"
                + "</CustomOriginConfig></Origin></Items></Origins><DefaultCacheBehavior>"
                + "<TargetOriginId>o</TargetOriginId><ViewerProtocolPolicy>allow-all"
                + "</ViewerProtocolPolicy><CachePolicyId>658327ea-f89d-4fab-a63d-7e88639e58f6"
                + "</CachePolicyId>\(associations)</DefaultCacheBehavior></DistributionConfig>"
        )
    }

    // MARK: Lambda functions

    func deleteVersion(associated: Bool) async throws -> Answer {
        let base = "/2015-03-31/functions"
        #expect(try await fixture.create("edge", "1").status == 201)
        #expect(await fixture.send("POST", base + "/edge/versions", "{}").status == 201)
        let arn = "arn:aws:lambda:us-east-1:\(Self.account):function:edge:1"
        let item =
            "<LambdaFunctionAssociations><Quantity>1</Quantity><Items><LambdaFunctionAssociation>"
            + "<LambdaFunctionARN>\(arn)</LambdaFunctionARN><EventType>viewer-request</EventType>"
            + "</LambdaFunctionAssociation></Items></LambdaFunctionAssociations>"
        let site = await createDistribution(associated ? item : "")
        #expect(site.status == 201, "\(site.text)")
        return await fixture.send("DELETE", base + "/edge", query: "Qualifier=1")
    }

    // MARK: Key-value stores

    func createStore() async throws -> (arn: String, etag: String) {
        let made = await cloudFront(
            "POST",
            "/key-value-store",
            "<CreateKeyValueStoreRequest \(Self.namespace)><Name>s</Name>"
                + "</CreateKeyValueStoreRequest>"
        )
        let arn = try Self.element("ARN", in: made.text)
        return (arn, try await etag(of: arn))
    }

    private func etag(of arn: String) async throws -> String {
        let shown = await fixture.send("GET", Self.path(arn))
        return try #require(shown.headers["etag"], "\(shown.text)")
    }

    private static func path(_ arn: String) -> String {
        let encoded = arn.replacingOccurrences(of: ":", with: "%3A")
            .replacingOccurrences(of: "/", with: "%2F")
        return "/key-value-stores/" + encoded
    }

    func put(_ key: String, _ value: String, match: String? = nil) async throws -> Answer {
        let store = try await createStore()
        return await fixture.send(
            "PUT",
            Self.path(store.arn) + "/keys/" + key,
            #"{"Value":"\#(value)"}"#,
            headers: [("If-Match", match ?? store.etag)]
        )
    }

    func update(_ puts: [(String, String)]) async throws -> Answer {
        let store = try await createStore()
        let items = puts.map { #"{"Key":"\#($0.0)","Value":"\#($0.1)"}"# }
        return await fixture.send(
            "POST",
            Self.path(store.arn) + "/keys",
            #"{"Puts":[\#(items.joined(separator: ","))]}"#,
            headers: [("If-Match", store.etag)]
        )
    }

    /// Puts one more pair of two bytes into a store that has so many already.
    func fillUp(with size: Int) async throws -> Answer {
        let store = try await createStore()
        try await fixture.change(record: "\(KeyValueStores.kind)/s") { record in
            record["Pairs"] = [
                "big": .string(String(repeating: "v", count: size - 3))
            ]
        }
        return await fixture.send(
            "PUT",
            Self.path(store.arn) + "/keys/k",
            #"{"Value":"v"}"#,
            headers: [("If-Match", try await etag(of: store.arn))]
        )
    }
}
