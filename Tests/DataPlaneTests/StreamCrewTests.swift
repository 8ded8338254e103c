import Reactor
import Synchronization
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

// Limits: StreamCrew.restLimit
@Suite("Tasks of HTTP/2 streams", .timeLimit(.minutes(15)))
struct StreamCrewTests {
    private static let ok = Answering { _ in
        Response(status: 200, text: Task.isCancelled ? "cancelled" : "ok")
    }

    /// A number that another thread writes.
    private final class Count: Sendable {
        let value = Mutex(-1)
    }

    /// How many tasks wait on the server's reactor.
    private static func waiting(_ server: Server) -> Int {
        let count = Count()
        let reactor = server.reactor
        reactor.submit {
            let waiting = ReactorContext.make(reactor: reactor).crew.waitingCount
            count.value.withLock { $0 = waiting }
        }
        _ = eventually { count.value.withLock { $0 >= 0 } }
        return count.value.withLock { $0 }
    }

    @Test("a task that has answered a stream waits for the next one and ends with the connection")
    func waits() throws {
        let server = try Server(Self.ok)
        do {
            let wire = try H2Wire(port: server.port)
            // One that nobody asked for within its time has ended meanwhile: then ask again.
            let found = eventually {
                let answer = (try? wire.get("/")).map { wire.answer($0) }
                return answer?.status == 200 && Self.waiting(server) == 1
            }
            #expect(found)
        }
        #expect(eventually { Self.waiting(server) == 0 })
    }

    @Test("streams that come together have a task each, and those not needed any more end")
    func rests() throws {
        let server = try Server(Self.ok)
        let wire = try H2Wire(port: server.port)
        let found = eventually {
            let streams = (0..<10).compactMap { try? wire.get("/\($0)") }
            return streams.allSatisfy { wire.answer($0).status == 200 } && Self.waiting(server) > 1
        }
        #expect(found)
        #expect(eventually { Self.waiting(server) == 0 })
        #expect(wire.answer(try wire.get("/")).content == "ok")
    }

    @Test("a cancelled task serves no other stream")
    func cancelled() async throws {
        let begun = Signal()
        let cancelled = Signal()
        let server = try Server(
            Answering { exchange in
                guard exchange.request.target == "/slow" else {
                    return Response(status: 200, text: Task.isCancelled ? "cancelled" : "ok")
                }
                await withTaskCancellationHandler {
                    begun.fire()
                    await cancelled.wait()
                } onCancel: {
                    cancelled.fire()
                }
                return Response(status: 200, text: "late")
            }
        )
        let wire = try H2Wire(port: server.port)
        let slow = try wire.get("/slow")
        wire.flush()
        await begun.wait()
        wire.session.reset(slow, .cancel)
        wire.flush()
        await cancelled.wait()
        for _ in 0..<5 { #expect(wire.answer(try wire.get("/")).content == "ok") }
    }
}
