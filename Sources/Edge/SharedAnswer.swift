import DataPlane
import HTTP
import Reactor
import Synchronization

/// An answer on its way into the cache, read by all that asked for it meanwhile.
///
/// The origin's body stays on the reactor that asked for it; whoever needs the next piece has it pulled
/// there, so that no reader waits for the viewer of another.
final class SharedAnswer: Sendable {
    private enum End {
        case complete
        case failed(Fault)
    }

    private struct State {
        var pieces: [Bytes] = []
        var size = 0
        var isPulling = false
        var end: End?
        var readers = 0
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private enum Step {
        case piece(Bytes)
        case end
        case failed(Fault)
        /// The caller pulls; whether it is the only reader.
        case pull(isAlone: Bool)
        case wait
    }

    /// The stored answer that it becomes, without its body.
    let preview: StoredResponse
    /// Unit: bytes.
    let length: Int
    private let reactor: Reactor
    private let source: ReactorLocal<any BodySource>
    private let finish: @Sendable (Bytes) -> Void
    private let fail: @Sendable () -> Void
    private let state = Mutex(State())

    /// Shares a body of known length; call on the reactor to which it belongs.
    init(
        _ source: any BodySource,
        length: Int,
        preview: StoredResponse,
        on reactor: Reactor,
        finish: @escaping @Sendable (Bytes) -> Void,
        fail: @escaping @Sendable () -> Void
    ) {
        self.source = ReactorLocal(source)
        self.length = length
        self.preview = preview
        self.reactor = reactor
        self.finish = finish
        self.fail = fail
    }

    deinit {
        if reactor.isCurrent { return }
        // The origin's connection is let go of where it lives.
        let source = source
        reactor.submit { _ = source }
    }

    /// A reader from the first byte on.
    func makeReader() -> SharedReader {
        state.withLock { $0.readers += 1 }
        return SharedReader(self)
    }

    fileprivate func leave() { state.withLock { $0.readers -= 1 } }

    fileprivate func hasPiece(_ index: Int) -> Bool {
        let isThere = state.withLock { state -> Bool? in
            if index < state.pieces.count || state.end != nil { return true }
            return state.isPulling ? false : nil
        }
        return isThere ?? (reactor.isCurrent && source.value.isReady)
    }

    /// The piece of this number, nil at the end.
    fileprivate func piece(_ index: Int) async throws(Fault) -> Bytes? {
        while true {
            switch step(index) {
            case .piece(let bytes): return bytes
            case .end: return nil
            case .failed(let fault): throw fault
            case .wait: await wait(for: index)
            case .pull(isAlone: true) where reactor.isCurrent: await pull()
            case .pull:
                // Not in the caller's task: its viewer may go away while others still read.
                reactor.submit { [self] in await pull() }
                await wait(for: index)
            }
        }
    }

    private func step(_ index: Int) -> Step {
        state.withLock { state in
            if index < state.pieces.count { return .piece(state.pieces[index]) }
            switch state.end {
            case .complete: return .end
            case .failed(let fault): return .failed(fault)
            case nil: break
            }
            if state.isPulling { return .wait }
            state.isPulling = true
            return .pull(isAlone: state.readers == 1)
        }
    }

    private func wait(for index: Int) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            let isQueued = state.withLock { state in
                guard state.isPulling, index >= state.pieces.count, state.end == nil else {
                    return false
                }
                state.waiters.append(continuation)
                return true
            }
            if !isQueued { continuation.resume() }
        }
    }

    /// Reads the next piece of the origin for all.
    private func pull() async {
        let piece: Bytes?
        var end: End?
        do throws(Fault) {
            piece = try await source.value.read()
        } catch {
            piece = nil
            end = .failed(error)
        }
        let (waiters, pieces) = state.withLock { state in
            if let piece {
                state.pieces.append(piece)
                state.size += piece.count
                if state.size == length { end = .complete }
            } else if end == nil {
                end = .failed(Fault(.incompleteBody, side: .origin))
            }
            state.end = end
            state.isPulling = false
            let waiters = state.waiters
            state.waiters = []
            return (waiters, end == nil ? [] : state.pieces)
        }
        switch end {
        case .complete: finish(Self.joined(pieces, length))
        case .failed: fail()
        case nil: break
        }
        for waiter in waiters { waiter.resume() }
    }

    private static func joined(_ pieces: [Bytes], _ length: Int) -> Bytes {
        if pieces.count == 1 { return pieces[0] }
        var whole: [UInt8] = []
        whole.reserveCapacity(length)
        for piece in pieces { whole += piece }
        return whole[...]
    }
}

/// One reader of a shared answer.
final class SharedReader: BodySource {
    private let answer: SharedAnswer
    private var index = 0
    let trailers = Headers()

    fileprivate init(_ answer: SharedAnswer) { self.answer = answer }

    deinit { answer.leave() }

    var isReady: Bool { answer.hasPiece(index) }

    func read() async throws(Fault) -> Bytes? {
        guard let piece = try await answer.piece(index) else { return nil }
        index += 1
        return piece
    }

    /// Reads the rest for the cache alone.
    func drain() async {
        do throws(Fault) {
            while try await read() != nil {}
        } catch {
            // Nothing is stored then; the reader has no viewer to tell.
        }
    }
}
