import DataPlane
import HTTP
import Model
import Reactor
import Synchronization
import Testing

@testable import Edge

/// What a hit does not do.
@Suite("Cache hits")
struct HitTests {
    /// What was done on the reactor, in order.
    private final class Order: Sendable {
        let marks = Mutex<[String]>([])

        func add(_ mark: String) { marks.withLock { $0.append(mark) } }
    }

    @Test("a hit of 1 KiB is answered in one go: on its reactor's thread, without a suspension")
    func inOneGo() async throws {
        let bench = Bench(.sample()) { _ in
            (
                ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]),
                String(repeating: "x", count: 1024)
            )
        }
        #expect(await bench.get("/a")?.cache == "Miss from cloudfront")
        let pipeline = try #require(bench.pipeline)
        let reactor = bench.reactor
        let order = Order()
        for _ in 0..<20 {
            let isHit = await withCheckedContinuation { continuation in
                reactor.submit {
                    let viewer = Viewer(address: "::1", port: 1, isTLS: true, localPort: 443)
                    let context = ReactorContext.make(reactor: reactor)
                    var exchange = Exchange(
                        request: RequestHead(method: "GET", path: "/a", headers: ["Host": "h"]),
                        body: .empty,
                        viewer: viewer,
                        context: context
                    )
                    // What is submitted now runs as soon as this task suspends, and not before.
                    reactor.submit { order.add("another") }
                    let response = await pipeline.respond(to: &exchange)
                    order.add(reactor.isCurrent ? "hit" : "hit elsewhere")
                    let isHit = response.head.headers["x-cache"] == "Hit from cloudfront"
                    reactor.submit { continuation.resume(returning: isHit) }
                }
            }
            #expect(isHit)
        }
        let wanted = (0..<20).flatMap { _ in ["hit", "another"] }
        #expect(order.marks.withLock { $0 } == wanted)
    }

    @Test("a miss suspends, which the test above would see")
    func aMissSuspends() async throws {
        let bench = Bench(.sample(hooks: [.viewerRequest]), scripts: [:]) { _ in
            (ResponseHead(status: 200), "x")
        }
        let order = Order()
        let reactor = bench.reactor
        await withCheckedContinuation { continuation in
            reactor.submit {
                reactor.submit { order.add("another") }
                await withUnsafeContinuation { (inner: UnsafeContinuation<Void, Never>) in
                    reactor.submit { inner.resume() }
                }
                order.add("later")
                continuation.resume()
            }
        }
        #expect(order.marks.withLock { $0 } == ["another", "later"])
    }
}
