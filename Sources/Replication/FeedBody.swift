import DataPlane
import HTTP
import Reactor
import Registry

/// The endless content of one edge's feed.
///
/// Confined to its reactor.
final class FeedBody: BodySource {
    private let hub: FeedHub
    private let directory: EdgeDirectory
    private let station: FeedStation
    private let reactor: Reactor
    private let settings: FeedSettings
    private let name: String
    private var position: Int
    private var nextHeartbeat: MonotonicInstant
    private var nextHash: MonotonicInstant
    private let bell: Bell
    private var hasEnded = false

    let trailers = Headers()

    init(
        name: String,
        from position: Int,
        hub: FeedHub,
        directory: EdgeDirectory,
        reactor: Reactor,
        settings: FeedSettings
    ) {
        self.name = name
        self.position = position
        self.hub = hub
        self.directory = directory
        self.reactor = reactor
        self.settings = settings
        station = hub.station(on: reactor)
        bell = Bell(reactor: reactor)
        nextHeartbeat = reactor.time
        nextHash = reactor.time + settings.hashInterval
        station.add(self)
        directory.withdrawOrders(for: name)
    }

    deinit { station.remove(ObjectIdentifier(self)) }

    func wake() { bell.ring() }

    func read() async throws(Fault) -> Bytes? {
        while !hasEnded {
            let condition = directory.condition(of: name)
            guard condition.mayFollow else { throw Fault(.cancelled, side: .edge) }
            if let order = directory.takeOrder(for: name) {
                return FeedFrame.fault(order).encoded()[...]
            }
            var until = nextHeartbeat
            switch hub.step(after: position, lag: condition.lag) {
            case .frames(let bytes, let last):
                position = last
                return bytes[...]
            case .behind:
                if let bytes = await page() { return bytes[...] }
                continue
            case .held(let instant):
                until = min(until, reactor.time + (instant - .now))
            case .nothing:
                if reactor.time >= nextHash, let bytes = await hash() { return bytes[...] }
                until = min(until, nextHash)
            }
            if reactor.time >= nextHeartbeat {
                nextHeartbeat = reactor.time + settings.heartbeat
                return FeedFrame.head(max(hub.head, position)).encoded()[...]
            }
            await bell.wait(until: until)
        }
        return nil
    }

    /// Older revisions than those in memory, or the advice to take a snapshot.
    private func page() async -> [UInt8]? {
        let found = try? await hub.source.revisions(after: position, limit: FeedHub.pageSize)
        guard let revisions = found ?? nil, let last = revisions.last else {
            hasEnded = true
            return FeedFrame.snapshotRequired.encoded()
        }
        var frames: [UInt8] = []
        for revision in revisions {
            guard let encoded = try? revision.encoded() else { return nil }
            frames += FeedFrame.frames(ofRevision: encoded)
        }
        position = last.number
        return frames
    }

    /// The state's hash, when it is that of the position.
    private func hash() async -> [UInt8]? {
        nextHash = reactor.time + settings.hashInterval
        guard let (revision, digest) = try? await hub.stateHash(), revision == position else {
            return nil
        }
        return FeedFrame.hash(revision: revision, digest: digest).encoded()
    }
}
