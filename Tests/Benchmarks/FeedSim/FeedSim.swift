import Crypto
import DataPlane
import Foundation
import Model
import Reactor
import Registry
import Replication
import Synchronization

/// Primaries and edges without doors, functions and AWS APIs: the real store, feed and protocol over real
/// connections, to measure what many edges cost.
///
///     FeedSim primary FOLDER AUTHORITY [STORE-URL]
///     FeedSim edges FOLDER AUTHORITY COUNT URL[,URL]
///
/// A primary prints its port and `ready`, then reads commands: `publish` commits a revision and prints its
/// number and the instant at which it was acknowledged. Edges enrol with tokens of the authority, follow and
/// print `ready`; `wait REVISION` prints the instants at which each had applied the revision. `usage` prints
/// the CPU seconds of the process. Instants are seconds of the monotonic clock.
@main
enum FeedSim {
    /// How many edges enrol at a time.
    static let enrolling = 8

    static func main() async throws {
        signal(SIGPIPE, SIG_IGN)
        let arguments = CommandLine.arguments
        switch (arguments.count, arguments.dropFirst().first) {
        case (4...5, "primary"):
            let store = arguments.count == 5 ? arguments[4] : nil
            try await primary(arguments[2], arguments[3], store)
        case (6, "edges"):
            guard let count = Int(arguments[4]), count > 0 else { exit(64) }
            let authority = try LocalAuthority(directory: arguments[3]) { _ in false }
            let primaries = arguments[5].split(separator: ",").compactMap {
                PrimaryAddress(url: String($0))
            }
            try await edges(count, authority, arguments[2], primaries)
        default:
            print("FeedSim primary FOLDER AUTHORITY [URL] | edges FOLDER AUTHORITY COUNT URL,URL")
            exit(64)
        }
        exit(0)
    }

    private static func primary(
        _ folder: String,
        _ authorityFolder: String,
        _ url: String?
    ) async throws {
        let settings = FeedSettings()
        let registry = PrimaryRegistry(store: try open(url, folder))
        let authority = try await SharedAuthority.open(folder: authorityFolder, registry: registry)
        let feed = await FeedPort(
            source: PrimarySource(registry: registry),
            office: MembershipOffice(
                registry: registry,
                authority: authority,
                certificateLife: settings.certificateLife
            ),
            settings: settings,
            address: "127.0.0.1",
            port: 0,
            tls: try FeedPort.primaryContext(authority)
        )
        let reactor = Reactor(index: 0)
        reactor.start()
        try feed.listener.start(on: [reactor])
        let exchange = ReportExchange(
            registry: registry,
            directory: feed.directory,
            primary: folder,
            silence: settings.silence
        )
        let exchanging = Task { await exchange.run() }
        print("feed \(feed.listener.port)\nready")
        fflush(nil)
        var number = 0
        while let line = await command() {
            switch line {
            case "publish":
                number += 1
                let document = #"{"number":\#(number),"by":"\#(folder)"}"#
                let revision = try await registry.publish(
                    [.put(.record(id: "simulation/change/1", document: document))]
                )
                print("[\(revision),\(instant())]")
            case "head": print(feed.hub.head)
            case "applied":
                let statuses = feed.directory.statuses(head: feed.hub.head) { _ in nil }
                print(statuses.filter(\.isLive).map(\.revision).min() ?? 0)
            default: print(usage())
            }
            fflush(nil)
        }
        exchanging.cancel()
    }

    private static func open(_ url: String?, _ folder: String) throws -> any RegistryStore {
        if let url { return try PostgreSQLStore(url: url) }
        return try SQLiteStore(directory: folder + "/registry")
    }

    private static func edges(
        _ count: Int,
        _ authority: LocalAuthority,
        _ folder: String,
        _ primaries: [PrimaryAddress]
    ) async throws {
        let reactors = (0..<2).map { Reactor(index: $0) }
        for reactor in reactors { reactor.start() }
        let edges = try await start(count, authority, folder, primaries, reactors)
        print("ready")
        fflush(nil)
        while let line = await command() {
            let words = line.split(separator: " ")
            if words.first == "wait", words.count == 2, let revision = Int(words[1]) {
                var instants: [String] = []
                for edge in edges { instants.append(String(await edge.instant(of: revision))) }
                print("[" + instants.joined(separator: ",") + "]")
            } else {
                print(usage())
            }
            fflush(nil)
        }
    }

    /// The next line of standard input, read where nothing else waits.
    private static func command() async -> String? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: readLine()) }
        }
    }

    private static func usage() -> Double {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        let (user, system) = (usage.ru_utime, usage.ru_stime)
        return Double(user.tv_sec + system.tv_sec)
            + Double(user.tv_usec + system.tv_usec) / 1_000_000
    }

    /// Now, in seconds of the monotonic clock.
    static func instant() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    private static func start(
        _ count: Int,
        _ authority: LocalAuthority,
        _ folder: String,
        _ primaries: [PrimaryAddress],
        _ reactors: [Reactor]
    ) async throws -> [SimulatedEdge] {
        let made = try await withThrowingTaskGroup(of: SimulatedEdge.self) { group in
            var edges: [SimulatedEdge] = []
            for number in 0..<count {
                if number >= enrolling, let edge = try await group.next() { edges.append(edge) }
                let reactor = reactors[number % reactors.count]
                // Half of them know the primaries in the other order.
                let known = number % 2 == 0 ? primaries : primaries.reversed()
                group.addTask {
                    try await SimulatedEdge(
                        "edge-\(number)",
                        folder: folder + "/\(number)",
                        primaries: known,
                        authority: authority,
                        reactor: reactor
                    )
                }
            }
            for try await edge in group { edges.append(edge) }
            return edges
        }
        for edge in made { try await edge.start() }
        return made
    }
}

/// One edge that applies and records, and remembers when.
final class SimulatedEdge: Sendable {
    private let replica: EdgeReplica
    private let client: FeedClient
    private let applied = Mutex<[(revision: Int, instant: Double)]>([])

    init(
        _ name: String,
        folder: String,
        primaries: [PrimaryAddress],
        authority: LocalAuthority,
        reactor: Reactor
    ) async throws {
        let token = JoinToken(
            name: name,
            expires: Int(Date().timeIntervalSince1970) + 3600,
            isRelay: false,
            authority: authority
        )
        let identity = try await Enrolment.join(
            token,
            at: primaries,
            folder: folder + "/identity",
            on: reactor
        )
        replica = EdgeReplica(name: name, directory: folder + "/replica", keepsState: false)
        _ = try await replica.open()
        client = try FeedClient(
            replica: replica,
            identity: identity,
            options: FeedClient.Options(primaries: primaries),
            reactor: reactor
        )
    }

    func start() async throws {
        replica.onApply { [weak self] in self?.note($0.revision) }
        try await client.start(hasState: false)
    }

    private func note(_ revision: Int) {
        let instant = FeedSim.instant()
        applied.withLock { $0.append((revision, instant)) }
    }

    /// When this edge had applied a revision or a later one; waits for it.
    func instant(of revision: Int) async -> Double {
        await replica.waitUntil(revision: revision)
        return applied.withLock { $0.first { $0.revision >= revision }?.instant ?? 0 }
    }
}
