import Foundation
import Model
import Synchronization
import Testing
import Testkit

@testable import Registry

private let benchVariable = "PORTICO_BLOB_TEST_STORE"

/// What every store promises of code.
@Suite("Blobs", .timeLimit(.minutes(15)))
struct BlobTests {
    @Test(
        "any part of a blob reads back, of any size",
        arguments: Engine.allCases,
        [
            0, 1, StoreLimits.chunkBytesLimit - 1, StoreLimits.chunkBytesLimit,
            StoreLimits.chunkBytesLimit * 5 + 17,
        ]
    )
    func ranges(engine: Engine, size: Int) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let bytes = noise(size)
        let writer = try store.beginBlob()
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(100_003)
            try writer.append(part)
            rest = rest[part.endIndex...]
        }
        let kept = try writer.finish(expecting: nil)
        #expect(kept == KeptBlob(digest: CodeArchive.digest(bytes), size: size))
        #expect(try store.blobSize(kept.digest) == size)
        #expect(try store.get(kept.digest) == bytes)
        let chunk = StoreLimits.chunkBytesLimit
        for (offset, count) in [
            (0, 1), (5, 10), (chunk - 1, 2), (chunk, chunk), (size - 1, 9), (size, 1),
            (size + chunk, 5), (0, 0), (0, 10 << 20), (-3, 2),
        ] {
            let start = min(max(0, offset), size)
            let end = min(size, max(0, offset) + min(count, StoreLimits.readBytesLimit))
            let expected = Array(bytes[start..<max(start, end)])
            #expect(
                try store.readBlob(kept.digest, from: offset, count: count) == expected,
                "from \(offset) \(count)"
            )
        }
        #expect(throws: RegistryError.self) { try writer.append([1]) }
    }

    @Test("what is not there, or never finished, is not kept", arguments: Engine.allCases)
    func absent(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let bytes = noise(300_000)
        let digest = CodeArchive.digest(bytes)
        #expect(throws: RegistryError.self) { try store.put(bytes + [0], as: digest) }
        let writer = try store.beginBlob()
        try writer.append(bytes[...])
        writer.abandon()
        for name in [digest, "../registry.sqlite", "", String(repeating: "A", count: 64)] {
            #expect(try store.blobSize(name) == nil)
            #expect(try store.readBlob(name, from: 0, count: 1) == nil)
            #expect(try !store.pinBlob(name))
        }
    }

    @Test("a damaged blob is detected and replaced by putting it again", arguments: Engine.allCases)
    func damage(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let bytes = noise(600_000)
        let digest = try store.put(bytes)
        #expect(try store.pinBlob(digest))
        try bench.damage(digest)
        #expect(try !store.pinBlob(digest))
        let error = #expect(throws: RegistryError.self) { try store.get(digest) }
        #expect(error?.kind == .corrupt)
        try store.put(bytes, as: digest)
        #expect(try store.get(digest) == bytes)
        #expect(try store.pinBlob(digest))
    }

    @Test("a blob above the limit is refused before it is kept")
    func tooLarge() throws {
        var cutter = BlobCutter()
        let part = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<StoreLimits.blobLimit / part.count { try cutter.append(part[...]) { _, _ in } }
        #expect(throws: RegistryError.self) { try cutter.append(part[...]) { _, _ in } }
    }

    @Test("80 MiB go through a store in constant memory", arguments: Engine.allCases)
    func streaming(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        try bench.open().close()
        let peak = try streamInAProcess(bench)
        // KiB: the process itself, with the test bundle mapped, and a few pieces; not 80 MiB more.
        #expect(peak.growth < 24 * 1024, "the process grew by \(peak.growth) KiB")
        #expect(peak.size == 80 << 20)
        #expect(try bench.open().blobSize(peak.digest) == 80 << 20)
    }

    private func streamInAProcess(
        _ bench: StoreBench
    ) throws -> (growth: Int, size: Int, digest: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        process.arguments = ["--testing-library", "swift-testing", "--filter", "streamsOnce"]
        var environment = ProcessInfo.processInfo.environment
        environment[benchVariable] = bench.url.isEmpty ? bench.folder.path : bench.url
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.start()
        let text = String(
            decoding: pipe.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        let line = text.split(separator: "\n").first { $0.hasPrefix("streamed ") }
        let words = try #require(line, "\(text)").split(separator: " ")
        return (Int(words[1]) ?? .max, Int(words[2]) ?? 0, String(words[3]))
    }

    @Test(
        "streams one blob in and out; only as the process of another test",
        .enabled(if: ProcessInfo.processInfo.environment[benchVariable] != nil)
    )
    func streamsOnce() throws {
        let place = try #require(ProcessInfo.processInfo.environment[benchVariable])
        let store: any RegistryStore =
            place.hasPrefix("postgres:")
            ? try PostgreSQLStore(url: place) : try SQLiteStore(directory: place)
        try store.put(noise(2 << 20))
        let before = try Self.peakMemory()
        let writer = try store.beginBlob()
        for part in 0..<80 { try writer.append(noise(1 << 20, seed: UInt64(part))[...]) }
        let kept = try writer.finish(expecting: nil)
        var offset = 0
        while offset < kept.size {
            let part = try #require(
                try store.readBlob(kept.digest, from: offset, count: StoreLimits.readBytesLimit)
            )
            guard offset % (16 << 20) != 0 || part == noise(1 << 20, seed: UInt64(offset >> 20))
            else { throw RegistryError(.corrupt, "what came back differs at \(offset)") }
            offset += part.count
        }
        let growth = try Self.peakMemory() - before
        print("streamed \(growth) \(offset) \(kept.digest)")
    }

    /// The most memory that this process ever had, in KiB.
    private static func peakMemory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return try #require(
            line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
                .flatMap { Int($0) }
        )
    }
}

/// When code goes away, and when it never may.
@Suite("Collection of code", .timeLimit(.minutes(15)))
struct CollectionTests {
    private static let all = Retention(revisions: 0, age: .zero)

    private func put(_ name: String, _ version: Int, _ digest: String) -> Change {
        .put(.function(function(name, version, code: digest)))
    }

    @Test("code goes only when nobody can need it any more", arguments: Engine.allCases)
    func rules(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let used = try store.put(noise(10, seed: 1))
        let layer = try store.put(noise(10, seed: 2))
        let gone = try store.put(noise(300_000, seed: 3))
        let loose = try store.put(noise(10, seed: 4))
        let record = Change.put(.record(id: "lambda/layer/l", document: "{\"d\":\"\(layer)\"}"))
        try store.publish([put("f", 1, used), put("g", 1, used), record, put("h", 1, gone)])
        try store.publish([.delete("function/g:1"), .delete("function/h:1")])
        try store.publish([bucket("later")])

        // Pinned and young.
        #expect(try store.collectBlobs(grace: .seconds(60), acknowledged: .max).count == 0)
        try bench.age(seconds: 10_000, store)
        // What no revision ever named goes; a reader at the floor 0 may still want the rest.
        #expect(
            try store.collectBlobs(grace: .seconds(60), acknowledged: .max)
                == BlobSweep(count: 1, size: 10)
        )
        #expect(try store.blobSize(loose) == nil)
        #expect(try store.compact(keeping: Retention(revisions: 2, age: .zero)) == 1)
        #expect(try store.collectBlobs(grace: .seconds(60), acknowledged: .max).count == 0)
        #expect(try store.compact(keeping: Self.all) == 3)
        // An edge has not applied the deletion yet.
        #expect(try store.collectBlobs(grace: .seconds(60), acknowledged: 1).count == 0)
        #expect(try store.get(gone)?.count == 300_000)
        // Somebody is about to publish it again.
        #expect(try store.pinBlob(gone))
        #expect(try store.collectBlobs(grace: .seconds(60), acknowledged: .max).count == 0)
        try bench.age(seconds: 10_000, store)
        #expect(
            try store.collectBlobs(grace: .seconds(60), acknowledged: .max)
                == BlobSweep(count: 1, size: 300_000)
        )
        #expect(try store.blobSize(gone) == nil && store.readBlob(gone, from: 0, count: 1) == nil)
        #expect(try store.get(used) != nil && store.get(layer) != nil)
        let error = #expect(throws: RegistryError.self) { try store.publish([put("h", 2, gone)]) }
        #expect(error?.description.contains("not kept here") == true)
        // The last use of a layer's record.
        try store.publish([.delete("record/lambda/layer/l")])
        _ = try store.compact(keeping: Self.all)
        try bench.age(seconds: 10_000, store)
        #expect(try store.collectBlobs(grace: .seconds(60), acknowledged: .max).count == 1)
        #expect(try store.blobSize(layer) == nil)
        if engine == .postgreSQL {
            #expect(try bench.sql("SELECT count(*) FROM portico.blob_bodies") == "1")
            #expect(try bench.sql("SELECT count(*) FROM portico.blob_chunks") == "1")
        } else {
            let files = try FileManager.default.contentsOfDirectory(
                atPath: bench.folder.path + "/blobs"
            )
            #expect(files == [used])
        }
    }

    @Test(
        "a primary's upkeep spares what live edges have not applied",
        arguments: Engine.allCases
    )
    func upkeep(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let primary = PrimaryRegistry(store: store)
        let digest = try store.put(noise(10))
        try store.publish([put("f", 1, digest)])
        try store.publish([.delete("function/f:1")])
        try await primary.report(
            EdgeReport(name: "fra", address: "::1", revision: 1, primary: "a")
        )
        try bench.age(seconds: 10_000, store)
        try await primary.report(
            EdgeReport(name: "iad", address: "::1", revision: 1, primary: "a")
        )
        #expect(try await primary.maintain(keeping: Self.all).sweep.count == 0)
        try await primary.report(
            EdgeReport(name: "iad", address: "::1", revision: 2, primary: "a")
        )
        // The edge in fra, which has not spoken for long, does not count.
        let done = try await primary.maintain(keeping: Self.all)
        #expect(done.floor == 2 && done.sweep.count == 1)
    }

    @Test(
        "what a publisher has just put survives collectors that run all the time",
        arguments: Engine.allCases
    )
    func races(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let isDone = Flag()
        let collectors = [try bench.open(), try bench.open()]
        let publishers = try (0..<4).map { _ in try bench.open() }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for store in collectors {
                group.addTask {
                    while !isDone.isSet {
                        _ = try store.compact(keeping: Self.all)
                        _ = try store.collectBlobs(grace: .zero, acknowledged: .max)
                        await Task.yield()
                    }
                    return false
                }
            }
            for (number, store) in publishers.enumerated() {
                group.addTask {
                    try Self.publishAndDelete(as: "f\(number)", store)
                    return true
                }
            }
            var working = publishers.count
            for try await isPublisher in group where isPublisher {
                working -= 1
                if working == 0 { isDone.set() }
            }
        }
        #expect(try bench.open().head().revision == 4 * 12 * 2)
    }

    private static func publishAndDelete(as name: String, _ store: any RegistryStore) throws {
        for round in 1...12 {
            // The same few blobs come and go.
            let bytes = noise(300_000, seed: UInt64(round % 3))
            let digest = CodeArchive.digest(bytes)
            if try !store.pinBlob(digest) { try store.put(bytes, as: digest) }
            try store.publish([.put(.function(function(name, round, code: digest)))])
            #expect(try store.get(digest) == bytes)
            try store.publish([.delete("function/\(name):\(round)")])
        }
    }
}

/// Something that happened.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
