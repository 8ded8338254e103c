import DataPlane
import HTTP
import Model
import Reactor
import Synchronization
import Testing

@testable import Edge

/// A body whose pieces come when the test lets them.
private final class GatedSource: BodySource {
    let gate: Gate
    private var sent = 0
    let trailers = Headers()

    init(_ gate: Gate) { self.gate = gate }

    func read() async throws(Fault) -> Bytes? {
        guard sent < gate.pieces.count else { return nil }
        await gate.wait(for: sent)
        if gate.isBroken { throw Fault(.connectionReset, side: .origin) }
        sent += 1
        return Array(gate.pieces[sent - 1].utf8)[...]
    }
}

/// Opens piece by piece.
private final class Gate: ExchangeHandler, OriginResolver {
    private struct State {
        var opened = 0
        var isBroken = false
        var waiters: [CheckedContinuation<Void, Never>] = []
        var requests = 0
    }
    let pieces: [String]
    private let state = Mutex(State())

    init(_ pieces: [String]) { self.pieces = pieces }

    var isBroken: Bool { state.withLock(\.isBroken) }
    var requests: Int { state.withLock(\.requests) }

    func open(_ count: Int) { change { $0.opened += count } }
    func breakOff() { change { $0.isBroken = true } }

    private func change(_ change: (inout State) -> Void) {
        let waiters = state.withLock { state in
            change(&state)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait(for index: Int) async {
        while true {
            let isOpen = state.withLock { $0.opened > index || $0.isBroken }
            if isOpen { return }
            await withCheckedContinuation { continuation in
                let isQueued = state.withLock { state in
                    guard state.opened <= index, !state.isBroken else { return false }
                    state.waiters.append(continuation)
                    return true
                }
                if !isQueued { continuation.resume() }
            }
        }
    }

    func target(for origin: OriginRequest) -> OriginTarget { .door(self) }

    func respond(to exchange: inout Exchange) async -> Response {
        state.withLock { $0.requests += 1 }
        let length = pieces.reduce(0) { $0 + $1.utf8.count }
        return Response(
            head: ResponseHead(status: 200),
            body: .stream(GatedSource(self), length: length)
        )
    }
}

/// A viewer on a reactor of its own that tells of each piece it gets.
private struct Watcher: Sendable {
    let reactor: Reactor
    let pieces: AsyncStream<String>
    private let feed: AsyncStream<String>.Continuation

    init() {
        reactor = Reactor()
        reactor.start()
        (pieces, feed) = AsyncStream.makeStream()
    }

    /// Asks; the head comes as `X-Cache`, then each piece, then `end` or `fault`.
    ///
    /// With a pause, the head is taken and the body left alone until the gate opens.
    func ask(_ pipeline: EdgePipeline, pause: Gate? = nil) {
        reactor.submit { [self] in
            var exchange = Exchange(
                request: RequestHead(method: "GET", path: "/a", headers: ["Host": "h"]),
                body: .empty,
                viewer: Viewer(address: "::1", port: 1, isTLS: true, localPort: 443),
                context: ReactorContext.make(reactor: reactor)
            )
            let response = await pipeline.respond(to: &exchange)
            feed.yield(response.head.headers["x-cache"] ?? "")
            await pause?.wait(for: 0)
            guard case .stream(let source, _) = response.body else {
                if case .bytes(let bytes) = response.body {
                    feed.yield(String(decoding: bytes, as: UTF8.self))
                }
                feed.finish()
                return
            }
            do throws(Fault) {
                while let piece = try await source.read() {
                    feed.yield(String(decoding: piece, as: UTF8.self))
                }
                feed.yield("end")
            } catch {
                feed.yield("fault")
            }
            feed.finish()
        }
    }
}

@Suite("Answers that arrive for several", .timeLimit(.minutes(15)))
struct SharedAnswerTests {
    private func pipeline(_ gate: Gate) -> EdgePipeline {
        EdgePipeline(
            distribution: .sample(),
            edge: EdgeIdentity(name: "iad", httpsPort: 443),
            cache: CacheStore(),
            invoker: ScriptedInvoker([:]),
            origins: gate,
            log: { _ in },
            clock: { 1_000_000 }
        )
    }

    @Test("who joins a fetch gets what has arrived, before the rest has")
    func streaming() async {
        let gate = Gate(["one ", "two ", "three"])
        let pipeline = pipeline(gate)
        let first = Watcher()
        let second = Watcher()
        gate.open(1)
        first.ask(pipeline)
        var ones = first.pieces.makeAsyncIterator()
        #expect(await ones.next() == "Miss from cloudfront")
        #expect(await ones.next() == "one ")
        second.ask(pipeline)
        var twos = second.pieces.makeAsyncIterator()
        #expect(await twos.next() == "Hit from cloudfront")
        #expect(await twos.next() == "one ")
        gate.open(2)
        #expect(await twos.next() == "two ")
        #expect(await twos.next() == "three")
        #expect(await twos.next() == "end")
        #expect(await ones.next() == "two ")
        #expect(gate.requests == 1)
        let third = Watcher()
        third.ask(pipeline)
        var threes = third.pieces.makeAsyncIterator()
        #expect(await threes.next() == "Hit from cloudfront")
        #expect(await threes.next() == "one two three")
    }

    @Test("a joined fetch goes on when the viewer that began it does not read")
    func slowLeader() async {
        let gate = Gate(["one ", "two"])
        let pipeline = pipeline(gate)
        let pause = Gate([])
        let first = Watcher()
        gate.open(2)
        first.ask(pipeline, pause: pause)
        var ones = first.pieces.makeAsyncIterator()
        #expect(await ones.next() == "Miss from cloudfront")
        let second = Watcher()
        second.ask(pipeline)
        var rest: [String] = []
        for await piece in second.pieces { rest.append(piece) }
        #expect(rest == ["Hit from cloudfront", "one ", "two", "end"])
        pause.open(1)
        rest = []
        while let piece = await ones.next() { rest.append(piece) }
        #expect(rest == ["one ", "two", "end"])
        #expect(gate.requests == 1)
    }

    @Test("an origin that breaks off fails all readers, and the next request asks again")
    func broken() async {
        let gate = Gate(["one ", "two"])
        let pipeline = pipeline(gate)
        let watchers = [Watcher(), Watcher()]
        gate.open(1)
        watchers[0].ask(pipeline)
        var ones = watchers[0].pieces.makeAsyncIterator()
        #expect(await ones.next() == "Miss from cloudfront")
        watchers[1].ask(pipeline)
        var twos = watchers[1].pieces.makeAsyncIterator()
        #expect(await twos.next() == "Hit from cloudfront")
        gate.breakOff()
        var ends: [String?] = []
        while let piece = await ones.next() { ends.append(piece) }
        while let piece = await twos.next() { ends.append(piece) }
        #expect(ends.filter { $0 == "fault" }.count == 2)
        let third = Watcher()
        third.ask(pipeline)
        var threes = third.pieces.makeAsyncIterator()
        #expect(await threes.next() == "Miss from cloudfront")
        #expect(gate.requests == 2)
    }
}
