import DataPlane
import HTTP
import Model

/// Cross-origin answers of an HTTP API.
enum GatewayCORS {
    /// Whether the gateway answers this request itself.
    static func isPreflight(_ head: RequestHead) -> Bool {
        head.method == "OPTIONS" && head.headers.contains("origin")
            && head.headers.contains("access-control-request-method")
    }

    /// The answer to a preflight.
    static func preflight(_ head: RequestHead, _ cors: HTTPAPI.CORS) -> Response {
        var headers = Headers()
        if let origin = head.headers["origin"], let allowed = allowed(origin, cors) {
            headers.append("Access-Control-Allow-Origin", allowed)
            if !cors.allowMethods.isEmpty {
                headers.append(
                    "Access-Control-Allow-Methods",
                    cors.allowMethods.joined(separator: ",")
                )
            }
            if !cors.allowHeaders.isEmpty {
                headers.append(
                    "Access-Control-Allow-Headers",
                    cors.allowHeaders.joined(separator: ",")
                )
            }
            if let maxAge = cors.maxAge { headers.append("Access-Control-Max-Age", String(maxAge)) }
            if cors.allowCredentials { headers.append("Access-Control-Allow-Credentials", "true") }
        }
        return Response(head: ResponseHead(status: 204, headers: headers))
    }

    /// Replaces the integration's cross-origin fields by the configured ones.
    static func apply(_ cors: HTTPAPI.CORS, to headers: inout Headers, origin: String?) {
        headers.removeAll { $0.lowercased().hasPrefix("access-control-") }
        guard let origin, let allowed = allowed(origin, cors) else { return }
        headers.append("Access-Control-Allow-Origin", allowed)
        if cors.allowCredentials { headers.append("Access-Control-Allow-Credentials", "true") }
        if !cors.exposeHeaders.isEmpty {
            headers.append(
                "Access-Control-Expose-Headers",
                cors.exposeHeaders.joined(separator: ",")
            )
        }
    }

    private static func allowed(_ origin: String, _ cors: HTTPAPI.CORS) -> String? {
        for entry in cors.allowOrigins {
            switch entry {
            case "*": return "*"
            case "https://*": if origin.hasPrefix("https://") { return origin }
            case "http://*": if origin.hasPrefix("http://") { return origin }
            default: if entry.lowercased() == origin.lowercased() { return origin }
            }
        }
        return nil
    }
}
