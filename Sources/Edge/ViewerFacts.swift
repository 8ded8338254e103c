import DataPlane
import HTTP
import Model
import Telemetry

/// What CloudFront knows of a viewer beside the request: place and device.
///
/// Source: "Add CloudFront request headers".
package struct ViewerFacts: Sendable {
    /// The header by which a viewer on this machine chooses who it seems to be:
    /// `country=DE; city=Berlin; device=mobile`.
    package static let presetHeader = "x-portico-viewer"

    private let preset: ViewerPreset
    /// The certificate that the viewer showed, where the distribution asks for one.
    var certificate: ViewerCertificate?

    init(_ preset: ViewerPreset = ViewerPreset()) { self.preset = preset }

    /// ISO 3166-1 alpha-2, or nil when unknown.
    var country: String? { preset.headers["cloudfront-viewer-country"] }

    /// The number of the network that the viewer is in, or nil when unknown.
    var network: String? { preset.headers["cloudfront-viewer-asn"] }

    /// The value of a `CloudFront-…` header for a request; the name is in lower case.
    func value(of name: String, _ head: RequestHead, _ viewer: Viewer) -> String? {
        if let value = preset.headers[name] { return value }
        switch name {
        case "cloudfront-forwarded-proto": return viewer.isTLS ? "https" : "http"
        case "cloudfront-viewer-http-version": return head.version.text
        case "cloudfront-viewer-address": return "\(viewer.address):\(viewer.port)"
        case "cloudfront-viewer-header-count": return String(head.headers.count)
        case "cloudfront-viewer-header-order":
            let names = head.headers.map(\.name).joined(separator: ":")
            return String(names.prefix(Self.longestOrder))
        case let name where name.hasPrefix(ViewerCertificate.prefix):
            return certificate?.value(of: name)
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
        guard ViewerPreset.devices.contains(device) else { return nil }
        let agent = head.headers["user-agent"] ?? ""
        return String((preset.devices ?? Self.devices(of: agent)).contains(device))
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
}

extension EdgePipeline {
    /// What is known of the viewer, nil for nothing; the preset header is taken out of the request.
    func facts(_ exchange: inout Exchange, _ id: ExchangeID) throws(Stop) -> ViewerFacts? {
        if let text = exchange.request.headers[.xPorticoViewer],
            AddressBlock.isLoopback(exchange.viewer.address)
        {
            exchange.request.headers.remove(.xPorticoViewer)
            guard let preset = ViewerPreset(text) else {
                let reason = "The header \(ViewerFacts.presetHeader) is not understood."
                throw .error(400, reason, requestID: id)
            }
            return ViewerFacts(preset)
        }
        return locations.facts(of: exchange.viewer.address)
    }

    /// Puts the `CloudFront-…` headers that some policy asks for in the place of the viewer's.
    func addCloudFrontHeaders(_ request: inout RequestHead, _ viewer: Viewer, _ passage: Passage) {
        guard !passage.plan.cloudFrontHeaders.isEmpty else { return }
        let head = request
        for name in passage.plan.cloudFrontHeaders {
            request.headers.remove(name)
            let lowered = name.lowercased()
            let value =
                switch lowered {
                // These two are for origins alone: no function sees them.
                case ViewerCertificate.validity, ViewerCertificate.pem: String?.none
                case "cloudfront-error-uri": passage.failed?.path
                case "cloudfront-error-args": passage.failed.map { $0.query ?? "" }
                default: passage.facts.value(of: lowered, head, viewer)
                }
            if let value { request.headers.append(name, value) }
        }
    }
}
