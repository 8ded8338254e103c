import DataPlane
import HTTP

/// What CloudFront knows of a viewer beside the request: place and device.
///
/// Source: "Add CloudFront request headers".
package struct ViewerFacts: Sendable {
    /// The header by which a viewer on this machine chooses who it seems to be:
    /// `country=DE; city=Berlin; device=mobile`.
    package static let presetHeader = "x-portico-viewer"

    /// Names of a preset, and the header that each fills.
    private static let places = [
        "country": "cloudfront-viewer-country", "country-name": "cloudfront-viewer-country-name",
        "city": "cloudfront-viewer-city", "region": "cloudfront-viewer-country-region",
        "region-name": "cloudfront-viewer-country-region-name",
        "latitude": "cloudfront-viewer-latitude", "longitude": "cloudfront-viewer-longitude",
        "metro-code": "cloudfront-viewer-metro-code",
        "postal-code": "cloudfront-viewer-postal-code",
        "time-zone": "cloudfront-viewer-time-zone", "asn": "cloudfront-viewer-asn",
    ]
    private static let devices = ["android", "desktop", "ios", "mobile", "smarttv", "tablet"]

    private var values: [String: String] = [:]
    private var chosenDevices: Set<String>?

    init() {}

    /// Reads a preset; nil when a name in it is unknown.
    package init?(preset: String) {
        for part in preset.split(separator: ";") {
            let pieces = part.split(separator: "=", maxSplits: 1).map {
                String($0.trimmingASCIIWhitespace())
            }
            guard pieces.count == 2 else { return nil }
            if pieces[0] == "device" {
                guard Self.devices.contains(pieces[1].lowercased()) else { return nil }
                chosenDevices = (chosenDevices ?? []).union([pieces[1].lowercased()])
            } else if let header = Self.places[pieces[0].lowercased()] {
                values[header] = Self.percentEncoded(pieces[1])
            } else {
                return nil
            }
        }
    }

    /// ISO 3166-1 alpha-2, or nil when unknown.
    var country: String? { values["cloudfront-viewer-country"] }

    /// The value of a `CloudFront-…` header for a request; the name is in lower case.
    func value(of name: String, _ head: RequestHead, _ viewer: Viewer) -> String? {
        if let value = values[name] { return value }
        switch name {
        case "cloudfront-forwarded-proto": return viewer.isTLS ? "https" : "http"
        case "cloudfront-viewer-http-version": return head.version.text
        case "cloudfront-viewer-address": return "\(viewer.address):\(viewer.port)"
        case "cloudfront-viewer-header-count": return String(head.headers.count)
        case "cloudfront-viewer-header-order":
            let names = head.headers.map(\.name).joined(separator: ":")
            return String(names.prefix(Self.longestOrder))
        case "cloudfront-viewer-tls":
            guard let version = viewer.tlsProtocol, let cipher = viewer.tlsCipher else {
                return nil
            }
            return "\(version):\(cipher):fullHandshake"
        default: break
        }
        let ends = name.hasPrefix("cloudfront-is-") && name.hasSuffix("-viewer")
        guard ends else { return nil }
        let device = String(name.dropFirst(14).dropLast(7))
        guard Self.devices.contains(device) else { return nil }
        let agent = head.headers["user-agent"] ?? ""
        return String((chosenDevices ?? Self.devices(of: agent)).contains(device))
    }

    /// Unit: characters.
    private static let longestOrder = 7_680

    /// The kinds of device that a user agent names; several may hold.
    static func devices(of agent: String) -> Set<String> {
        let text = agent.lowercased()
        func has(_ words: String...) -> Bool { words.contains { text.firstRange(of: $0) != nil } }
        var found: Set<String> = []
        if has("android") { found.insert("android") }
        if has("iphone", "ipad", "ipod") { found.insert("ios") }
        if has("smarttv", "smart-tv", "appletv", "googletv", "hbbtv", "netcast", "roku", "crkey") {
            found.insert("smarttv")
        } else if has("ipad", "tablet", "kindle", "silk/") || has("android") && !has("mobi") {
            found.insert("tablet")
        } else if has("mobi", "iphone", "ipod") {
            found.insert("mobile")
        }
        if found.isDisjoint(with: ["mobile", "tablet", "smarttv"]) { found.insert("desktop") }
        return found
    }

    /// Everything beyond ASCII, and `%`, as UTF-8 in percent signs.
    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if 0x20..<0x7F ~= byte, byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension EdgePipeline {
    /// What is known of the viewer; the preset header is taken out of the request.
    func facts(_ exchange: inout Exchange, _ id: String) throws(Stop) -> ViewerFacts {
        if let preset = exchange.request.headers[ViewerFacts.presetHeader],
            AddressBlock.isLoopback(exchange.viewer.address)
        {
            exchange.request.headers.remove(ViewerFacts.presetHeader)
            guard let facts = ViewerFacts(preset: preset) else {
                let reason = "The header \(ViewerFacts.presetHeader) is not understood."
                throw .error(400, reason, requestID: id)
            }
            return facts
        }
        return locations.facts(of: exchange.viewer.address)
    }

    /// Puts the `CloudFront-…` headers that some policy asks for in the place of the viewer's.
    func addCloudFrontHeaders(_ exchange: inout Exchange, _ passage: Passage) {
        let head = exchange.request
        for name in passage.plan.cloudFrontHeaders {
            exchange.request.headers.remove(name)
            let lowered = name.lowercased()
            let value =
                switch lowered {
                case "cloudfront-error-uri": passage.failed?.path
                case "cloudfront-error-args": passage.failed.map { $0.query ?? "" }
                default: passage.facts.value(of: lowered, head, exchange.viewer)
                }
            if let value { exchange.request.headers.append(name, value) }
        }
    }
}
