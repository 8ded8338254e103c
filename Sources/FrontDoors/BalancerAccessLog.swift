import DataPlane
import HTTP
import Model

/// What an access log shows of one request; AWS page "Access logs for your Application Load Balancer".
struct BalancerLogEntry: Sendable {
    var type = "http"
    /// Unit: microseconds since 1970.
    var createdAt = 0
    var balancer = ""
    var client = "-"
    var target: String?
    /// Unit: seconds; nil when nothing was dispatched.
    var requestTime: Double?
    var targetTime: Double?
    var responseTime: Double?
    var status = 0
    var targetStatus: Int?
    var receivedBytes = 0
    var sentBytes = 0
    var request = ""
    var userAgent: String?
    var cipher: String?
    var tlsProtocol: String?
    var group: String?
    var trace: String?
    var domain: String?
    /// Nil when evaluation failed.
    var priority: Int?
    var actions: [String] = []
    var redirect: String?
    var errorReason: String?
    var classification: DesyncClassifier.Verdict?
    var transformedHost: String?
    var transformedURI: String?
    var transformStatus: String?

    /// The line with its 33 columns; `finished` is in microseconds since 1970.
    func line(finished: Int, connectionID: String) -> String {
        func quoted(_ text: String?) -> String { "\"\(Self.escaped(text ?? "-"))\"" }
        func seconds(_ value: Double?) -> String {
            guard let value else { return "-1" }
            let thousandths = Int((max(0, value) * 1000).rounded())
            return "\(thousandths / 1000)." + Self.padded(thousandths % 1000, 3)
        }
        let code = targetStatus.map(String.init) ?? "-"
        let columns: [String] = [
            type, Self.time(finished), balancer, client, target ?? "-", seconds(requestTime),
            seconds(targetTime), seconds(responseTime), String(status), code,
            String(receivedBytes), String(sentBytes), quoted(request), quoted(userAgent),
            cipher ?? "-", tlsProtocol ?? "-", group ?? "-", quoted(trace), quoted(domain),
            quoted(nil), priority.map(String.init) ?? "-", Self.time(createdAt),
            quoted(actions.isEmpty ? nil : actions.joined(separator: ",")), quoted(redirect),
            quoted(errorReason), quoted(target), quoted(targetStatus.map(String.init)),
            quoted(classification.flatMap { $0.tier == .compliant ? nil : $0.tier.text }),
            quoted(classification?.reason), connectionID, quoted(transformedHost),
            quoted(transformedURI), quoted(transformStatus),
        ]
        return columns.joined(separator: " ")
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 34 || $0 < 32 || $0 > 126 }) else { return text }
        var result = ""
        for byte in text.utf8.prefix(8 << 10) {
            if byte == 34 || byte < 32 || byte > 126 {
                let digits = Array("0123456789abcdef")
                result += "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            } else {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return result
    }

    static func padded(_ value: Int, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    /// `2018-07-02T22:23:00.186641Z`.
    static func time(_ microseconds: Int) -> String {
        let parts = EventTime.parts(microseconds / 1_000_000)
        return "\(parts.year)-\(padded(parts.month, 2))-\(padded(parts.day, 2))"
            + "T\(padded(parts.hour, 2)):\(padded(parts.minute, 2)):\(padded(parts.second, 2))"
            + ".\(padded(microseconds % 1_000_000, 6))Z"
    }
}

/// Writes access log lines where the bucket of a load balancer has its folder.
///
/// The files keep AWS's names but are left uncompressed, so that they can be followed.
struct BalancerAccessLog: Sendable {
    let balancer: LoadBalancer
    let place: BalancerSettings.AccessLogPlace
    /// The folder of the bucket; nil: lines go to the node's log.
    let folder: String?
    let log: @Sendable (String) -> Void

    /// Adds a line to the file of its five minutes.
    func write(_ line: String, at microseconds: Int) {
        guard let folder else { return log(line) }
        let path = folder + "/" + key(at: microseconds)
        if let problem = LogFile.append(line + "\n", to: path) {
            log("access log of \(balancer.name): \(problem): \(line)")
        }
    }

    /// The object's key in the bucket.
    func key(at microseconds: Int) -> String {
        let seconds = microseconds / 1_000_000
        let parts = EventTime.parts(seconds / 300 * 300)
        func two(_ value: Int) -> String { BalancerLogEntry.padded(value, 2) }
        let day = "\(parts.year)/\(two(parts.month))/\(two(parts.day))"
        let stamp =
            "\(parts.year)\(two(parts.month))\(two(parts.day))"
            + "T\(two(parts.hour))\(two(parts.minute))Z"
        let name = balancer.fullName.split(separator: "/").joined(separator: ".")
        let prefix = place.prefix.isEmpty ? "" : place.prefix + "/"
        return prefix + "AWSLogs/\(FunctionARN.account)/elasticloadbalancing/us-east-1/\(day)/"
            + "\(FunctionARN.account)_elasticloadbalancing_us-east-1_\(name)_\(stamp)_127.0.0.1.log"
    }
}
