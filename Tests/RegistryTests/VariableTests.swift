import Foundation
import GRDB
import JSON
import Model
import Testing

@testable import Registry

/// How the variables of functions lie where they are kept.
@Suite("Variables at rest")
struct VariableTests {
    private static let secret = "correct-horse-battery-staple"

    private func version(_ number: Int, code: String, value: String = secret) -> FunctionVersion {
        var version = function("f", number, code: code)
        version.environment = ["PASSWORD": value, "EMPTY": ""]
        return version
    }

    /// What the Lambda API keeps of a function.
    private func record(_ value: String = secret) -> Change {
        let configuration =
            #"{"Runtime":"nodejs22.x","Environment":{"Variables":{"PASSWORD":"\#(value)"}}}"#
        return .put(
            .record(
                id: "lambda/function/f",
                document:
                    #"{"latest":\#(configuration),"versions":{"1":\#(configuration)},"sections":{"a":1}}"#
            )
        )
    }

    /// The names of the files below a folder that contain a text.
    private func files(in folder: String, with text: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: folder) ?? .init()
        return all.compactMap { $0 as? String }.filter { name in
            let bytes = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
            return bytes.range(of: Data(text.utf8)) != nil
        }
    }

    @Test("a key is made once, for its owner alone, and a file of others is refused")
    func makesKeys() throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/variables.key"
        let first = try VariableKeys.open(file: file)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try VariableKeys.open(file: file).all.map(\.bytes) == first.all.map(\.bytes))
        #expect(first.all.count == 1)
        try folder.write("no key\n", to: "wrong", mode: 0o600)
        try folder.write("# nothing\n", to: "empty", mode: 0o600)
        try folder.write(String(repeating: "a", count: 64), to: "open", mode: 0o644)
        for name in ["wrong", "empty", "open", "missing"] {
            let error = #expect(throws: RegistryError.self) {
                try VariableKeys.read(file: folder.path + "/" + name)
            }
            #expect(error?.description.contains(name) == true)
        }
    }

    @Test("no file of store or edge has a variable's value, and all of it reads as it was written")
    func seals() async throws {
        let folder = try TemporaryFolder()
        let keys = try VariableKeys.open(file: folder.path + "/variables.key")
        var store = try SQLiteStore(directory: folder.path + "/store", keys: keys)
        var registry = PrimaryRegistry(store: store)
        let digest = try await registry.addBlob(try code("exports.handler = 1"))
        let edge = EdgeReplica(
            name: "iad",
            directory: folder.path + "/iad",
            registry: registry,
            keys: keys
        )
        try await edge.start()
        _ = try await registry.publish([.put(.function(version(0, code: digest))), record()])
        let changed = Self.secret + "2"
        _ = try await registry.publish([
            .put(.function(version(0, code: digest, value: changed))), record(changed),
        ])
        let last = try await registry.publish([
            .put(.function(version(1, code: digest, value: changed)))
        ])
        await edge.waitUntil(revision: last)
        let expected = try await registry.snapshot()
        #expect(edge.box.current == expected)
        await edge.stop()
        #expect(files(in: folder.path, with: "correct-horse") == [])
        #expect(!files(in: folder.path, with: FunctionVersion.sealedName).isEmpty)
        registry.close()
        store = try SQLiteStore(directory: folder.path + "/store", keys: keys)
        registry = PrimaryRegistry(store: store)
        let read = try await registry.snapshot()
        #expect(read == expected)
        #expect(read.functions["f:1"]?.environment == ["PASSWORD": changed, "EMPTY": ""])
        let revisions = try await registry.changes(after: 0, limit: 10)
        #expect(
            revisions.last?.changes == [.put(.function(version(1, code: digest, value: changed)))]
        )
        let kept = ReplicaState.read(folder.path + "/iad/state.json", keys: keys).snapshot
        #expect(kept == expected)
        registry.close()
    }

    @Test("what older builds kept openly is read and sealed when it is written again")
    func plain() async throws {
        let folder = try TemporaryFolder()
        let old = try SQLiteStore(directory: folder.path)
        let digest = try await PrimaryRegistry(store: old).addBlob(try code("1"))
        try old.publish([.put(.function(version(0, code: digest))), record()])
        old.close()
        let store = try SQLiteStore(directory: folder.path, keys: VariableKeys([key(1)]))
        let state = try store.current()
        #expect(state.snapshot.functions["f:$LATEST"] == version(0, code: digest))
        #expect(!sealed(try stored(store)))
        try store.publish([.put(.function(version(0, code: digest))), record()])
        #expect(sealed(try stored(store)))
        #expect(try store.current().snapshot.functions == state.snapshot.functions)
        store.close()
    }

    @Test(
        "without the key nothing but the variables is missing, and nothing is lost",
        arguments: Engine.allCases
    )
    func wrongKey(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let right = VariableKeys([key(1)])
        let first = try bench.open(keys: right)
        let digest = try await PrimaryRegistry(store: first).addBlob(try code("1"))
        try first.publish([.put(.function(version(0, code: digest))), record()])
        let wrong = try bench.open(keys: VariableKeys([key(2)]))
        let function = try #require(try wrong.current().snapshot.functions["f:$LATEST"])
        #expect(function.sealedVariables != nil && function.environment.count == 1)
        // Written again by who cannot open them, and another function beside it.
        var changed = function
        changed.timeout = 9
        var other = version(0, code: digest, value: "other")
        other.name = "g"
        let document = try #require(try wrong.current().snapshot.records["lambda/function/f"])
        #expect(document.contains(FunctionVersion.sealedName) && !document.contains(Self.secret))
        try wrong.publish([
            .put(.function(changed)), .put(.function(other)),
            .put(.record(id: "lambda/function/f", document: document)),
        ])
        let again = try first.current().snapshot
        #expect(again.functions["f:$LATEST"]?.timeout == 9)
        #expect(again.functions["f:$LATEST"]?.environment == version(0, code: digest).environment)
        #expect(try recordVariables(again) == ["PASSWORD": Self.secret])
        // With both keys everything opens, and the first one seals.
        let both = try bench.open(keys: VariableKeys([key(2), key(1)])).current().snapshot
        #expect(both.isOpen)
        #expect(both.functions["g:$LATEST"]?.environment["PASSWORD"] == "other")
    }

    @Test("an edge that has lost its key takes the state anew")
    func edgeWithoutKey() async throws {
        let folder = try TemporaryFolder()
        let registry = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/store"))
        let digest = try await registry.addBlob(try code("1"))
        _ = try await registry.publish([.put(.function(version(0, code: digest)))])
        for key in [key(1), key(2)] {
            let edge = EdgeReplica(
                name: "iad",
                directory: folder.path + "/iad",
                registry: registry,
                keys: VariableKeys([key])
            )
            try await edge.start()
            #expect(edge.box.current.functions["f:$LATEST"] == version(0, code: digest))
            await edge.stop()
        }
        let kept = ReplicaState.read(folder.path + "/iad/state.json", keys: VariableKeys([key(2)]))
        #expect(kept.snapshot?.isOpen == true)
        registry.close()
    }

    @Test("sealed text of one function does not open as another's")
    func isBound() throws {
        let keys = VariableKeys([key(1)])
        guard case .function(var version) = keys.sealed(.function(version(0, code: "c"))) else {
            Issue.record("a function remains one")
            return
        }
        #expect(version.sealedVariables != nil)
        version.name = "g"
        #expect(keys.opened(.function(version)) == .function(version))
        version.name = "f"
        #expect(keys.opened(.function(version)) == .function(self.version(0, code: "c")))
    }

    private func key(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 32) }

    private func stored(_ store: SQLiteStore) throws -> [Data] {
        try store.reading { try Data.fetchAll($0, sql: "SELECT value FROM resources") }
    }

    private func sealed(_ values: [Data]) -> Bool {
        values.allSatisfy {
            $0.range(of: Data(FunctionVersion.sealedName.utf8)) != nil
                && $0.range(of: Data(Self.secret.utf8)) == nil
        }
    }

    private func recordVariables(_ snapshot: Snapshot) throws -> [String: String] {
        let document = try JSONValue.parse(try #require(snapshot.records["lambda/function/f"]))
        let variables = document["latest"]?["Environment"]?["Variables"]?.object
        return Dictionary(
            (variables?.members ?? []).map { ($0.key, $0.value.string ?? "") },
            uniquingKeysWith: { $1 }
        )
    }
}
