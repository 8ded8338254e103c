import DataPlane
import HTTP
import Model
import Testing

@testable import Edge

/// Calls of gRPC through a distribution.
@Suite("gRPC at the edge", .timeLimit(.minutes(2)))
struct GRPCTests {
    private func bench(_ change: (inout Distribution) -> Void = { _ in }) -> Bench {
        let distribution = Distribution.sample(hooks: [.viewerRequest, .originResponse]) {
            $0.behaviors[0].acceptsGRPC = true
            $0.behaviors[0].allowedMethods = CacheBehavior.allMethods
            $0.customErrorResponses = [
                CustomErrorResponse(errorCode: 404, responsePagePath: "/page", responseCode: 200)
            ]
            change(&$0)
        }
        return Bench(distribution, scripts: [:]) { head in
            (ResponseHead(status: head.path == "/none" ? 404 : 200), "x")
        }
    }

    private static let headers: Headers = [
        "Content-Type": "application/grpc+proto", "TE": "trailers", "grpc-timeout": "5S",
        "x-own": "1",
    ]

    @Test(
        "a call goes to the origin over HTTP/2, past functions and cache, with the fields of its protocol"
    )
    func call() async throws {
        let bench = bench()
        for _ in 0..<2 {
            let got = try #require(
                await bench.get("/a.B/C", method: "POST", headers: Self.headers, version: .http2)
            )
            #expect(got.status == 200 && got.cache == "Miss from cloudfront")
        }
        #expect(bench.origin.count == 2 && bench.invoker.functions.isEmpty)
        let asked = try #require(bench.origin.last)
        #expect(asked.version == .http2 && asked.headers["grpc-timeout"] == "5S")
        #expect(asked.headers["x-own"] == nil)
    }

    @Test("an error of a call has no page of its own, and a call without TLS is refused")
    func errors() async throws {
        let bench = bench()
        let lost = try #require(
            await bench.get("/none", method: "POST", headers: Self.headers, version: .http2)
        )
        #expect(lost.status == 404 && bench.origin.count == 1)
        let plain = try #require(
            await bench.get(
                "/a.B/C",
                method: "POST",
                headers: Self.headers,
                isTLS: false,
                version: .http2
            )
        )
        #expect(plain.status == 403 && bench.origin.count == 1)
    }

    @Test("whatever is no call, and every call where calls are not taken, runs the functions")
    func others() async throws {
        let bench = bench()
        _ = await bench.get("/a.B/C", method: "POST", headers: Self.headers)
        _ = await bench.get("/a.B/C", headers: Self.headers, version: .http2)
        let json: Headers = ["Content-Type": "application/json"]
        _ = await bench.get("/a.B/C", method: "POST", headers: json, version: .http2)
        let refusing = self.bench { $0.behaviors[0].acceptsGRPC = nil }
        _ = await refusing.get("/a.B/C", method: "POST", headers: Self.headers, version: .http2)
        // The function is missing, so each of them ends at its hook.
        #expect(bench.origin.count == 0 && refusing.origin.count == 0)
    }

    @Test("only the first origin of a group is asked")
    func group() async throws {
        let bench = bench {
            $0.origins.append(Origin(id: "p", domainName: "second.example.com"))
            $0.originGroups = [
                OriginGroup(id: "g", primary: "o", secondary: "p", statusCodes: [404])
            ]
            $0.behaviors[0].targetOriginID = "g"
        }
        let got = await bench.get("/none", method: "POST", headers: Self.headers, version: .http2)
        #expect(got?.status == 404 && bench.origin.count == 1)
    }
}
