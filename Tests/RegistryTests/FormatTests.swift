import Foundation
import GRDB
import Model
import Testing
import Testkit

@testable import Registry

/// States that older builds wrote, and one that is written today; none of them is ever edited.
///
/// When today's no longer reads, the model's form has changed: add a step to `StateFormat`, count its
/// `current` up, and put a state of the new form beside these.
@Suite("Forms of stored states", .timeLimit(.minutes(15)))
struct FormatTests {
    private static let golden = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("Golden").path

    /// A file of an early build as a replica finds it.
    private func early(in folder: TemporaryFolder) throws -> Snapshot {
        let path = folder.path + "/state.json"
        try FileManager.default.copyItem(atPath: Self.golden + "/state-1-early.json", toPath: path)
        let (snapshot, problem) = ReplicaState.read(path)
        #expect(problem == nil)
        return try #require(snapshot)
    }

    @Test("a replica reads the state of an early build, with what came since as it was meant")
    func earlyReplica() throws {
        let snapshot = try early(in: TemporaryFolder())
        #expect(snapshot.revision == 2)
        #expect(snapshot.functions.count == 4 && snapshot.aliases.count == 2)
        #expect(snapshot.originOverrides == ["app.example.com": "http://127.0.0.1:1"])
        #expect(snapshot.latestVersion(of: "portico-Fn") == 2)
        let distribution = try #require(snapshot.distributions["EYCUPYWOAIOTEH"])
        #expect(distribution.geoRestriction == GeoRestriction())
        #expect(distribution.originGroups.isEmpty)
        #expect(distribution.origins[0].originAccessControlID.isEmpty)
        #expect(distribution.behaviors[0].functions[0].version == 2)
    }

    @Test("a state of the sample stack is the same before and after being written again")
    func sample() throws {
        let path = Self.golden + "/state-1-sample.json"
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: path, toPath: folder.path + "/old.json")
        let old = try #require(ReplicaState.read(folder.path + "/old.json").snapshot)
        #expect(old.apis.count == 1 && old.loadBalancers.count == 1)
        #expect(try Snapshot(encoded: old.encoded()) == old)
        try ReplicaState.write(old, to: folder.path + "/new.json")
        #expect(ReplicaState.read(folder.path + "/new.json").snapshot == old)
        let revision = Revision(number: 7, changes: old.resources.map(Change.put))
        #expect(try Revision(encoded: revision.encoded()) == revision)
    }

    @Test("today's form is the golden one")
    func current() throws {
        let file = Self.golden + "/state-\(StateFormat.current).json"
        if ProcessInfo.processInfo.environment["PORTICO_UPDATE_GOLDEN"] != nil {
            let old = ReplicaState.read(Self.golden + "/state-1-sample.json").snapshot
            let encoded = try #require(try old?.encoded())
            try Data(encoded).write(to: URL(fileURLWithPath: file), options: .withoutOverwriting)
        }
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let snapshot = try Snapshot(encoded: bytes)
        #expect(!snapshot.distributions.isEmpty && !snapshot.targetGroups.isEmpty)
        #expect(try snapshot.encoded() == bytes)
    }

    @Test("every member that the first step adds is added where it is missing, and only there")
    func firstStep() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: Self.golden + "/state-2.json"))
        let object = try StateFormat.object(bytes)
        let resources = try #require(object["resources"] as? [[String: Any]])
        var tried = 0
        for addition in StateFormatStep1.additions {
            for resource in resources where resource[addition.kind] != nil {
                let members = try #require(resource[addition.kind] as? [String: Any])
                let value = try #require(members["_0"] as? [String: Any])
                let stripped = Self.strip(addition.member, at: addition.place[...], from: value)
                guard try StateFormat.write(stripped) != StateFormat.write(value) else { continue }
                tried += 1
                let old = try StateFormat.write([addition.kind: ["_0": stripped]])
                #expect(throws: DecodingError.self) {
                    try JSONDecoder().decode(Resource.self, from: old)
                }
                let new = try StateFormat.upgrade(resource: old, from: 1)
                _ = try JSONDecoder().decode(Resource.self, from: new)
            }
        }
        #expect(tried > 12)
        let api = """
            {"api":{"_0":{"id":"a","name":"n","stage":"s","stageVariables":{"k":"v"},"routes":[]}}}
            """
        let new = try StateFormat.upgrade(resource: Data(api.utf8), from: 1)
        guard case .api(let upgraded) = try JSONDecoder().decode(Resource.self, from: new) else {
            throw RegistryError(.invalid, "no API")
        }
        #expect(upgraded.stages.map(\.name) == ["s"])
        #expect(upgraded.stages.first?.variables == ["k": "v"])
    }

    private static func strip(
        _ member: String,
        at place: ArraySlice<String>,
        from object: [String: Any]
    ) -> [String: Any] {
        var object = object
        guard let next = place.first else {
            object[member] = nil
            return object
        }
        if place.dropFirst().first == "[]" {
            guard let elements = object[next] as? [[String: Any]] else { return object }
            object[next] = elements.map { strip(member, at: place.dropFirst(2), from: $0) }
        } else if let inside = object[next] as? [String: Any] {
            object[next] = strip(member, at: place.dropFirst(), from: inside)
        }
        return object
    }

    @Test("an embedded store of an early build opens, with every revision and its code")
    func earlyStore() throws {
        let folder = try TemporaryFolder()
        let file = URL(fileURLWithPath: Self.golden + "/state-1-early.json")
        let object = try StateFormat.object(Data(contentsOf: file))
        let old = UnnumberedSnapshot.resources(object["snapshot"] as? [String: Any] ?? [:])
        let code = [UInt8]("code".utf8)
        try Self.write(old, code, in: folder)
        let store = try SQLiteStore(directory: folder.path)
        defer { store.close() }
        let expected = try early(in: folder)
        let state = try store.current()
        #expect(state.snapshot == expected)
        #expect(!state.history.isEmpty)
        let revisions = try store.changes(after: 0, limit: 10)
        #expect(revisions.map(\.number) == [1, 2])
        let sum = revisions.reduce(Snapshot()) {
            $0.applying($1.changes, revision: $1.number)
        }
        #expect(sum == expected)
        // Code that was kept without checks gets them when it is read.
        let digest = CodeArchive.digest(code)
        #expect(try store.get(digest) == code)
        try Data("edoc".utf8).write(to: URL(fileURLWithPath: folder.path + "/blobs/" + digest))
        #expect(throws: RegistryError.self) { try store.get(digest) }
        #expect(try store.publish([bucket("a")]) == 3)
    }

    /// Tables and rows as an early build left them.
    private static func write(
        _ resources: [[String: Any]],
        _ code: [UInt8],
        in folder: TemporaryFolder
    ) throws {
        let digest = CodeArchive.digest(code)
        try folder.write(String(decoding: code, as: UTF8.self), to: "blobs/" + digest)
        let queue = try DatabaseQueue(path: folder.path + "/registry.sqlite")
        try SQLiteSchema.migrator.migrate(queue, upTo: "1")
        try queue.write { database in
            for (index, resource) in resources.enumerated() {
                let value = try StateFormat.write(resource)
                try database.execute(
                    sql: "INSERT INTO resources VALUES (?, ?)",
                    arguments: ["key \(index)", value]
                )
                try database.execute(
                    sql: "INSERT INTO changes VALUES (?, ?, ?)",
                    arguments: [
                        index < 3 ? 1 : 2, index,
                        try StateFormat.write(["put": ["_0": resource]]),
                    ]
                )
            }
            try database.execute(
                sql: "UPDATE head SET revision = 2; INSERT INTO blobs VALUES (?, ?)",
                arguments: [digest, code.count]
            )
        }
    }

    @Test("a shared store of an older form is brought up to date once", arguments: [1])
    func olderSharedStore(format: Int) throws {
        let bench = try StoreBench(.postgreSQL)
        defer { bench.close() }
        let url = URL(fileURLWithPath: Self.golden + "/state-\(StateFormat.current).json")
        let snapshot = try Snapshot(encoded: [UInt8](Data(contentsOf: url)))
        let doors = snapshot.resources.filter {
            if case .distribution = $0 { true } else { false }
        }
        try bench.open().publish(doors.map(Change.put))
        try bench.sql(
            """
            UPDATE portico.resources SET value = convert_to(replace(convert_from(value, 'UTF8'),
            '"originGroups":[],', ''), 'UTF8');
            UPDATE portico.changes SET body = convert_to(replace(convert_from(body, 'UTF8'),
            '"originGroups":[],', ''), 'UTF8');
            UPDATE portico.head SET format = \(format)
            """
        )
        let store = try bench.open()
        #expect(try store.snapshot().distributions == snapshot.distributions)
        #expect(try store.changes(after: 0, limit: 9).flatMap(\.changes).count == doors.count)
        #expect(try bench.sql("SELECT format FROM portico.head") == "\(StateFormat.current)")
    }

    @Test("what a newer build wrote is refused with a sentence", arguments: Engine.allCases)
    func newer(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let running = try bench.open()
        try running.publish([bucket("a")])
        let table = engine == .sqlite ? "head" : "portico.head"
        try bench.sql("UPDATE \(table) SET format = 99")
        let error = #expect(throws: RegistryError.self) { _ = try bench.open() }
        #expect(error?.description.contains("newer build") == true)
        if engine == .postgreSQL {
            #expect(throws: RegistryError.self) { try running.publish([bucket("b")]) }
        }
        let folder = try TemporaryFolder()
        let body = #"{"format":99,"resources":[],"revision":1}"#
        let checksum = CodeArchive.digest(Array(body.utf8))
        try folder.write(#"{"checksum":"\#(checksum)","snapshot":\#(body)}"#, to: "state.json")
        let read = ReplicaState.read(folder.path + "/state.json")
        #expect(read.snapshot == nil)
        #expect(read.problem?.contains("newer build") == true)
        #expect(throws: RegistryError.self) {
            try Revision(encoded: Array(#"{"format":99,"number":1,"changes":[]}"#.utf8))
        }
    }

    @Test("what cannot be read is named")
    func sentences() throws {
        let error = #expect(throws: RegistryError.self) {
            let change = #"[{"put":{"_0":{"bucket":{"name":"a"}}}}]"#
            return try StoredForm.revision(7, Data(change.utf8), VariableKeys())
        }
        #expect(
            error?.description
                == "revision 7 cannot be read: 'Index 0.put.bucket.folder' is missing"
        )
    }
}
