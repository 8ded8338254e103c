/// Why a message head or its framing was refused.
package enum H1Error: Error, Sendable, Equatable {
    /// The head outgrew its limit of bytes or fields.
    case headTooLarge
    /// The request target outgrew its limit.
    case targetTooLong
    /// The head breaks the grammar of RFC 9112; the text says where.
    case malformed(String)
    /// The message's length is ambiguous (RFC 9112 §6.3).
    case ambiguousLength(String)
    /// A version other than 1.0 and 1.1.
    case unsupportedVersion
    /// A transfer coding other than `chunked`.
    case unsupportedCoding

    /// The status that answers it, as CloudFront does.
    package var status: Int {
        switch self {
        case .headTooLarge: 494
        case .targetTooLong: 414
        case .malformed, .ambiguousLength: 400
        case .unsupportedVersion: 505
        case .unsupportedCoding: 501
        }
    }

    /// What a human should read.
    package var reason: String {
        switch self {
        case .headTooLarge: "the header fields are too large"
        case .targetTooLong: "the URL is too long"
        case .malformed(let where_): "malformed message: \(where_)"
        case .ambiguousLength(let what): "ambiguous message length: \(what)"
        case .unsupportedVersion: "unsupported HTTP version"
        case .unsupportedCoding: "unsupported transfer coding"
        }
    }
}

/// The bounds of a message head.
package struct HeadLimits: Sendable {
    /// Unit: bytes, start line included; source: CloudFront quotas.
    package var bytes = 32_768
    package var fields = 200
    /// Unit: bytes; source: CloudFront quotas.
    package var target = 8_192

    /// Makes CloudFront's limits.
    package init() {}
}

/// How the length of a message's content is known.
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// Responses only: the content ends with the connection.
    case untilClose

    /// Whether there is no content.
    @inline(__always)
    package var isNone: Bool {
        if case .none = self { true } else { false }
    }
}
