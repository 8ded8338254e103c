import Crypto
import Foundation
import Model
import Reactor
import Registry
import Replication
import Synchronization

/// Many edges in one process: the real protocol over real connections, without doors and functions.
///
///     FeedSim AUTHORITY FOLDER COUNT URL[,URL]
///
/// Enrols COUNT edges with tokens of the authority, follows with all of them and prints `ready`. Then reads
/// commands: `wait REVISION` prints the instants (seconds of the monotonic clock) at which each edge had
/// applied the revision; `usage` prints the CPU seconds of this process.
@main
enum FeedSim {
    /// How many edges enrol at a time.
    static let enrolling = 8

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let count = Int(arguments[3]), count > 0 else {
            print("usage: FeedSim AUTHORITY FOLDER COUNT URL[,URL]")
            exit(64)
        }
        signal(SIGPIPE, SIG_IGN)
        let authority = try LocalAuthority(directory: arguments[1]) { _ in false }
        let primaries = arguments[4].split(separator: ",").compactMap {
            PrimaryAddress(url: String($0))
        }
        let reactors = (0..<2).map { Reactor(index: $0) }
        for reactor in reactors { reactor.start() }
        let edges = try await start(count, authority, arguments[2], primaries, reactors)
        print("ready")
        fflush(nil)
        while let line = readLine() {
            let words = line.split(separator: " ")
            if words.first == "wait", words.count == 2, let revision = Int(words[1]) {
                var instants: [String] = []
                for edge in edges { instants.append(String(await edge.instant(of: revision))) }
                print("[" + instants.joined(separator: ",") + "]")
            } else if words.first == "usage" {
                var usage = rusage()
                getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
                let (user, system) = (usage.ru_utime, usage.ru_stime)
                print(
                    Double(user.tv_sec + system.tv_sec)
                        + Double(user.tv_usec + system.tv_usec) / 1_000_000
                )
            }
            fflush(nil)
        }
        exit(0)
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
        replica = EdgeReplica(name: name, directory: folder + "/replica")
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
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let instant = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
        applied.withLock { $0.append((revision, instant)) }
    }

    /// When this edge had applied a revision or a later one; waits for it.
    func instant(of revision: Int) async -> Double {
        await replica.waitUntil(revision: revision)
        return applied.withLock { $0.first { $0.revision >= revision }?.instant ?? 0 }
    }
}
