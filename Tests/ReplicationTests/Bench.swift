import Crypto
import DataPlane
import Foundation
import Model
import Reactor
import Synchronization
import TLS
import Testing

@testable import Registry
@testable import Replication

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "replication-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func bucket(_ name: String) -> Change { .put(.bucket(name: name, folder: "/" + name)) }

func function(_ name: String, _ version: Int, code: String) -> Change {
    .put(
        .function(
            FunctionVersion(
                name: name,
                version: version,
                runtime: "nodejs22.x",
                handler: "index.handler",
                codeDigest: code
            )
        )
    )
}

/// An archive with one file of so many bytes that no coding makes smaller.
func archive(_ bytes: Int) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let content = RandomBytes.make(max(1, bytes))
    _ = FileManager.default.createFile(atPath: folder.path + "/index.js", contents: Data(content))
    return try CodeArchive.pack(folder: folder.path)
}

/// Intervals that fit a test.
func quick() -> FeedSettings {
    var settings = FeedSettings()
    settings.heartbeat = .milliseconds(50)
    settings.silence = .seconds(2)
    settings.hashInterval = .milliseconds(100)
    settings.coalescing = .milliseconds(1)
    settings.firstRetry = .milliseconds(10)
    settings.longestRetry = .milliseconds(100)
    return settings
}

/// A primary on a reactor of its own: registry, directory, hub and feed port.
final class Primary: Sendable {
    let registry: PrimaryRegistry
    let authority: LocalAuthority
    let office: MembershipOffice
    let feed: FeedPort
    let settings: FeedSettings
    let reactor = Reactor()

    init(
        folder: String,
        authority authorityFolder: String? = nil,
        port: Int = 0,
        settings: FeedSettings = quick(),
        registry given: PrimaryRegistry? = nil,
        source: ((PrimarySource) -> any FeedSource)? = nil
    ) async throws {
        self.settings = settings
        registry =
            try given ?? PrimaryRegistry(store: SQLiteStore(directory: folder + "/registry"))
        authority = try LocalAuthority(directory: authorityFolder ?? folder + "/authority") { _ in
            true
        }
        office = MembershipOffice(
            registry: registry,
            authority: authority,
            certificateLife: settings.certificateLife
        )
        let plain = PrimarySource(registry: registry)
        feed = await FeedPort(
            source: source?(plain) ?? plain,
            office: office,
            settings: settings,
            address: "127.0.0.1",
            port: port,
            tls: try FeedPort.primaryContext(authority)
        )
        reactor.start()
        try feed.listener.start(on: [reactor])
    }

    var directory: EdgeDirectory { feed.directory }
    var hub: FeedHub { feed.hub }
    var port: Int { feed.listener.port }
    var address: PrimaryAddress { PrimaryAddress(host: "127.0.0.1", port: port) }

    func token(_ name: String, isRelay: Bool = false, expiresIn seconds: Int = 60) -> JoinToken {
        JoinToken(
            name: name,
            expires: Int(Date().timeIntervalSince1970) + seconds,
            isRelay: isRelay,
            authority: authority
        )
    }

    /// Publishes a version of a function with a new archive.
    @discardableResult
    func publish(_ name: String, _ version: Int, bytes: Int = 100) async throws -> Int {
        let digest = try await registry.addBlob(try archive(bytes))
        return try await registry.publish([function(name, version, code: digest)])
    }

    /// An edge that enrols here and has a place of its own in the test's folder.
    func enrol(
        _ name: String,
        in folder: TemporaryFolder,
        configure: (inout FeedClient.Options) -> Void = { _ in }
    ) async throws -> TestEdge {
        try await TestEdge(
            name,
            folder: folder.path + "/" + name,
            primaries: [address],
            token: token(name),
            configure: configure
        )
    }

    func stop() async {
        await feed.stop()
        reactor.stop()
    }
}

/// Numbers that several threads add to.
final class Numbers: Sendable {
    private let numbers = Mutex<[Int]>([])

    var all: [Int] { numbers.withLock { $0 } }

    func append(_ number: Int) { numbers.withLock { $0.append(number) } }
}

/// An edge without doors.
final class TestEdge: Sendable {
    let replica: EdgeReplica
    let client: FeedClient
    let reactor = Reactor()
    private let applied = Numbers()

    init(
        _ name: String,
        folder: String,
        primaries: [PrimaryAddress],
        token: JoinToken? = nil,
        settings: FeedSettings = quick(),
        configure: (inout FeedClient.Options) -> Void = { _ in }
    ) async throws {
        var options = FeedClient.Options(primaries: primaries)
        options.settings = settings
        configure(&options)
        reactor.start()
        let identities = folder + "/identity"
        let identity: EdgeIdentity
        if let kept = EdgeIdentity(folder: identities) {
            identity = kept
        } else {
            identity = try await Enrolment.join(
                try #require(token),
                at: primaries,
                folder: identities,
                on: reactor
            )
        }
        replica = EdgeReplica(name: name, directory: folder + "/replica", steps: options.steps)
        let hasState = try await replica.open()
        client = try FeedClient(
            replica: replica,
            identity: identity,
            options: options,
            reactor: reactor
        )
        replica.onApply { [applied] in applied.append($0.revision) }
        try await client.start(hasState: hasState)
    }

    /// The revisions that were served, in order.
    var history: [Int] { applied.all }

    func stop() async {
        await client.stop()
        reactor.stop()
    }
}

/// An edge that others follow.
final class TestRelay: Sendable {
    let edge: TestEdge
    private let feed: FeedPort

    init(
        _ name: String,
        in folder: TemporaryFolder,
        behind upstream: PrimaryAddress,
        _ primary: Primary
    ) async throws {
        let source = AtomicLazyReference<RelaySource>()
        let port = AtomicLazyReference<FeedPort>()
        edge = try await TestEdge(
            name,
            folder: folder.path + "/" + name,
            primaries: [upstream],
            token: primary.token(name, isRelay: true)
        ) { options in
            options.keepsArchives = true
            options.applied = { source.load()?.note($0) }
            options.followers = { port.load()?.directory.followers() ?? [] }
        }
        let made = RelaySource(replica: edge.replica, depot: edge.client.depot)
        _ = source.storeIfNil(made)
        feed = await FeedPort(
            source: made,
            office: RelayOffice(client: edge.client, reactor: edge.reactor),
            settings: quick(),
            address: "127.0.0.1",
            port: 0,
            tls: try edge.client.currentIdentity.serverContext()
        )
        _ = port.storeIfNil(feed)
        try feed.listener.start(on: [edge.reactor])
    }

    var address: PrimaryAddress { PrimaryAddress(host: "127.0.0.1", port: feed.listener.port) }

    func stop() async {
        await feed.stop()
        await edge.stop()
    }
}

/// Waits for a condition that other threads bring about.
func eventually(
    within limit: Duration = .seconds(120),
    at location: SourceLocation = #_sourceLocation,
    _ condition: @Sendable () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        try #require(
            ContinuousClock.now < deadline,
            "the condition was not met within \(limit)",
            sourceLocation: location
        )
        await Task.yield()
        try await Task.sleep(for: .milliseconds(2))
    }
}
