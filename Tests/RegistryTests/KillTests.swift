import Foundation
import Model
import Testing
import Testkit

@testable import Registry

private let folderVariable = "PORTICO_KILL_TEST_FOLDER"

/// A publisher that is killed in the middle of its work loses nothing that it was told is committed.
@Suite("Kill -9", .serialized, .timeLimit(.minutes(15)))
struct KillTests {
    /// How many publishers are killed, one after the other, over the same store.
    static let rounds = 8

    @Test("a killed publisher leaves gap-free revisions, every acknowledged one, and whole code")
    func publisherIsKilled() throws {
        let folder = try TemporaryFolder()
        var acknowledged = 0
        for round in 0..<Self.rounds {
            // Another moment in each round: between two commits, within one, within a blob's write.
            acknowledged = max(
                acknowledged,
                try publishUntilKilled(folder.path, after: 3 + round * 7)
            )
            let store = try SQLiteStore(directory: folder.path)
            let head = try store.head().revision
            #expect(head >= acknowledged, "an acknowledged revision is lost")
            let revisions = try store.changes(after: 0, limit: head + 10)
            #expect(revisions.map(\.number) == Array(1...max(1, head)))
            let snapshot = try store.snapshot()
            #expect(snapshot.revision == head)
            #expect(
                snapshot
                    == revisions.reduce(Snapshot()) {
                        $0.applying($1.changes, revision: $1.number)
                    },
                "the snapshot is not the sum of its revisions"
            )
            for version in snapshot.functions.values {
                let code = try #require(try store.get(version.codeDigest))
                #expect(CodeArchive.digest(code) == version.codeDigest)
            }
        }
        #expect(acknowledged >= Self.rounds * 3)
    }

    @Test("a replica whose node was killed resumes from what it has and catches up")
    func replicaResumes() async throws {
        let folder = try TemporaryFolder()
        _ = try publishUntilKilled(folder.path, after: 20)
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        let head = try await primary.snapshot().revision
        // What a kill between unpacking and renaming leaves behind.
        try folder.write("half", to: "iad/code/\(String(repeating: "a", count: 64)).tmp/index.js")
        try folder.write("{\"checksum\":\"", to: "iad/state.json")
        let replica = EdgeReplica(name: "iad", directory: folder.path + "/iad", registry: primary)
        try await replica.start()
        #expect(replica.appliedRevision == head)
        for version in replica.box.current.functions.values {
            #expect(replica.codeFolder(version.codeDigest) != nil)
        }
        await replica.stop()
    }

    /// Runs `publishForever` in a process of its own and kills it after some acknowledgements; returns the
    /// last one that was heard.
    private func publishUntilKilled(_ folder: String, after count: Int) throws -> Int {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        process.arguments = ["--testing-library", "swift-testing", "--filter", "publishForever"]
        var environment = ProcessInfo.processInfo.environment
        environment[folderVariable] = folder
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.start()
        var text = ""
        var heard: [Int] = []
        while heard.count < count {
            let bytes = pipe.fileHandleForReading.availableData
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
            heard = text.split(separator: "\n").dropLast(text.hasSuffix("\n") ? 0 : 1)
                .filter { $0.hasPrefix("committed ") }.compactMap { Int($0.dropFirst(10)) }
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try #require(heard.count >= count, "the publisher ended by itself: \(text)")
        return heard.last ?? 0
    }

    @Test(
        "publishes until it is killed; only as the process of the other tests",
        .enabled(if: ProcessInfo.processInfo.environment[folderVariable] != nil)
    )
    func publishForever() throws {
        let folder = try #require(ProcessInfo.processInfo.environment[folderVariable])
        let store = try SQLiteStore(directory: folder)
        var number = try store.head().revision
        while number < 100_000 {
            let archive = try code("exports.handler = \(number)")
            let digest = CodeArchive.digest(archive)
            try store.put(archive, as: digest)
            number = try store.publish([
                .put(.function(function("f\(number)", 1, code: digest))),
                .put(.bucket(name: "b", folder: "/\(number)")),
            ])
            try FileHandle.standardOutput.write(contentsOf: Data("committed \(number)\n".utf8))
        }
    }
}
