public import Foundation

/// Held while a process starts.
private let starting = NSLock()

extension Process {
    /// Runs the process, like `run()`, but never while another one starts.
    ///
    /// A process also gets what others that start at the same moment have open; one that lives on would hold the end
    /// by which Foundation learns that another has ended, and who waits for that one would wait for ever.
    public func start() throws { try starting.withLock { try run() } }
}
