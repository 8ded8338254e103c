import DataPlane
import HTTP
import Model

/// The answers of redirect actions.
enum Redirects {
    /// A longer `Location` is not sent.
    ///
    /// Unit: bytes. Source: AWS page "CloudWatch metrics for your Application Load Balancer"
    /// (HTTP_Redirect_Url_Limit_Exceeded_Count).
    static let locationLimit = 8 << 10

    /// Where a redirect leads; 443 and 80 become this process's ports.
    static func location(
        _ action: RedirectAction,
        _ request: RequestHead,
        isTLS: Bool,
        port: Int,
        _ ports: DoorPorts
    ) -> String {
        let host = request.host.contains(":") ? "[\(request.host)]" : request.host
        let values = [
            "#{protocol}": isTLS ? "https" : "http", "#{host}": host, "#{port}": String(port),
            "#{path}": String(request.path.dropFirst()), "#{query}": request.query ?? "",
        ]
        func expand(_ text: String) -> String { expanded(text, values) }
        let scheme = expand(action.scheme).lowercased()
        var realPort = expand(action.port)
        if let number = Int(realPort) { realPort = String(ports.real(number)) }
        let query = expand(action.query)
        return "\(scheme)://\(expand(action.host)):\(realPort)\(expand(action.path))"
            + (query.isEmpty ? "" : "?" + query)
    }

    /// The answer that leads there.
    static func response(status: Int, location: String) -> Response {
        guard location.utf8.count <= locationLimit else { return BalancerPages.response(500) }
        var response = BalancerPages.response(status)
        response.head.headers.append("Location", location)
        return response
    }

    /// Replaces the placeholders in one pass, so that what they bring in is not expanded again.
    private static func expanded(_ text: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "#") {
            result += rest[..<start]
            rest = rest[start...]
            if let end = rest.firstIndex(of: "}"), let value = values[String(rest[...end])] {
                result += value
                rest = rest[rest.index(after: end)...]
            } else {
                result += "#"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }
}
