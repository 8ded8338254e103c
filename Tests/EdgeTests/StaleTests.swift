import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

@Suite("Stale answers and errors", .timeLimit(.minutes(15)))
struct StaleTests {
    /// An origin that answers 200 with a directive until it is told to fail.
    private func bench(
        _ control: String,
        fails: Int? = 503,
        errors: [CustomErrorResponse] = [],
        policy: CachePolicy = .cachingOptimized
    ) -> (Bench, Atomic64) {
        let isDown = Atomic64()
        let bench = Bench(.sample(policy: policy) { $0.customErrorResponses = errors }) { head in
            if isDown.value > 0 { return (ResponseHead(status: fails ?? 503), "down") }
            let headers: Headers = ["Cache-Control": control]
            return (ResponseHead(status: 200, headers: headers), "good")
        }
        return (bench, isDown)
    }

    @Test("while it revalidates, the stale answer is served at once and refreshed behind it")
    func whileRevalidate() async throws {
        let count = Atomic64()
        let bench = Bench(.sample()) { _ in
            count.add(1)
            let headers: Headers = ["Cache-Control": "max-age=5, stale-while-revalidate=10"]
            return (ResponseHead(status: 200, headers: headers), "number \(count.value)")
        }
        #expect(try #require(await bench.get("/a")).text == "number 1")
        bench.advance(6)
        let stale = try #require(await bench.get("/a"))
        #expect(stale.text == "number 1")
        #expect(stale.cache == "Hit from cloudfront")
        #expect(stale.header("age") == "6")
        // The refresh runs on the same reactor right after; the next look-up finds its result.
        while bench.origin.count < 2 { await Task.yield() }
        var fresh = try #require(await bench.get("/a"))
        while fresh.text == "number 1" { fresh = try #require(await bench.get("/a")) }
        #expect(fresh.text == "number 2")
        bench.advance(30)
        #expect(try #require(await bench.get("/a")).text == "number 3")
    }

    @Test(
        "a stale answer stands for a failing origin as long as its directives let it",
        arguments: [
            ("max-age=5", 6, 200), ("max-age=5", 100_000, 200),
            ("max-age=5, stale-if-error=10", 6, 200), ("max-age=5, stale-if-error=10", 20, 503),
            ("max-age=5, stale-if-error=0", 6, 503), ("max-age=5, must-revalidate", 6, 503),
        ]
    )
    func ifError(_ control: String, _ later: Int, _ status: Int) async throws {
        let (bench, isDown) = bench(control)
        _ = await bench.get("/a")
        isDown.add(1)
        bench.advance(later)
        let got = try #require(await bench.get("/a"))
        #expect(got.status == status)
        #expect(got.text == (status == 200 ? "good" : "down"))
    }

    @Test("a 4xx of the origin is not replaced by a stale answer")
    func clientErrors() async throws {
        let (bench, isDown) = bench("max-age=5", fails: 404)
        _ = await bench.get("/a")
        isDown.add(1)
        bench.advance(6)
        #expect(try #require(await bench.get("/a")).status == 404)
    }

    @Test("a stale answer goes before a custom error page")
    func staleBeforePage() async throws {
        let page = CustomErrorResponse(
            errorCode: 503,
            responsePagePath: "/sorry",
            responseCode: 200,
            errorCachingMinTTL: 3
        )
        let (bench, isDown) = bench("max-age=5", errors: [page])
        _ = await bench.get("/a")
        isDown.add(1)
        bench.advance(6)
        #expect(try #require(await bench.get("/a")).text == "good")
        let asked = bench.origin.count
        bench.advance(2)
        _ = await bench.get("/a")
        #expect(bench.origin.count == asked)
        bench.advance(2)
        _ = await bench.get("/a")
        #expect(bench.origin.count == asked + 1)
    }

    @Test(
        "errors are asked for again after their time",
        arguments: [
            (404, "", nil, 10), (404, "", 0, 0), (404, "", 30, 30), (500, "max-age=60", nil, 60),
            (500, "no-store", nil, 10), (404, "no-store", nil, 0), (403, "", nil, 0),
            (403, "max-age=20", nil, 20), (403, "s-maxage=20, max-age=1", nil, 20),
            (416, "max-age=20", nil, 0), (401, "", nil, 0), (410, "no-store, max-age=9", nil, 0),
            (501, "private", nil, 0), (502, "private", nil, 10), (405, "max-age=1", 5, 5),
        ] as [(Int, String, Int?, Int)]
    )
    func errorTimes(_ status: Int, _ control: String, _ minimum: Int?, _ time: Int) async throws {
        let errors = minimum.map {
            [CustomErrorResponse(errorCode: status, errorCachingMinTTL: $0)]
        }
        let bench = Bench(.sample { $0.customErrorResponses = errors ?? [] }) { _ in
            let headers: Headers = control.isEmpty ? [:] : ["Cache-Control": control]
            return (ResponseHead(status: status, headers: headers), "no")
        }
        let first = try #require(await bench.get("/a"))
        #expect(first.status == status)
        #expect(first.cache == "Error from cloudfront")
        if time > 0 {
            bench.advance(time - 1)
            #expect(try #require(await bench.get("/a")).cache == "Error from cloudfront")
            #expect(bench.origin.count == 1)
            bench.advance(1)
        }
        _ = await bench.get("/a")
        #expect(bench.origin.count == 2)
    }

    @Test("an error page that cannot be fetched gives the status of its own origin")
    func missingPage() async throws {
        let bench = Bench(
            .sample {
                $0.customErrorResponses = [
                    CustomErrorResponse(
                        errorCode: 404,
                        responsePagePath: "/sorry",
                        responseCode: 200
                    )
                ]
            }
        ) { head in (ResponseHead(status: head.path == "/sorry" ? 503 : 404), "none") }
        #expect(try #require(await bench.get("/a")).status == 503)
    }

    @Test("the request for an error page names what failed")
    func errorHeaders() async throws {
        let bench = Bench(
            .sample {
                var policy = OriginRequestPolicy(id: "p")
                policy.headers = .only(["CloudFront-Error-Uri", "CloudFront-Error-Args"])
                $0.behaviors[0].originRequestPolicy = policy
                $0.customErrorResponses = [
                    CustomErrorResponse(
                        errorCode: 404,
                        responsePagePath: "/sorry",
                        responseCode: 404
                    )
                ]
            }
        ) { head in (ResponseHead(status: head.path == "/sorry" ? 200 : 404), "page") }
        #expect(try #require(await bench.get("/a", query: "x=1")).status == 404)
        #expect(bench.origin.last?.headers["cloudfront-error-uri"] == "/a")
        #expect(bench.origin.last?.headers["cloudfront-error-args"] == "x=1")
    }
}

/// A counter that closures share.
final class Atomic64: Sendable {
    private let held = Atomic(0)
    var value: Int { held.load(ordering: .sequentiallyConsistent) }
    func add(_ number: Int) { held.add(number, ordering: .sequentiallyConsistent) }
}
