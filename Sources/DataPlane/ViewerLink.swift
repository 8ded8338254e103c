package import HTTP
import Reactor

/// What joins the two sides of an exchange while its origin is awaited: interim responses go one way, and
/// that the viewer has gone goes the other.
///
/// Confined to its reactor. A task's own cancellation handler would do, at the price of a lock and two
/// switches of executor for every wait; this costs two assignments.
package final class ViewerLink {
    /// Sends an interim (1xx) response to the viewer at once; nil where the transport has none.
    package let sendInterim: ((ResponseHead) async -> Void)?
    /// What waits for the origin now.
    @exclusivity(unchecked)
    var waiting: Readiness?

    /// Makes the link of one connection or stream.
    package init(sendInterim: ((ResponseHead) async -> Void)?) { self.sendInterim = sendInterim }

    /// Whether the viewer has gone, so that nobody begins to wait any more.
    ///
    /// What `Task.isCancelled` says as well, at the price of a function of the runtime.
    @exclusivity(unchecked)
    private(set) var isInterrupted = false

    /// Ends a wait for the origin, for good: the viewer has gone and its task is cancelled.
    package func interrupt() {
        isInterrupted = true
        waiting?.interruptReader()
    }
}
