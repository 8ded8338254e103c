import CLinux
public import Foundation

/// Held while a process starts.
private let starting: NSLock = {
    // Foundation lists the open descriptors with `readdir` and copies whole `dirent` structures, past the end of the
    // directory's buffer where that holds more than 1,350. In a mapping of its own the buffer has room behind it.
    mallopt(M_MMAP_THRESHOLD, 32 << 10)
    return NSLock()
}()

extension Process {
    /// Runs the process, like `run()`, but never while another one starts.
    ///
    /// A process also gets what others that start at the same moment have open; one that lives on would hold the end
    /// by which Foundation learns that another has ended, and who waits for that one would wait for ever.
    public func start() throws { try starting.withLock { try run() } }
}
