import DataPlane
import Foundation
import Reactor

/// The node that this process takes over from: its sockets, its lock, its web apps.
final class Predecessor: Sendable {
    /// What the node said of itself.
    let handover: Handover
    /// The lock of the state folder.
    let lock: Int32
    let sockets: InheritedSockets
    /// Three descriptors for each web app.
    let applications: [[Int32]]
    private let reactor: Reactor
    private let channel: ReactorLocal<MessageChannel>

    private init(
        _ handover: Handover,
        _ descriptors: [Int32],
        _ channel: ReactorLocal<MessageChannel>,
        _ reactor: Reactor
    ) {
        self.handover = handover
        self.channel = channel
        self.reactor = reactor
        lock = descriptors[0]
        let count = handover.groups.reduce(0) { $0 + $1.count }
        sockets = InheritedSockets(
            handover.groups,
            descriptors: Array(descriptors[1..<(1 + count)])
        )
        let size = Handover.Application.descriptors
        applications = stride(from: 1 + count, to: descriptors.count, by: size).map {
            Array(descriptors[$0..<($0 + size)])
        }
    }

    /// Asks the node that has this state folder to hand over; nil when there is none.
    ///
    /// - Throws: `CommandFailure` when there is one that does not.
    static func find(state: String, on reactor: Reactor) async throws -> Predecessor? {
        let descriptor: Int32
        do throws(SocketError) {
            descriptor = try MessageChannel.connect(to: Handover.socketName, in: state)
        } catch {
            if [ENOENT, ECONNREFUSED].contains(error.number) { return nil }
            throw CommandFailure("cannot ask the running node to hand over: \(error.text)")
        }
        return try await reactor.run { try await ask(descriptor, on: reactor) }
    }

    private static func ask(_ descriptor: Int32, on reactor: Reactor) async throws -> Predecessor {
        let channel = MessageChannel(descriptor, on: reactor)
        guard channel.isOfOwnUser else {
            throw CommandFailure("the running node belongs to another user")
        }
        var received: [Int32] = []
        do {
            let handover = try await receive(over: channel, into: &received, on: reactor)
            return Predecessor(handover, received, ReactorLocal(channel), reactor)
        } catch {
            for descriptor in received { close(descriptor) }
            throw error
        }
    }

    private static func receive(
        over channel: MessageChannel,
        into received: inout [Int32],
        on reactor: Reactor
    ) async throws -> Handover {
        let silence = CommandFailure(
            "the running node does not hand over; is it busy with another?"
        )
        let deadline = reactor.time + Handover.answerWithin
        guard await channel.send(Array(Handover.Word.request.utf8), until: deadline),
            let first = await channel.receive(until: deadline)
        else { throw silence }
        guard let handover = try? JSONDecoder().decode(Handover.self, from: Data(first.bytes)),
            handover.version == Handover.currentVersion
        else {
            throw CommandFailure(
                "the running node hands over in a way that this version cannot take"
            )
        }
        while received.count < handover.descriptors {
            guard let next = await channel.receive(until: deadline), let given = next.descriptor
            else { throw silence }
            received.append(given)
        }
        return handover
    }

    /// Tells the node that this one serves; returns once it takes nothing more on.
    ///
    /// - Throws: `CommandFailure` when the node has given this one up meanwhile.
    func announceServing() async throws {
        sockets.closeRest()
        let isDraining = await reactor.run { [self] in
            let deadline = reactor.time + Handover.answerWithin
            let word = Array(Handover.Word.serving.utf8)
            guard await channel.value.send(word, until: deadline) else { return false }
            return await channel.value.receive(until: deadline)?.text == Handover.Word.draining
        }
        guard isDraining else {
            throw CommandFailure("the running node goes on: starting took too long for it")
        }
    }

    /// Returns once the node's process has ended.
    func waitForEnd() async {
        await reactor.run { [self] in
            while await channel.value.receive(until: .never) != nil {}
            channel.value.close()
        }
    }
}

extension Reactor {
    /// Does something on this reactor and gives what came out.
    func run<T: Sendable>(
        _ work: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            submit {
                do { continuation.resume(returning: try await work()) } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// Does something that cannot fail on this reactor and gives what came out.
    func run<T: Sendable>(_ work: @escaping @Sendable () async -> T) async -> T {
        await withCheckedContinuation { continuation in
            submit { continuation.resume(returning: await work()) }
        }
    }
}
