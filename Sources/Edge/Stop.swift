import HTTP
import Model
import Telemetry

/// The end of a request before the pipeline's end: a ready response and what `X-Cache` says of it.
struct Stop: Error, Sendable {
    var head: ResponseHead
    var body: Bytes
    /// What `X-Cache` says before `from cloudfront`.
    var result: String
    /// Whether it is an error made here, for which a custom error page may stand.
    var isError = true
    /// What logs say of the error more exactly.
    var detail: String?
    /// The rule of the distribution that was broken.
    var rule: ViewerRule?

    /// CloudFront's HTML error page.
    static func error(
        _ status: Int,
        _ reason: String,
        requestID: ExchangeID,
        result: String = "Error"
    ) -> Stop {
        let page = ErrorPage.html(status: status, reason: reason, requestID: requestID.description)
        let head = ResponseHead(
            status: status,
            headers: ["Server": "CloudFront", "Content-Type": "text/html"]
        )
        return Stop(head: head, body: Array(page.utf8)[...], result: result)
    }

    /// The answer to a request that breaks a rule of the distribution, or whose origin failed.
    static func refusal(
        _ rule: ViewerRule,
        requestID: ExchangeID,
        more: String = "",
        text: String? = nil,
        mayHavePage: Bool = true
    ) -> Stop {
        var stop: Stop
        if let code = rule.code {
            let page =
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>\(code)</Code>"
                + "<Message>\(text ?? rule.text)</Message></Error>"
            let head = ResponseHead(
                status: rule.status,
                headers: ["Server": "CloudFront", "Content-Type": "text/xml"]
            )
            stop = Stop(head: head, body: Array(page.utf8)[...], result: "Error")
        } else {
            stop = .error(rule.status, rule.text + more, requestID: requestID)
        }
        stop.isError = mayHavePage
        stop.detail = rule.detailedResult
        stop.rule = rule
        return stop
    }

    /// The redirect to HTTPS.
    static func redirect(_ status: Int, to location: String) -> Stop {
        let title = "\(status) \(StatusText.reason(for: status))"
        let lines = [
            "<html>", "<head><title>\(title)</title></head>", "<body>",
            "<center><h1>\(title)</h1></center>", "<hr><center>CloudFront</center>", "</body>",
            "</html>",
        ]
        let body = lines.map { $0 + "\r\n" }.joined()
        let head = ResponseHead(
            status: status,
            headers: [
                "Server": "CloudFront", "Content-Type": "text/html", "Location": location,
            ]
        )
        return Stop(
            head: head,
            body: Array(body.utf8)[...],
            result: "Redirect",
            isError: false
        )
    }
}
