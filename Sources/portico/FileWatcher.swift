import CLinux
import Foundation
import Reactor

/// Tells when anything below some folders, or one of some files, was written, once it has been quiet for a
/// moment.
///
/// Lives on one reactor. Folders made later are watched as they appear.
final class FileWatcher {
    /// How long after the last write a change counts as finished.
    static let quiet: Duration = .milliseconds(10)
    /// The longest that a change waits for quiet when writes never cease.
    static let patience: Duration = .milliseconds(500)
    /// The most folders watched; further ones are reported, not watched.
    static let maximumFolders = 8_192
    /// Folders that nobody means when they save a file.
    static let ignored: Set = [".git", ".portico", ".build", "certs", "__pycache__", ".venv"]
    private static let events =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CREATE)
        | UInt32(IN_DELETE) | UInt32(IN_MODIFY)

    /// What counts in a folder.
    private enum Scope {
        case everything
        case files(Set<String>)
    }

    private let readiness: Readiness
    private var folders: [Int32: String] = [:]
    private var scopes: [String: Scope] = [:]
    private(set) var isFull = false

    /// Makes a watcher on the current reactor; nil when the kernel has no more to give.
    init?(on reactor: Reactor) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        readiness = reactor.register(descriptor)
    }

    /// Watches one file, which may be replaced or made later: its folder is watched for its name.
    func watch(file: String) {
        let url = URL(fileURLWithPath: file)
        let folder = url.deletingLastPathComponent().path
        switch scopes[folder] {
        case .everything: break
        case .files(let names):
            scopes[folder] = .files(names.union([url.lastPathComponent]))
        case nil:
            if add(folder) { scopes[folder] = .files([url.lastPathComponent]) }
        }
    }

    /// Watches a folder and all below it; watching it twice does nothing.
    func watch(_ folder: String) {
        if case .everything = scopes[folder] { return }
        guard scopes[folder] != nil || add(folder) else { return }
        scopes[folder] = .everything
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? []
        where !Self.ignored.contains(name) {
            let path = folder + "/" + name
            let type = try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            if type == .typeDirectory { watch(path) }
        }
    }

    private func add(_ folder: String) -> Bool {
        guard scopes.count < Self.maximumFolders else {
            isFull = true
            return false
        }
        let watch = inotify_add_watch(readiness.descriptor, folder, Self.events)
        guard watch >= 0 else { return false }
        folders[watch] = folder
        return true
    }

    /// Waits for the next write and then for quiet; false when the watcher was closed.
    func changes() async -> Bool {
        while !drain() {
            guard await readiness.readable() == .ready else { return false }
        }
        let deadline = ContinuousClock.now + Self.patience
        while .now < deadline {
            switch await readiness.readable(until: .now + Self.quiet) {
            case .timedOut: return true
            case .closed: return false
            case .ready: _ = drain()
            }
        }
        return true
    }

    /// Reads what has happened; true when any of it counts.
    private func drain() -> Bool {
        var counted = false
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let size = read(readiness.descriptor, &buffer, buffer.count)
            guard size > 0 else { return counted }
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= size {
                let event = buffer.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                }
                let start = offset + MemoryLayout<inotify_event>.size
                offset = start + Int(event.len)
                let bytes = buffer[start..<offset].prefix { $0 != 0 }
                if take(event, String(decoding: bytes, as: UTF8.self)) { counted = true }
            }
        }
    }

    private func take(_ event: inotify_event, _ name: String) -> Bool {
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
        guard let folder = folders[event.wd] else { return false }
        if event.mask & UInt32(IN_IGNORED) != 0 {
            folders[event.wd] = nil
            scopes[folder] = nil
            return true
        }
        if Self.ignored.contains(name) || name.hasPrefix(".#") || name.hasSuffix("~") {
            return false
        }
        switch scopes[folder] {
        case .everything:
            if event.mask & UInt32(IN_ISDIR) != 0 { watch(folder + "/" + name) }
            return true
        case .files(let names): return names.contains(name)
        case nil: return false
        }
    }
}
