import Foundation
import Model

@testable import Registry

/// A folder that goes away with the test.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "registry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String, mode: Int = 0o644) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    }

    func read(_ name: String) -> String? {
        try? String(contentsOfFile: path + "/" + name, encoding: .utf8)
    }

    func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }
}

func bucket(_ name: String) -> Change { .put(.bucket(name: name, folder: "/" + name)) }

func function(_ name: String, _ version: Int, code: String) -> FunctionVersion {
    FunctionVersion(
        name: name,
        version: version,
        runtime: "nodejs22.x",
        handler: "index.handler",
        codeDigest: code
    )
}

/// An archive with one file.
func code(_ text: String) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try folder.write(text, to: "index.js")
    return try CodeArchive.pack(folder: folder.path)
}

extension RegistryStore {
    /// Commits changes at whatever the head is.
    @discardableResult
    func publish(_ changes: [Change]) throws -> Int {
        try publish(after: try head().revision) { _ in changes }
    }

    /// Keeps bytes.
    @discardableResult
    func put(_ bytes: [UInt8], as digest: String? = nil) throws -> String {
        let writer = try beginBlob()
        try writer.append(bytes[...])
        return try writer.finish(expecting: digest).digest
    }

    /// All bytes of a blob.
    func get(_ digest: String) throws -> [UInt8]? {
        guard let size = try blobSize(digest) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < size {
            let more = try readBlob(digest, from: bytes.count, count: 1 << 20) ?? []
            if more.isEmpty { return nil }
            bytes += more
        }
        return bytes
    }

    /// The current snapshot.
    func snapshot() throws -> Snapshot { try current().snapshot }
}
