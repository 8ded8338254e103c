import Reactor
import Synchronization
import Telemetry
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite("Admission", .timeLimit(.minutes(15)))
struct AdmissionTests {
    private static let hello = Answering { exchange in
        Response(status: 200, text: "hello \(exchange.request.path)\n")
    }

    private static func admission(_ change: (inout AdmissionLimits) -> Void) -> Admission {
        var limits = AdmissionLimits()
        change(&limits)
        return Admission(limits: limits)
    }

    private static func wire(_ server: Server, from source: String? = nil) throws -> Wire {
        let wire = try Wire(port: server.port, from: source)
        wire.setPatience(60)
        return wire
    }

    private static func ask(_ wire: Wire, _ path: String = "/") throws -> WireMessage {
        wire.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        return try wire.readResponse()
    }

    // Limits: AdmissionLimits.maximumConnections
    @Test("connections beyond the total are closed as they come, those before serve on")
    func total() throws {
        let admission = Self.admission { $0.maximumConnections = 2 }
        let server = try Server(Self.hello, admission: admission)
        let first = try Self.wire(server)
        let second = try Self.wire(server, from: "127.0.0.2")
        #expect(try Self.ask(first).status == 200)
        #expect(try Self.ask(second).status == 200)
        let third = try Self.wire(server, from: "127.0.0.3")
        #expect(third.awaitEnd() != .silent)
        #expect(admission.refusedInTotal.value == 1 && admission.refusedOfSource.value == 0)
        #expect(try Self.ask(first).status == 200)
        second.close()
        #expect(eventually { admission.connections.value == 1 })
        #expect(try Self.ask(try Self.wire(server)).status == 200)
    }

    // Limits: AdmissionLimits.maximumPerSource
    @Test(
        "connections beyond those of one source are closed as they come, other sources are let in"
    )
    func perSource() throws {
        let admission = Self.admission { $0.maximumPerSource = 2 }
        let server = try Server(Self.hello, admission: admission)
        let (first, second) = (try Self.wire(server), try Self.wire(server))
        #expect(try Self.ask(first).status == 200)
        #expect(try Self.ask(second).status == 200)
        #expect(try Self.wire(server).awaitEnd() != .silent)
        #expect(try Self.wire(server).awaitEnd() != .silent)
        #expect(admission.refusedOfSource.value == 2 && admission.refusedInTotal.value == 0)
        let other = try Self.wire(server, from: "127.0.0.2")
        #expect(try Self.ask(other).status == 200)
        first.close()
        #expect(eventually { admission.connections.value == 2 })
        #expect(try Self.ask(try Self.wire(server)).status == 200)
    }

    @Test("listeners that share an admission share its limits")
    func shared() throws {
        let admission = Self.admission { $0.maximumConnections = 1 }
        let one = try Server(Self.hello, admission: admission)
        let other = try Server(Self.hello, admission: admission)
        let wire = try Self.wire(one)
        #expect(try Self.ask(wire).status == 200)
        #expect(try Self.wire(other).awaitEnd() != .silent)
    }

    // Limits: ConnectionLimits.maximumRequests
    @Test("a connection that has carried its requests is ended with its last answer")
    func requests() throws {
        var limits = ConnectionLimits()
        limits.maximumRequests = 3
        let server = try Server(Self.hello, limits: limits)
        let wire = try Self.wire(server)
        for _ in 0..<2 { #expect(try Self.ask(wire)["connection"] == nil) }
        let last = try Self.ask(wire)
        #expect(last.status == 200 && last["connection"] == "close")
        #expect(wire.awaitEnd() == .closed)
    }

    // Limits: AdmissionLimits.retryAfter
    @Test("while memory is short requests get 503 and when to come again, over both versions")
    func shedding() throws {
        let admission = Self.admission { $0.retryAfter = 7 }
        let asked = Atomic<Int>(0)
        let handler = Answering { exchange in
            asked.add(1, ordering: .relaxed)
            return Response(status: 200, text: "served")
        }
        let server = try Server(handler, admission: admission)
        let wire = try Self.wire(server)
        let multiplexed = try H2Wire(port: server.port)
        #expect(try Self.ask(wire).status == 200)
        #expect(multiplexed.answer(try multiplexed.get("/")).status == 200)
        admission.shed(true)
        let refused = try Self.ask(wire)
        #expect(refused.status == 503 && refused["retry-after"] == "7")
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        #expect(try wire.readResponse().status == 503)
        let other = multiplexed.answer(try multiplexed.get("/"))
        #expect(other.status == 503 && other.headers["retry-after"] == "7")
        #expect(admission.shedRequests.value == 3)
        #expect(asked.load(ordering: .relaxed) == 2)
        admission.shed(false)
        #expect(try Self.ask(wire).status == 200)
        #expect(multiplexed.answer(try multiplexed.get("/")).status == 200)
    }

    // Limits: MemoryGuard.recoveryLimit
    @Test("a guard has requests turned away past its budget, and taken again well below it")
    func memory() {
        let admission = Admission()
        let bytes = Atomic<Int>(900)
        let freed = Atomic<Int>(0)
        let watch = MemoryGuard(
            budget: 1000,
            admission: admission,
            measure: { bytes.load(ordering: .relaxed) },
            release: { bytes.subtract(freed.load(ordering: .relaxed), ordering: .relaxed) }
        )
        watch.look()
        #expect(!admission.isShedding && watch.lastMeasured == 900)
        // What is only free inside the process turns nobody away.
        bytes.store(1100, ordering: .relaxed)
        freed.store(150, ordering: .relaxed)
        watch.look()
        #expect(!admission.isShedding && watch.lastMeasured == 950)
        freed.store(0, ordering: .relaxed)
        bytes.store(1001, ordering: .relaxed)
        watch.look()
        #expect(admission.isShedding)
        bytes.store(960, ordering: .relaxed)
        watch.look()
        #expect(admission.isShedding, "a little below the budget is not enough")
        bytes.store(950, ordering: .relaxed)
        watch.look()
        #expect(!admission.isShedding)
    }

    @Test("the memory of this process is measured, and grows with what is held")
    func measured() {
        let memory = ProcessMemory()
        let before = memory.residentBytes
        let held = [UInt8](repeating: 7, count: 64 << 20)
        let after = memory.residentBytes
        #expect(before > 1 << 20 && before < ProcessMemory.available)
        #expect(after - before > 32 << 20, "\(before) \(after)")
        #expect(held[held.count - 1] == 7)
    }

    @Test("a drain that spares idle connections takes one more request of each")
    func sparing() async throws {
        let server = try Server(Self.hello)
        let (busy, idle) = (try Self.wire(server), try Self.wire(server))
        #expect(try Self.ask(busy).status == 200)
        #expect(try Self.ask(idle).status == 200)
        let listener = server.listener
        let drained = Task(executorPreference: server.reactor) {
            await listener.drain(within: .seconds(240), sparingIdle: .seconds(240))
        }
        // Nobody is accepted any more: the drain has begun.
        #expect(eventually { (try? Wire(port: server.port)) == nil })
        let last = try Self.ask(busy)
        #expect(last.status == 200 && last["connection"] == "close")
        #expect(busy.awaitEnd() == .closed)
        idle.close()
        await drained.value
    }

    @Test("idle connections that a drain has spared are closed in the end")
    func spared() async throws {
        let server = try Server(Self.hello)
        let wire = try Self.wire(server)
        #expect(try Self.ask(wire).status == 200)
        await server.listener.drain(within: .seconds(240), sparingIdle: .milliseconds(30))
        #expect(wire.awaitEnd() == .closed)
    }
}
