package import HTTP

/// A plain reverse proxy to one origin: hop-by-hop rules, forwarding fields, nothing else.
package struct ProxyHandler: ExchangeHandler {
    private let target: UpstreamTarget
    private let limits: UpstreamLimits

    /// Makes a proxy to an origin.
    package init(to target: UpstreamTarget, limits: UpstreamLimits = UpstreamLimits()) {
        self.target = target
        self.limits = limits
    }

    package func respond(to exchange: inout Exchange) async -> Response {
        var request = exchange.request
        request.headers.removeHopByHop(keepUpgrade: true)
        let viewer = exchange.viewer
        if let earlier = request.headers["x-forwarded-for"] {
            request.headers.set("X-Forwarded-For", "\(earlier), \(viewer.address)")
        } else {
            request.headers.append("X-Forwarded-For", viewer.address)
        }
        request.headers.set("X-Forwarded-Proto", viewer.isTLS ? "https" : "http")
        if let host = request.headers["host"] { request.headers.set("X-Forwarded-Host", host) }
        request.headers.append("Via", "1.1 portico")
        do throws(Fault) {
            var response = try await exchange.context.upstream.send(
                request,
                body: exchange.body,
                to: target,
                limits: limits,
                link: exchange.link
            )
            response.head.headers.removeHopByHop(keepUpgrade: response.head.status == 101)
            response.head.headers.append("Via", "1.1 portico")
            return response
        } catch {
            return Response(status: error.status, text: "\(error.kind)\n")
        }
    }
}
