import Foundation
import Model
import Testing
import Testkit

@testable import Registry

/// What only a shared store has: a server that goes away, and others who write.
@Suite("PostgreSQL", .timeLimit(.minutes(15)))
struct PostgreSQLTests {
    @Test("a primary that stalls in its turn loses it and decides anew")
    func stalledPrimary() async throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let stalled = try bench.open(stallLimit: .milliseconds(300))
        let other = try bench.open()
        let entered = Gate()
        let leave = Gate()
        async let outcome = onAThread {
            var calls: [[Int]] = []
            let number = try stalled.publish(after: 0) { missing in
                calls.append(missing.map(\.number))
                if calls.count == 1 {
                    entered.open()
                    leave.wait()
                }
                return [bucket("stalled after \(missing.count)")]
            }
            return (number, calls)
        }
        // The other one waits for the turn until the server takes it from the stalled one.
        let number = try await onAThread {
            entered.wait()
            return try other.publish([bucket("other")])
        }
        #expect(number == 1)
        leave.open()
        let (late, calls) = try await outcome
        #expect(late == 2)
        #expect(calls == [[], [1]])
        #expect(try other.snapshot().buckets.keys.sorted() == ["other", "stalled after 1"])
    }

    @Test("a commit whose answer is lost is not made twice")
    func lostAnswer() throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let server = try PostgreSQLServer.shared()
        let link = try BreakableLink(to: server.folder + "/.s.PGSQL.5432")
        defer { link.close() }
        let database = PostgreSQLServer.database(of: bench.url)
        let store = try PostgreSQLStore(
            url: "postgres://portico@/\(database)?host=\(link.folder)"
        )
        defer { store.close() }
        var calls = 0
        let number = try store.publish(after: 0) { _ in
            calls += 1
            link.swallowNextAnswer()
            return [bucket("a")]
        }
        #expect(number == 1 && calls == 1)
        #expect(link.swallowed == 1)
        #expect(try store.head().revision == 1)
        // The same before anything was committed: a lost turn is taken again.
        link.swallowNextAnswer()
        #expect(try store.publish(after: 1) { _ in [bucket("b")] } == 2)
        #expect(link.swallowed == 2)
        // And for a private value, whose version would otherwise seem to be another's.
        link.swallowNextAnswer()
        #expect(try store.setPrivateValue("k", [1], expecting: 0))
        link.swallowNextAnswer()
        #expect(try store.setPrivateValue("k", nil, expecting: 1))
        #expect(try store.privateValue("k") == nil)
    }

    @Test("a server killed in the middle of commits loses nothing and leaves no half revision")
    func killedServer() async throws {
        let server = try PostgreSQLServer(isDurable: true)
        defer { server.stop() }
        let url = try server.makeDatabase()
        let stores = try (0..<2).map { _ in try PostgreSQLStore(url: url, patience: .seconds(60)) }
        defer { for store in stores { store.close() } }
        let acknowledged = Numbers()
        let isDone = Flag()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask {
                    try await onAThread {
                        var round = 0
                        while !isDone.isSet {
                            round += 1
                            let bytes = noise(300_000, seed: UInt64(index * 10_000 + round))
                            let digest = CodeArchive.digest(bytes)
                            // A server that died may have lost what was not synced; it is put again.
                            while (try? store.put(bytes, as: digest)) == nil, !isDone.isSet {}
                            if isDone.isSet { return }
                            let name = "f\(index)x\(round)"
                            let number = try store.publish([
                                .put(.function(function(name, 1, code: digest))),
                                bucket(name),
                            ])
                            acknowledged.append(number)
                        }
                    }
                }
            }
            group.addTask {
                try await onAThread {
                    defer { isDone.set() }
                    for round in 1...3 {
                        acknowledged.wait(for: round * 8)
                        server.end(with: SIGKILL)
                        try server.start()
                    }
                    acknowledged.wait(for: 32)
                }
            }
            try await group.waitForAll()
        }
        let store = try PostgreSQLStore(url: url)
        defer { store.close() }
        let revisions = try store.changes(after: 0, limit: 10_000)
        let head = try store.head().revision
        #expect(revisions.map(\.number) == Array(1...head))
        let numbers = acknowledged.all
        #expect(Set(numbers).count == numbers.count && numbers.max() ?? 0 <= head)
        #expect(revisions.allSatisfy { $0.changes.count == 2 })
        let snapshot = try store.snapshot()
        #expect(
            snapshot
                == revisions.reduce(Snapshot()) { $0.applying($1.changes, revision: $1.number) }
        )
        #expect(snapshot.functions.count == head && snapshot.buckets.count == head)
        for version in snapshot.functions.values {
            let code = try store.get(version.codeDigest)
            #expect(code.map { CodeArchive.digest($0) } == version.codeDigest)
        }
    }

    @Test("a primary outlives a restart of the server and hears of commits again")
    func restart() async throws {
        let server = try PostgreSQLServer()
        defer { server.stop() }
        let url = try server.makeDatabase()
        let primary = PrimaryRegistry(
            store: try PostgreSQLStore(url: url, pollDelay: .seconds(600), patience: .seconds(60))
        )
        _ = try await primary.publish([bucket("a")])
        server.end(with: SIGINT)
        // What is in memory is served meanwhile.
        #expect(try await primary.snapshot().buckets.count == 1)
        #expect(try await primary.changes(after: 0, limit: 9).map(\.number) == [1])
        let impatient = PostgreSQLStoreAttempt(url: url)
        #expect(impatient.error?.kind == .unreachable)
        async let late = primary.publish([bucket("b")])
        try server.start()
        #expect(try await late == 2)
        let other = try PostgreSQLStore(url: url)
        defer { other.close() }
        let heads = primary.heads()
        try other.publish([bucket("c")])
        for await head in heads where head == 3 { break }
        #expect(try await primary.snapshot().buckets.count == 3)
        primary.close()
    }

    @Test("a lost notice costs no more than the next poll")
    func lostNotice() async throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open(pollDelay: .milliseconds(100)))
        _ = try await primary.publish([bucket("a")])
        let heads = primary.heads()
        // A commit without a notice, as after a failover of the server.
        try bench.sql(
            """
            WITH h AS (UPDATE portico.head SET revision = 2)
            INSERT INTO portico.changes SELECT 2, now(), 'x',
            convert_to(replace(convert_from(body, 'UTF8'), '"a"', '"b"'), 'UTF8')
            FROM portico.changes WHERE revision = 1
            """
        )
        for await head in heads where head == 2 { break }
        #expect(try await primary.snapshot().buckets.keys.sorted() == ["a", "b"])
    }

    @Test("tables of an older build are brought up to date, those of a newer one refused")
    func migration() throws {
        let server = try PostgreSQLServer.shared()
        let url = try server.makeDatabase()
        let pool = try PostgreSQLPool(
            PostgreSQLURL(url),
            stallLimit: .seconds(5),
            patience: .seconds(5)
        )
        try pool.perform { try PostgreSQLSchema.migrate($0, upTo: 1) }
        pool.close()
        let database = PostgreSQLServer.database(of: url)
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'portico'"
        let before = try #require(Int(try server.sql(tables, in: database)))
        // Two primaries start at the same time.
        let stores = try (0..<2).map { _ in try PostgreSQLStore(url: url) }
        #expect(try Int(server.sql(tables, in: database)) == before + 2)
        #expect(try stores[0].publish([bucket("a")]) == 1)
        #expect(try stores[1].edges().isEmpty)
        for store in stores { store.close() }
        try server.sql("INSERT INTO portico.schema_version VALUES (99, now())", in: database)
        let error = PostgreSQLStoreAttempt(url: url).error
        #expect(error?.kind == .storage)
        #expect(error?.description.contains("newer build") == true)
    }

    @Test(
        "what is wrong with a URL or a server is said clearly and at once",
        arguments: [
            ("mysql://h/d", RegistryError.Kind.invalid, "postgres://USER@HOST"),
            ("postgres://u@h", .invalid, "names no database"),
            ("postgres://u@h/d?sslmod=x", .invalid, "sslmod"),
            ("postgres://u@h:port/d", .invalid, "port"),
            ("postgres://u@h/d?target_session_attrs=standby", .invalid, "cannot be written"),
            ("postgres://portico@/none?host=SOCKET", .storage, "\"none\" does not exist"),
            ("postgres://nobody@/postgres?host=SOCKET", .storage, "\"nobody\" does not exist"),
        ]
    )
    func troubles(url: String, kind: RegistryError.Kind, text: String) throws {
        let folder = try PostgreSQLServer.shared().folder
        let url = url.replacing("SOCKET", with: folder)
        let error = PostgreSQLStoreAttempt(url: url).error
        #expect(error?.kind == kind, "\(error?.description ?? "none")")
        #expect(error?.description.contains(text) == true, "\(error?.description ?? "none")")
    }

    @Test("the next host of a URL is taken when the first is not there; passwords stay secret")
    func hosts() throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let folder = try PostgreSQLServer.shared().folder
        let database = PostgreSQLServer.database(of: bench.url)
        let store = try PostgreSQLStore(
            url: "postgresql://portico:geheim@/\(database)?host=/nowhere,\(folder)"
        )
        defer { store.close() }
        #expect(try store.publish([bucket("a")]) == 1)
        let error = PostgreSQLStoreAttempt(
            url: "postgresql://portico:geheim@/\(database)?host=/nowhere,/nor-here"
        ).error
        #expect(error?.kind == .unreachable)
        #expect(error?.description.contains("/nowhere,/nor-here") == true)
        #expect(error?.description.contains("geheim") == false)
    }

    @Test("a failing disk of the server is an error, not a retry without end")
    func serverError() throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let store = try bench.open()
        try bench.sql(
            """
            CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON portico.changes
            FOR EACH ROW EXECUTE FUNCTION full_disk();
            """
        )
        let error = #expect(throws: RegistryError.self) { try store.publish([bucket("a")]) }
        #expect(error?.kind == .storage)
        #expect(error?.description.contains("53100") == true)
        #expect(try store.head().revision == 0)
        try bench.sql("DROP TRIGGER full_disk ON portico.changes")
        #expect(try store.publish([bucket("a")]) == 1)
    }
}

/// Opens a store that is expected not to open.
private struct PostgreSQLStoreAttempt {
    var error: RegistryError?

    init(url: String) {
        do {
            try PostgreSQLStore(url: url, patience: .milliseconds(300)).close()
        } catch {
            self.error = error as? RegistryError
        }
    }
}
