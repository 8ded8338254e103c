/// Who a viewer is taken for: place and devices, as `country=DE; city=Berlin; device=mobile`.
package struct ViewerPreset: Sendable {
    /// The names of a preset, and the `CloudFront-…` header that each fills.
    private static let places = [
        "country": "cloudfront-viewer-country", "country-name": "cloudfront-viewer-country-name",
        "city": "cloudfront-viewer-city", "region": "cloudfront-viewer-country-region",
        "region-name": "cloudfront-viewer-country-region-name",
        "latitude": "cloudfront-viewer-latitude", "longitude": "cloudfront-viewer-longitude",
        "metro-code": "cloudfront-viewer-metro-code",
        "postal-code": "cloudfront-viewer-postal-code",
        "time-zone": "cloudfront-viewer-time-zone", "asn": "cloudfront-viewer-asn",
    ]
    /// The kinds of device that CloudFront tells apart.
    package static let devices = ["android", "desktop", "ios", "mobile", "smarttv", "tablet"]

    /// Names in lower case to values, percent-encoded beyond ASCII.
    package private(set) var headers: [String: String] = [:]
    /// Nil when the user agent decides.
    package private(set) var devices: Set<String>?

    /// Makes a preset that says nothing.
    package init() {}

    /// Reads a preset; nil when a name in it is unknown.
    package init?(_ text: String) {
        for part in text.split(separator: ";") {
            let pieces = part.split(separator: "=", maxSplits: 1).map(Self.trimmed)
            guard pieces.count == 2 else { return nil }
            if pieces[0] == "device" {
                guard Self.devices.contains(pieces[1].lowercased()) else { return nil }
                devices = (devices ?? []).union([pieces[1].lowercased()])
            } else if let header = Self.places[pieces[0].lowercased()] {
                headers[header] = Self.percentEncoded(pieces[1])
            } else {
                return nil
            }
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        let from = text.drop { $0 == " " }
        return String(from.reversed().drop { $0 == " " }.reversed())
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
