package import DataPlane
package import HTTP
package import Model

/// Which edge this is, as viewers see it.
package struct EdgeIdentity: Sendable {
    /// `iad`.
    package var name: String
    /// `IAD89-P1`.
    package var pop: String
    /// The port that stands for 443.
    package var httpsPort: Int

    /// Makes an identity; without a point of presence one is derived from the name.
    package init(name: String, pop: String? = nil, httpsPort: Int) {
        self.name = name
        self.pop = pop ?? name.uppercased() + "89-P1"
        self.httpsPort = httpsPort
    }
}

/// A request on its way to an origin, after the origin-request hook.
package struct OriginRequest: Sendable {
    /// The origin with what follows from its settings.
    package private(set) var plan: OriginPlan
    package var head: RequestHead
    /// Whether the viewer came by HTTPS, which decides `match-viewer`.
    package var viewerIsTLS: Bool

    /// The origin's settings; setting them sends the request to another origin.
    package var origin: Origin {
        get { plan.origin }
        set { plan = OriginPlan(newValue) }
    }

    /// The request with the path and headers that the origin's settings add; nil when they add none.
    var withOriginSettings: OriginRequest? {
        guard plan.changesRequests else { return nil }
        let origin = plan.origin
        var request = self
        request.head.path = plan.path(of: head)
        for (name, value) in origin.customHeaders.sorted(by: { $0.key < $1.key }) {
            request.head.headers.set(name, value)
        }
        return request
    }

    /// Whether the origin is asked by HTTPS.
    ///
    /// A signed request to a bucket always is ("Restrict access to an Amazon S3 origin").
    package var isTLS: Bool {
        if plan.signer != nil, plan.origin.isS3 { return true }
        return switch plan.origin.protocolPolicy {
        case .httpOnly: false
        case .httpsOnly: true
        case .matchViewer: viewerIsTLS
        }
    }

    /// The port that the origin's settings name.
    package var port: Int { isTLS ? plan.origin.httpsPort : plan.origin.httpPort }
}

/// Where an origin's requests really go.
package enum OriginTarget: Sendable {
    case upstream(UpstreamTarget)
    /// A bucket kept as a folder; a private one wants a signature, and who may not list it does not learn what
    /// is missing.
    case folder(String, isPrivate: Bool = false, mayList: Bool = true)
    /// Another door of this process.
    case door(any ExchangeHandler)
}

/// Knows where origins are on this machine.
package protocol OriginResolver: Sendable {
    /// The place that answers for this request's origin.
    func target(for origin: OriginRequest) -> OriginTarget
}
