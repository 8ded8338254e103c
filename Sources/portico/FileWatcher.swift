import CLinux
import Foundation
import Reactor

/// Tells when anything below some folders was written, once it has been quiet for a moment.
///
/// Lives on one reactor. Folders made later are watched as they appear.
final class FileWatcher {
    /// How long after the last write a change counts as finished.
    static let quiet: Duration = .milliseconds(10)
    /// The most folders watched; further ones are reported, not watched.
    static let maximumFolders = 8_192
    /// Folders that nobody means when they save a file.
    static let ignored: Set = [".git", ".portico", ".build", "certs", "__pycache__", ".venv"]

    private let readiness: Readiness
    private var folders: [Int32: String] = [:]
    private var watched: Set<String> = []
    private(set) var isFull = false

    /// Makes a watcher on the current reactor; nil when the kernel has no more to give.
    init?(on reactor: Reactor) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        readiness = reactor.register(descriptor)
    }

    /// Watches a folder and all below it; watching it twice does nothing.
    func watch(_ folder: String) {
        guard !watched.contains(folder) else { return }
        guard watched.count < Self.maximumFolders else {
            isFull = true
            return
        }
        let events =
            UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM) | UInt32(IN_CREATE)
            | UInt32(IN_DELETE) | UInt32(IN_MODIFY)
        let watch = inotify_add_watch(readiness.descriptor, folder, events)
        guard watch >= 0 else { return }
        watched.insert(folder)
        folders[watch] = folder
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? [] {
            guard !Self.ignored.contains(name) else { continue }
            let path = folder + "/" + name
            var isFolder: ObjCBool = false
            if manager.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
                let type = try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
                if type == .typeDirectory { self.watch(path) }
            }
        }
    }

    /// Waits for the next write and then for quiet; false when the watcher was closed.
    func changes() async -> Bool {
        while true {
            if drain() { break }
            guard await readiness.readable() == .ready else { return false }
        }
        while true {
            switch await readiness.readable(until: .now + Self.quiet) {
            case .timedOut: return true
            case .closed: return false
            case .ready: _ = drain()
            }
        }
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
                let nameStart = offset + MemoryLayout<inotify_event>.size
                let name = String(
                    decoding: buffer[nameStart..<nameStart + Int(event.len)].prefix { $0 != 0 },
                    as: UTF8.self
                )
                offset = nameStart + Int(event.len)
                guard !Self.ignored.contains(name), !name.hasPrefix(".#"), !name.hasSuffix("~")
                else { continue }
                counted = true
                let madeFolder = event.mask & UInt32(IN_ISDIR) != 0
                if madeFolder, let parent = folders[event.wd] { watch(parent + "/" + name) }
                if event.mask & UInt32(IN_IGNORED) != 0,
                    let gone = folders.removeValue(forKey: event.wd)
                {
                    watched.remove(gone)
                }
            }
        }
    }
}
