import Crypto
import Foundation
import Model
import Synchronization

/// A bucket as a folder of this machine: each object is a file below it, and what else is known of objects
/// lies in a folder of the node.
///
/// Files that others put there are objects too.
struct BucketFolder {
    /// How long a key may be.
    ///
    /// Unit: bytes. Source: Amazon S3, "Object key naming guidelines".
    static let maximumKey = 1024

    let name: String
    let folder: String
    /// Where records, old versions and parts are kept.
    let notes: String
    /// Whether old versions are kept.
    var keepsVersions = false
    /// Whether versions were kept at some time.
    var wasVersioned = false

    private var files: FileManager { .default }

    /// The file of a key.
    ///
    /// - Throws: when the key cannot be a file's name here.
    func path(_ key: String) throws(BucketError) -> String {
        guard key.utf8.count <= Self.maximumKey else {
            throw BucketError(400, "KeyTooLongError", "Your key is too long")
        }
        let parts = key.pathSegments(omittingEmpty: false)
        let isFile =
            !key.isEmpty && !key.utf8.contains(0)
            && parts.enumerated().allSatisfy { index, part in
                part != "." && part != ".." && part.utf8.count <= 255
                    && (!part.isEmpty || index == parts.count - 1)
            }
        guard isFile else {
            throw .invalid("The key '\(key)' cannot be a file's name on this machine.")
        }
        return folder + "/" + key
    }

    private func hash(_ key: String) -> String { Digest.hex(Digest.sha256(key).prefix(16)) }
    private func recordPath(_ key: String) -> String { "\(notes)/objects/\(hash(key)).json" }
    private func versionFolder(_ key: String) -> String { "\(notes)/versions/\(hash(key))" }
    private func markerPath(_ key: String) -> String { "\(notes)/markers/\(hash(key)).json" }

    // MARK: - Reading

    /// The current object of a key; nil when there is none.
    func current(_ key: String) throws(BucketError) -> ObjectRecord? {
        try current(key, path: path(key))
    }

    private func current(_ key: String, path: String) -> ObjectRecord? {
        var isFolder: ObjCBool = false
        guard files.fileExists(atPath: path, isDirectory: &isFolder) else { return nil }
        // A key that ends in a slash is a folder; only those that were put count as objects.
        guard isFolder.boolValue == key.hasSuffix("/") else { return nil }
        let kept = record(at: recordPath(key))
        if isFolder.boolValue { return kept }
        guard let facts = try? files.attributesOfItem(atPath: path),
            let size = (facts[.size] as? NSNumber)?.intValue,
            let date = facts[.modificationDate] as? Date
        else { return nil }
        let modified = Int(date.timeIntervalSince1970)
        if let kept, kept.size == size, kept.modified == modified { return kept }
        guard let content = files.contents(atPath: path) else { return nil }
        var fresh = ObjectRecord(
            tag: Digest.hex(Digest.Algorithm.md5.digest([UInt8](content))),
            size: size,
            modified: modified,
            key: key
        )
        fresh.serial = kept?.serial ?? 0
        write(fresh, to: recordPath(key))
        return fresh
    }

    /// Every key with its current object, in the order of their bytes.
    func all(prefix: String = "") -> [ObjectRecord] {
        var found: [ObjectRecord] = []
        for path in files.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? [] {
            for key in [path, path + "/"] where key.hasPrefix(prefix) {
                if let record = current(key, path: folder + "/" + key) { found.append(record) }
            }
        }
        return found.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    /// An object, by its version if one is asked for, with the file of its bytes.
    func object(
        _ key: String,
        version: String?
    ) throws(BucketError) -> (record: ObjectRecord, path: String)? {
        let path = try path(key)
        let now = current(key, path: path)
        guard let version else { return now.map { ($0, path) } }
        if let now, (now.version ?? "null") == version { return (now, path) }
        if let marker = record(at: markerPath(key)), marker.version ?? "null" == version {
            return (marker, "")
        }
        let place = versionFolder(key) + "/" + version
        guard !version.contains("/"), let old = record(at: place + ".json") else { return nil }
        return (old, place)
    }

    /// The marker that stands for a deleted object.
    func marker(_ key: String) -> ObjectRecord? { record(at: markerPath(key)) }

    /// All versions of all keys: by key, the latest first.
    func versions(prefix: String) -> [(record: ObjectRecord, isLatest: Bool)] {
        var found = all(prefix: prefix).map { ($0, true) }
        for record in records(in: notes + "/markers") { found.append((record, true)) }
        for name in names(in: notes + "/versions") {
            found += records(in: "\(notes)/versions/\(name)").map { ($0, false) }
        }
        return found.filter { $0.0.key.hasPrefix(prefix) }.sorted { left, right in
            if left.0.key != right.0.key {
                return left.0.key.utf8.lexicographicallyPrecedes(right.0.key.utf8)
            }
            return (left.1 ? 1 : 0, left.0.serial) > (right.1 ? 1 : 0, right.0.serial)
        }
    }

    var isEmpty: Bool {
        all().isEmpty && names(in: notes + "/versions").isEmpty
            && names(in: notes + "/markers").isEmpty
    }

    private func names(in folder: String) -> [String] {
        (try? files.contentsOfDirectory(atPath: folder))?.sorted() ?? []
    }

    private func records(in folder: String) -> [ObjectRecord] {
        names(in: folder).filter { $0.hasSuffix(".json") }.compactMap {
            record(at: folder + "/" + $0)
        }
    }

    private func record(at path: String) -> ObjectRecord? {
        files.contents(atPath: path).flatMap {
            try? JSONDecoder().decode(ObjectRecord.self, from: $0)
        }
    }

    // MARK: - Writing

    private func write(_ record: ObjectRecord, to path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        try? files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? JSONEncoder().encode(record).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Puts an object in the place of the current one, which becomes an old version where these are kept.
    ///
    /// `source` is a file that is moved there.
    func put(_ record: ObjectRecord, from source: String) throws(BucketError) -> ObjectRecord {
        let path = try path(record.key)
        var record = record
        record.serial = try retire(record.key)
        record.version = keepsVersions ? Self.newVersion() : nil
        do {
            if record.key.hasSuffix("/") {
                try files.createDirectory(atPath: path, withIntermediateDirectories: true)
                try? files.removeItem(atPath: source)
            } else {
                let folder = (path as NSString).deletingLastPathComponent
                try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
                if files.fileExists(atPath: path) { try files.removeItem(atPath: path) }
                try files.moveItem(atPath: source, toPath: path)
                let date = Date(timeIntervalSince1970: Double(record.modified))
                try files.setAttributes([.modificationDate: date], ofItemAtPath: path)
            }
        } catch {
            throw .invalid(
                "The key '\(record.key)' cannot be a file beside the others of this bucket's folder."
            )
        }
        write(record, to: recordPath(record.key))
        return record
    }

    /// Makes room for another object of a key; gives its place in the order of versions.
    private func retire(_ key: String) throws(BucketError) -> Int {
        let path = try path(key)
        let old = current(key, path: path)
        let marker = record(at: markerPath(key))
        let serial = max(old?.serial ?? 0, marker?.serial ?? 0) + 1
        if let marker {
            if keepsVersions || marker.version != nil {
                write(marker, to: "\(versionFolder(key))/\(marker.version ?? "null").json")
            }
            try? files.removeItem(atPath: markerPath(key))
        }
        if let old, keepsVersions || old.version != nil {
            let place = "\(versionFolder(key))/\(old.version ?? "null")"
            write(old, to: place + ".json")
            try? files.removeItem(atPath: place)
            try? files.moveItem(atPath: path, toPath: place)
        }
        // Without versions there is but one that reads `null`.
        if !keepsVersions, old?.version != nil || old == nil {
            for end in ["", ".json"] {
                try? files.removeItem(atPath: "\(versionFolder(key))/null\(end)")
            }
        }
        return serial
    }

    /// Deletes an object or one of its versions; gives the version that is gone or the marker that was made.
    func delete(_ key: String, version: String?) throws(BucketError) -> ObjectRecord? {
        guard let version else {
            if keepsVersions || wasVersioned { return try mark(key) }
            let path = try path(key)
            guard let old = current(key, path: path) else { return nil }
            remove(key, path)
            return old
        }
        guard let found = try object(key, version: version) else { return nil }
        let path = try path(key)
        if found.path == path {
            remove(key, path)
            try restore(key, path)
        } else if found.path.isEmpty {
            try? files.removeItem(atPath: markerPath(key))
            try restore(key, path)
        } else {
            for end in ["", ".json"] { try? files.removeItem(atPath: found.path + end) }
        }
        tidy(versionFolder(key))
        return found.record
    }

    private func mark(_ key: String) throws(BucketError) -> ObjectRecord {
        var marker = ObjectRecord(
            tag: "",
            size: 0,
            modified: Int(Date().timeIntervalSince1970),
            key: key
        )
        marker.serial = try retire(key)
        marker.isMarker = true
        marker.version = keepsVersions ? Self.newVersion() : nil
        remove(key, try path(key))
        write(marker, to: markerPath(key))
        return marker
    }

    /// The latest of the old versions becomes the current one.
    private func restore(_ key: String, _ path: String) throws(BucketError) {
        let latest = records(in: versionFolder(key)).max { $0.serial < $1.serial }
        guard let latest else { return }
        let place = "\(versionFolder(key))/\(latest.version ?? "null")"
        try? files.removeItem(atPath: place + ".json")
        if latest.isMarker { return write(latest, to: markerPath(key)) }
        let folder = (path as NSString).deletingLastPathComponent
        try? files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? files.moveItem(atPath: place, toPath: path)
        write(latest, to: recordPath(key))
    }

    private func remove(_ key: String, _ path: String) {
        try? files.removeItem(atPath: recordPath(key))
        if key.hasSuffix("/") {
            guard names(in: path).isEmpty else { return }
        }
        try? files.removeItem(atPath: path)
        // Folders without a file are no objects: the empty ones above it go too.
        var above = ((path as NSString).standardizingPath as NSString).deletingLastPathComponent
        while above.count > folder.count, names(in: above).isEmpty,
            record(at: recordPath(String(above.dropFirst(folder.count + 1)) + "/")) == nil
        {
            try? files.removeItem(atPath: above)
            above = (above as NSString).deletingLastPathComponent
        }
    }

    private func tidy(_ folder: String) {
        if names(in: folder).isEmpty { try? files.removeItem(atPath: folder) }
    }

    private static func newVersion() -> String {
        Ledger.random(32, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._")
    }
}
