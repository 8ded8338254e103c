import DataPlane
import HTTP

/// The answers that a load balancer makes itself.
enum BalancerPages {
    private static let titles: [Int: String] = [
        301: "Moved Permanently", 302: "Found", 400: "Bad Request",
        401: "Authorization Required", 403: "Forbidden", 405: "Not Allowed",
        408: "Request Time-out", 413: "Request Entity Too Large", 414: "Request-URI Too Large",
        500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
        503: "Service Temporarily Unavailable", 504: "Gateway Time-out",
        505: "HTTP Version Not Supported",
    ]

    /// The page of a status; 460, 463, 464, 561 and 562 have no content.
    static func response(_ status: Int) -> Response {
        let headers: Headers = ["Server": "awselb/2.0", "Content-Type": "text/html"]
        guard let title = titles[status] else {
            return Response(head: ResponseHead(status: status, headers: headers))
        }
        let line = "\(status) \(title)"
        let page =
            "<html>\r\n<head><title>\(line)</title></head>\r\n<body>\r\n"
            + "<center><h1>\(line)</h1></center>\r\n</body>\r\n</html>\r\n"
        return Response(
            head: ResponseHead(status: status, headers: headers),
            body: .bytes(Array(page.utf8)[...])
        )
    }

    /// What a fault on the way to a target becomes.
    static func response(for fault: Fault) -> Response {
        if case .cancelled = fault.kind { return response(460) }
        return response(fault.status == 431 ? 400 : fault.status)
    }
}
