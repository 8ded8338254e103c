import HTTP
import Model
import Telemetry

/// The fields of real-time logs.
///
/// Source: "Use real-time access logs".
enum RealTimeFields {
    /// The most bytes of headers that are written.
    private static let mostOfHeaders = 800

    /// The values of an entry under all names that have one.
    static func values(_ entry: AccessEntry, _ record: AccessRecord) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in zip(
            AccessEntry.names,
            entry.values(record, includesCookies: true)
        ) {
            values[renamed[name] ?? name] = value
        }
        let end = record.startedAt + Double(record.durationMicroseconds) / 1e6
        values["timestamp"] = AccessEntry.seconds(Int(end * 1e6))
        values["cs-host"] = entry.domain
        values["c-ip-version"] = entry.address.contains(":") ? "IPv6" : "IPv4"
        values["c-country"] = entry.country
        values["asn"] = entry.network
        values["s-ip"] = entry.server.isEmpty ? nil : entry.server
        values["primary-distribution-id"] = entry.primary?.id
        values["primary-distribution-dns-name"] = entry.primary?.domain
        values["connection-id"] = entry.connectionID
        values["cs-accept-encoding"] = entry.request["accept-encoding"]
        values["cs-accept"] = entry.request["accept"]
        values["cache-behavior-path-pattern"] = entry.pattern
        let headers = entry.request.map { "\($0.name):\($0.value)" }.joined(separator: "\n")
        values["cs-headers"] = String(headers.prefix(mostOfHeaders))
        let names = entry.request.map(\.name).joined(separator: "\n")
        values["cs-header-names"] = String(names.prefix(mostOfHeaders))
        values["cs-headers-count"] = String(entry.request.count)
        let origin = entry.originTime.map(AccessEntry.seconds)
        values["origin-fbl"] = origin
        values["origin-lbl"] = origin
        values["r-host"] = entry.originHost
        values["sr-reason"] = entry.failover.map { "Failover:\($0)" }
        for (key, value) in mediaValues(entry) { values["cmcd-" + key] = value }
        return values
    }

    /// Fields of standard logs under their names here.
    private static let renamed = [
        "cs(Host)": "cs-host", "cs(Referer)": "cs-referer", "cs(User-Agent)": "cs-user-agent",
        "cs(Cookie)": "cs-cookie",
    ]

    private static func mediaValues(_ entry: AccessEntry) -> [(String, String)] {
        var texts = ["cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"].compactMap {
            entry.request[$0]
        }
        let pairs = entry.query?.split(separator: "&") ?? []
        if let pair = pairs.first(where: { $0.hasPrefix("CMCD=") }) {
            texts.append(String(decoding: percentDecoded(pair.dropFirst(5).utf8), as: UTF8.self))
        }
        var found: [(String, String)] = []
        for part in texts.flatMap({ $0.split(separator: ",") }) {
            let pair = part.split(separator: "=", maxSplits: 1)
            let key = pair.first.map { $0.trimmingASCIIWhitespace() } ?? ""
            guard let field = RealTimeFieldNames.media.first(where: { $0.key == key }) else {
                continue
            }
            // A key alone means that it is so.
            let value = pair.count > 1 ? pair[1].filter { $0 != "\"" } : "true"
            found.append((field.name, value))
        }
        return found
    }

    private static func percentDecoded(_ text: some Collection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}
