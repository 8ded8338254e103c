import HTTP
import Model
import Telemetry

/// What an access log shows of one request, gathered when its head is final.
///
/// Source: "Standard logging reference".
struct AccessEntry: Sendable {
    var distribution: String
    var domain: String
    var location: String
    var method: String
    var path: String
    var query: String?
    var request: Headers
    var version: HTTPVersion
    var hasTLS: Bool
    var tlsProtocol: String?
    var tlsCipher: String?
    var address: String
    var port: Int
    /// Unit: bytes of the request's line and headers, with its body where that has a known length.
    var receivedBytes: Int
    var status: Int
    var result: String
    /// What an error is more exactly; nil for the result itself.
    var detail: String?
    var response: Headers
    /// Unit: seconds since 1970.
    var headAt: Double
    var pattern: String
    var country: String?
    /// The number of the viewer's network; nil when unknown.
    var network: String?
    /// The address that the viewer reached; empty where there is no connection.
    var server: String
    /// The distribution whose requests a policy shares with a staging one; nil where none does.
    var primary: PrimaryDistribution?
    /// Unit: microseconds; nil when no origin was asked.
    var originTime: Int?
    /// The name of the origin that was asked last.
    var originHost: String?
    /// What the first origin of a group answered when the second was asked.
    var failover: String?
    var isUpgrade: Bool
    /// Whether it was a call of gRPC.
    var isCall: Bool
    /// The name of the viewer's connection; nil where viewers show no certificates.
    var connectionID: String?

    /// The fields of the line, in the order of the reference; nil where there is nothing to say.
    func values(_ record: AccessRecord, includesCookies: Bool) -> [String?] {
        let end = record.startedAt + Double(record.durationMicroseconds) / 1e6
        let clock = LogTime(end)
        // Nothing was sent: the viewer left before.
        let hasLeft = record.bytesSent == 0
        let shown = hasLeft ? "Error" : result
        let range = response["content-range"].flatMap(Self.range)
        return [
            clock.date, clock.time, location, String(record.bytesSent), address, method, domain,
            path, hasLeft ? "000" : String(status), request["referer"], request["user-agent"],
            query, includesCookies ? cookies : nil, shown, record.requestID.description,
            request["host"],
            scheme, String(receivedBytes), Self.seconds(Self.taken(record)),
            request["x-forwarded-for"], tlsProtocol, tlsCipher, result,
            version == .http2 ? "HTTP/2.0" : "HTTP/\(version.text)", nil, nil, String(port),
            Self.seconds(timeToFirstByte(record)),
            hasLeft ? "ClientCommError" : detail ?? result, response["content-type"],
            response["content-length"], range?.first, range?.last,
        ]
    }

    /// What the newer form of the log may add: fields of real-time logs.
    func realTimeValues(_ record: AccessRecord) -> [String?] {
        let end = record.startedAt + Double(record.durationMicroseconds) / 1e6
        let origin = originTime.map(Self.seconds)
        return [String(Int(end * 1000)), origin, origin, network, country, pattern, connectionID]
    }

    private func timeToFirstByte(_ record: AccessRecord) -> Int {
        min(max(0, Int((headAt - record.startedAt) * 1e6)), Self.taken(record))
    }

    /// The time of the whole exchange; the record's own is no finer than a turn of the reactor.
    private static func taken(_ record: AccessRecord) -> Int {
        max(record.durationMicroseconds, record.stages.reduce(0) { $0 + $1.durationMicroseconds })
    }

    private var cookies: String? {
        request.contains(.cookie) ? request.all(.cookie).joined(separator: "; ") : nil
    }

    private var scheme: String {
        if isCall { return "grpcs" }
        if isUpgrade { return hasTLS ? "wss" : "ws" }
        return hasTLS ? "https" : "http"
    }

    /// First and last position of `bytes 0-9/100`.
    private static func range(_ text: String) -> (first: String, last: String)? {
        let parts = text.split(whereSeparator: { " -/".contains($0) })
        guard parts.count == 4, parts[0] == "bytes" else { return nil }
        return (String(parts[1]), String(parts[2]))
    }

    /// `0.123` of microseconds.
    static func seconds(_ microseconds: Int) -> String {
        let thousandths = (max(0, microseconds) + 500) / 1000
        let rest = String(thousandths % 1000)
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    /// The names of the fields of standard logs, in their order.
    static let names = [
        "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)",
        "cs-uri-stem", "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)",
        "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes",
        "time-taken", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
        "x-edge-response-result-type", "cs-protocol-version", "fle-status",
        "fle-encrypted-fields", "c-port", "time-to-first-byte", "x-edge-detailed-result-type",
        "sc-content-type", "sc-content-len", "sc-range-start", "sc-range-end",
    ]
    /// The names of the fields that only the newer form has.
    static let realTimeNames = [
        "timestamp(ms)", "origin-fbl", "origin-lbl", "asn", "c-country",
        "cache-behavior-path-pattern", "connection-id",
    ]
}

/// A moment as logs write it, in UTC.
struct LogTime {
    /// `2026-01-31`.
    let date: String
    /// `12:00:00`.
    let time: String
    /// `2026-01-31-12`, as names of files carry it.
    let hour: String

    init(_ seconds: Double) {
        // `Sat, 31 Jan 2026 12:00:00 GMT`
        let text = HTTPDate.format(Int(seconds)).split(separator: " ")
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let month = (months.firstIndex(of: String(text[2])) ?? 0) + 1
        date = "\(text[3])-\(month < 10 ? "0" : "")\(month)-\(text[1])"
        time = String(text[4])
        hour = date + "-" + time.prefix(2)
    }
}
