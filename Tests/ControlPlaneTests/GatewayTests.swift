import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Registry
import Telemetry
import Testing

@testable import ControlPlane

@Suite
struct GatewayTests {
    private let base = "/2015-03-31/functions"

    @Test
    func foreignHostsAndOriginsAreRefused() async throws {
        let fixture = try GatewayFixture()
        #expect(await fixture.send("GET", "/_portico/health").status == 200)
        #expect(await fixture.send("GET", "/_portico/health", host: "evil.test").status == 403)
        for (origin, status) in [
            ("https://evil.test", 403), ("null", 403), ("http://localhost:3000", 200),
            ("http://127.0.0.1.evil.test", 403),
        ] {
            let answer = await fixture.send(
                "GET",
                "/_portico/edges",
                headers: [("Origin", origin)]
            )
            #expect(answer.status == status, "\(origin)")
        }
    }

    @Test
    func pagesAreJSON() async throws {
        let fixture = try GatewayFixture()
        let health = try JSONValue.parse(await fixture.send("GET", "/_portico/health").text)
        #expect(health["status"]?.string == "ready")
        let latest = try JSONValue.parse(
            await fixture.send("GET", "/_portico/requests", query: "limit=1").text
        )
        #expect(latest.array?.map { $0["status"]?.int } == [404])
        #expect(
            await fixture.send("GET", "/_portico/requests", query: "limit=x").status == 400
        )
    }

    @Test
    func functionsLiveAndDie() async throws {
        let fixture = try GatewayFixture()
        #expect(try await fixture.create("f", "1").status == 201)
        let again = try await fixture.create("f", "1")
        #expect(again.status == 409)
        #expect(again.headers["x-amzn-errortype"] == "ResourceConflictException")
        let update = await fixture.send("PUT", base + "/f/code", try fixture.body("2", "f"))
        #expect(update.status == 200)
        let version = try JSONValue.parse(
            await fixture.send("POST", base + "/f/versions", "{}").text
        )
        #expect(version["Version"]?.string == "1")
        let same = try JSONValue.parse(await fixture.send("POST", base + "/f/versions", "{}").text)
        #expect(same["Version"]?.string == "1")
        let alias = "{\"Name\":\"live\",\"FunctionVersion\":\"1\"}"
        #expect(await fixture.send("POST", base + "/f/aliases", alias).status == 201)
        #expect(await fixture.send("POST", base + "/f/aliases", alias).status == 409)
        let gone = await fixture.send("DELETE", base + "/f", query: "Qualifier=1")
        #expect(gone.status == 409)
        #expect(await fixture.send("DELETE", base + "/f").status == 204)
        let missing = await fixture.send("GET", base + "/f")
        #expect(missing.status == 404)
        #expect(missing.text.contains("\"Message\":\"Function not found: arn:aws:lambda"))
    }

    @Test
    func invocations() async throws {
        let fixture = try GatewayFixture()
        _ = try await fixture.create("f", "1")
        let path =
            base + "/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations"
        let answer = await fixture.send("POST", path, "[1]")
        #expect(answer.status == 200 && answer.text == "[1]")
        #expect(answer.headers["x-amz-executed-version"] == "$LATEST")
        let failed = await fixture.send("POST", base + "/Hello/invocations", "\"fail\"")
        #expect(failed.status == 200)
        #expect(failed.headers["x-amz-function-error"] == "Unhandled")
        for (type, status) in [("DryRun", 204), ("Event", 202), ("Nonsense", 400)] {
            let answer = await fixture.send(
                "POST",
                base + "/f/invocations",
                "{}",
                headers: [("X-Amz-Invocation-Type", type)]
            )
            #expect(answer.status == status)
        }
        #expect(await fixture.send("POST", base + "/f/invocations", "{x").status == 400)
        #expect(await fixture.send("POST", base + "/g/invocations", "{}").status == 404)
        #expect(await fixture.send("GET", "/2020-05-31/nothing").status == 404)
    }

    @Test("a store that fails is the service's fault, in its own words and form")
    func brokenStore() async throws {
        let fixture = try GatewayFixture()
        #expect(try await fixture.create("f", "1").status == 201)
        fixture.registry.close()
        let answer = try await fixture.create("g", "2")
        #expect(answer.status == 500, "\(answer)")
        #expect(answer.headers["x-amzn-errortype"] == "ServiceException")
        let body = try JSONValue.parse(answer.text)
        #expect(body["Type"]?.string == "Service")
        #expect(body["Message"]?.string?.contains("the store is closed") == true, "\(answer.text)")
        // What is in memory can still be read.
        #expect(await fixture.send("GET", base + "/f").status == 200)
    }
}
