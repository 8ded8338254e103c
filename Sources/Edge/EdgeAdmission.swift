import DataPlane
import HTTP
import Model

extension EdgePipeline {
    /// The checks before any function: enabled, behaviour, protocol, method.
    func admit(
        _ exchange: borrowing Exchange,
        _ passage: inout Passage
    ) throws(Stop) -> CacheBehavior {
        let id = passage.requestID
        guard distribution.isEnabled else { throw .error(403, "Bad request.", requestID: id) }
        let path = PathPattern.normalized(exchange.request.path)
        guard
            let behavior = distribution.behaviors.first(where: {
                PathPattern.matches($0.pathPattern, path: path)
            }) ?? distribution.behaviors.last
        else { throw .error(403, "Bad request.", requestID: id) }
        if passage.isErrorPage { return behavior }
        if !exchange.viewer.isTLS {
            try checkProtocol(behavior.viewerProtocolPolicy, exchange.request, id)
        }
        let method = exchange.request.method
        guard behavior.allowedMethods.contains(method) else {
            let supports =
                behavior.allowedMethods.contains("POST")
                ? "" : " The distribution supports only cachable requests."
            throw .error(
                403,
                "This distribution is not configured to allow the HTTP request method that was used "
                    + "for this request." + supports,
                requestID: id
            )
        }
        guard method != "GET" || !hasContent(exchange.body) else {
            throw .error(403, "Bad request.", requestID: id)
        }
        return behavior
    }

    private func hasContent(_ body: borrowing Body) -> Bool {
        switch copy body {
        case .empty, .upgrade: false
        case .bytes(let bytes): !bytes.isEmpty
        case .stream(_, let length): length != 0
        }
    }

    private func checkProtocol(
        _ policy: CacheBehavior.ViewerProtocolPolicy,
        _ head: RequestHead,
        _ id: String
    ) throws(Stop) {
        switch policy {
        case .allowAll: return
        case .httpsOnly: throw .error(403, "Bad request.", requestID: id)
        case .redirectToHTTPS:
            let isRead = head.method == "GET" || head.method == "HEAD"
            if !isRead, head.version == .http10 {
                throw .error(403, "Bad request.", requestID: id)
            }
            let host = head.host.contains(":") ? "[\(head.host)]" : head.host
            let port = edge.httpsPort == 443 ? "" : ":\(edge.httpsPort)"
            throw .redirect(isRead ? 301 : 307, to: "https://\(host)\(port)\(head.target)")
        }
    }

    /// Puts the default root object for the path that is exactly `/`.
    func applyDefaultRootObject(_ exchange: inout Exchange) {
        guard exchange.request.path == "/", !distribution.defaultRootObject.isEmpty else { return }
        exchange.request.path = "/" + distribution.defaultRootObject
    }
}
