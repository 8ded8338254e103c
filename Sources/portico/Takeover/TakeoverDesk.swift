import DataPlane
import Foundation
import Reactor
import Synchronization

/// Where a new process asks the running node to hand over: a socket in the state folder, for its user alone.
final class TakeoverDesk: Sendable {
    /// What the node does when it is asked.
    struct Duties: Sendable {
        /// Lets go of what only one process may do, and says what is handed over with which descriptors.
        var prepare: @Sendable () async -> (handover: Handover, descriptors: [Int32])
        /// The new process did not come to serve: all is as before.
        var resume: @Sendable () async -> Void
        /// The new process serves: this one has to let go of what was handed over, drain and end.
        var end: @Sendable () -> Void
    }

    private let folder: String
    private let reactor: Reactor
    private let log: LogWriter
    private let duties: Duties
    private let listening = Mutex<ReactorLocal<Readiness>?>(nil)

    init(folder: String, reactor: Reactor, log: LogWriter, duties: Duties) {
        self.folder = folder
        self.reactor = reactor
        self.log = log
        self.duties = duties
    }

    private var path: String { folder + "/" + Handover.socketName }

    /// Takes requests from now on, one at a time.
    func open() async {
        unlink(path)
        let descriptor: Int32
        do throws(SocketError) {
            descriptor = try MessageChannel.listen(in: folder, as: Handover.socketName)
        } catch {
            return log.line("--takeover will not work: \(error.text)", level: .warning)
        }
        await reactor.run { [self] in
            let readiness = ReactorLocal(reactor.register(descriptor))
            listening.withLock { $0 = readiness }
            reactor.submit { [self] in await serve(readiness.value) }
        }
    }

    /// Takes no more requests; the name goes, too, unless another process may have it by now.
    func close(keepsName: Bool) async {
        guard let readiness = listening.withLock({ $0.take() }) else { return }
        await reactor.run { [reactor] in reactor.close(readiness.value) }
        if !keepsName { unlink(path) }
    }

    private func serve(_ readiness: Readiness) async {
        while true {
            switch readiness.accept() {
            case .connection(let descriptor, _):
                let channel = MessageChannel(descriptor, on: reactor)
                guard await isTakenOver(by: channel) else { continue }
                // The channel stays open to the end of the process, which is what the other waits for.
                _ = Unmanaged.passRetained(channel)
                return duties.end()
            case .wouldBlock: guard await readiness.readable() == .ready else { return }
            case .again: continue
            case .exhausted: await reactor.sleep(for: .seconds(1))
            case .failed: return
            }
        }
    }

    /// Hands over to a process; false when that came to nothing and this node goes on.
    private func isTakenOver(by channel: MessageChannel) async -> Bool {
        guard channel.isOfOwnUser else { return false }
        let asked = await channel.receive(until: reactor.time + Handover.answerWithin)
        guard asked?.text == Handover.Word.request else { return false }
        log.line("another process asks to take over")
        let (handover, descriptors) = await duties.prepare()
        guard await give(handover, descriptors, to: channel),
            await channel.receive(until: reactor.time + Handover.startWithin)?.text
                == Handover.Word.serving
        else {
            channel.close()
            log.line("the other process did not come to serve; going on", level: .warning)
            await duties.resume()
            return false
        }
        let word = Array(Handover.Word.draining.utf8)
        guard await channel.send(word, until: reactor.time + Handover.answerWithin) else {
            log.line("the other process is gone; going on", level: .warning)
            await duties.resume()
            return false
        }
        return true
    }

    private func give(
        _ handover: Handover,
        _ descriptors: [Int32],
        to channel: MessageChannel
    ) async -> Bool {
        let deadline = reactor.time + Handover.answerWithin
        guard let text = try? JSONEncoder().encode(handover),
            await channel.send([UInt8](text), until: deadline)
        else { return false }
        for descriptor in descriptors {
            guard await channel.send([0x64], descriptor: descriptor, until: deadline) else {
                return false
            }
        }
        return true
    }
}
