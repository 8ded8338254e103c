import Foundation
import Testing

/// The sample stack, served by the real binary and asked by curl.
@Suite("Sample stack", .serialized, .timeLimit(.minutes(15)))
struct SampleStackTests {
    @Test("each of the four hooks leaves its mark, and a second request is a hit")
    func hooks() throws {
        let node = try RunningNode(["up"], in: RunningNode.root, isSample: true)
        let miss = try node.get("/about")
        #expect(miss.status == 200)
        #expect(miss.body.contains("origin saw /about/index.html"))
        #expect(miss.headers["x-ab-variant"] != nil)
        #expect(miss.headers["x-frame-options"] == "DENY")
        #expect(miss.headers["x-cache"] == "Miss from cloudfront")
        #expect(try node.get("/about").headers["x-cache"] == "Hit from cloudfront")
    }

    @Test(
        "the load balancer and the HTTP API answer from the same function, directly and as origins"
    )
    func otherDoors() throws {
        let node = try RunningNode(["up"], in: RunningNode.root, isSample: true)
        #expect(try node.get("/api/items/7").body.contains("\"parameters\":{\"id\":\"7\"}"))
        #expect(try node.get("/alb/x").body.contains("load balancer"))
        #expect(try node.get("/alb/x", host: "sample.elb.localhost").body.contains("load balancer"))
        #expect(try node.get("/nothing", host: "sample.elb.localhost").status == 404)
    }

    @Test("a body is inspected before the origin sees it")
    func bodies() throws {
        let node = try RunningNode(["up"], in: RunningNode.root, isSample: true)
        let fine = try node.get("/form/a", ["-d", "hello"])
        #expect(fine.body.contains("{\"received\":5,\"inspected\":\"5\"}"))
        let refused = try node.get("/form/a", ["-d", "<script>"])
        #expect(refused.status == 403)
        #expect(refused.headers["x-cache"] == "LambdaGeneratedResponse from cloudfront")
    }

    @Test("health, edges and requests are there for tools")
    func operations() throws {
        let node = try RunningNode(["up"], in: RunningNode.root, isSample: true)
        #expect(try node.api("/_portico/health").body.contains("\"status\":\"ready\""))
        _ = try node.get("/about")
        #expect(try node.api("/_portico/requests?limit=1").body.contains("viewer-request"))
        #expect(
            try node.api("/_portico/health", ["-H", "Origin: https://evil.example"]).status == 403
        )
    }
}
