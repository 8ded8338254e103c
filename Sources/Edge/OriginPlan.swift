import DataPlane
import HTTP
package import Model

/// An origin with what follows from its settings, worked out once and shared by all requests to it.
package final class OriginPlan: Sendable {
    package let origin: Origin
    let limits: UpstreamLimits
    /// Whether the settings add a path or fields to each request.
    let changesRequests: Bool
    /// What signs the requests to it; nil where nothing does.
    let signer: OriginSigner?
    /// Where the origin is, once somebody found out: without TLS and with it.
    private let plain = OnceReference<Place>()
    private let secure = OnceReference<Place>()

    private final class Place: Sendable {
        let target: OriginTarget

        init(_ target: OriginTarget) { self.target = target }
    }

    /// Works an origin's settings out.
    package init(_ origin: Origin) {
        self.origin = origin
        var limits = UpstreamLimits()
        limits.connect = .seconds(origin.connectionTimeout)
        limits.response = .seconds(origin.readTimeout)
        limits.keepAlive = .seconds(origin.keepaliveTimeout)
        limits.attempts = origin.connectionAttempts
        self.limits = limits
        signer = OriginSigner(origin)
        changesRequests = !origin.path.isEmpty || !origin.customHeaders.isEmpty
    }

    /// The path that the origin is asked for.
    func path(of head: RequestHead) -> String {
        origin.path.isEmpty ? head.path : origin.path + head.path
    }

    /// Where the origin is, if that was kept.
    package func target(isTLS: Bool) -> OriginTarget? {
        isTLS ? secure.read { $0.target } : plain.read { $0.target }
    }

    /// Keeps where the origin is, for as long as the distribution stays as it is.
    ///
    /// Not for doors of this process, which would hold each other for ever.
    package func keep(_ target: OriginTarget, isTLS: Bool) {
        if case .door = target { return }
        if isTLS { secure.store(Place(target)) } else { plain.store(Place(target)) }
    }
}
