/// A failure with its kind, the side at fault and whether trying again is safe.
package struct Fault: Error, Sendable {
    /// What went wrong.
    package enum Kind: Sendable, Equatable {
        case nameNotResolved, connectionRefused, connectTimeout, tlsFailure(String)
        case connectionReset, responseTimeout, idleTimeout, malformedMessage(String)
        case headTooLarge, bodyTooLarge, incompleteBody, overloaded(String), cancelled,
            misconfigured(String)
    }
    /// Who caused it.
    package enum Side: Sendable, Equatable { case viewer, edge, function, origin }
    /// Whether the same request may be sent again.
    package enum Retry: Sendable, Equatable {
        case never
        /// Nothing of the request had reached the peer, or the idle connection had gone stale.
        case safe
    }

    package var kind: Kind
    package var side: Side
    package var retry: Retry
    /// What a human should read.
    package var detail: String

    /// Makes a fault.
    package init(_ kind: Kind, side: Side, retry: Retry = .never, detail: String = "") {
        self.kind = kind
        self.side = side
        self.retry = retry
        self.detail = detail
    }

    /// The status for a proxy that has no better word: 504 for deadlines, 502 for the origin's mistakes.
    package var status: Int {
        switch kind {
        case .connectTimeout, .responseTimeout, .idleTimeout: side == .viewer ? 408 : 504
        case .nameNotResolved, .connectionRefused, .tlsFailure, .connectionReset, .incompleteBody:
            502
        case .malformedMessage: side == .viewer ? 400 : 502
        case .headTooLarge: side == .viewer ? 431 : 502
        case .bodyTooLarge: 413
        case .overloaded: 503
        case .cancelled: 499
        case .misconfigured: 500
        }
    }
}
