/// A point that AWS's pages leave open, as a setting with a name.
package struct OpenPoint: Sendable {
    package let name: String
    /// What it means to set it.
    package let meaning: String
    private let read: @Sendable (EdgeSettings) -> String
    private let write: @Sendable (inout EdgeSettings, String) -> Bool

    /// All of them.
    package static let all: [OpenPoint] = [
        flag(
            "cache-function-errors",
            "failures of functions at origin events are stored as errors of the origin",
            \.cachesFunctionErrors
        ),
        flag(
            "pages-for-signature-errors",
            "custom error pages stand for the errors of signed requests",
            \.pagesForSignatureErrors
        ),
        flag(
            "signatures-after-functions",
            "signed URLs and cookies are checked after a function at viewer-request",
            \.signaturesAfterFunctions
        ),
        flag(
            "viewer-response-on-errors",
            "functions at viewer-response run for stored errors and those that functions made",
            \.viewerResponseOnErrors
        ),
        flag(
            "viewer-response-replaces-body",
            "a Lambda@Edge function at viewer-response may replace the body",
            \.viewerResponseReplacesBody
        ),
        flag(
            "compression-varies",
            "compression at the edge adds Vary: Accept-Encoding",
            \.compressionVaries
        ),
        flag(
            "cors-varies",
            "an answer that names one of several allowed origins adds Vary: Origin",
            \.crossOriginVaries
        ),
        flag(
            "hsts-lower-case",
            "the directives of Strict-Transport-Security are written in lower case",
            \.lowercasesTransportSecurity
        ),
        flag(
            "equal-reference-refused",
            "creating a distribution anew with the same reference and settings is refused",
            \.refusesEqualReference
        ),
        text(
            "access-denied-text",
            "the message of the XML error for a signature that does not allow the request",
            \.accessDeniedText
        ) { !$0.isEmpty && !$0.utf8.contains { $0 < 0x20 || "<&".utf8.contains($0) } },
        text(
            "throttled-result",
            "what X-Cache says of a CloudFront Function that is throttled",
            \.throttledResult
        ) { !$0.isEmpty && $0.utf8.allSatisfy { 0x21...0x7E ~= $0 } },
        OpenPoint(
            name: "function-time-limit",
            meaning: "seconds of processor time after which a CloudFront Function is ended",
            read: { "\($0.functionTimeLimit)" },
            write: { settings, text in
                guard let seconds = Double(text), 0.001...10 ~= seconds else { return false }
                settings.functionTimeLimit = seconds
                return true
            }
        ),
        text(
            "staging-cookie",
            "the cookie that keeps a viewer on its side of a continuous deployment",
            \.stagingCookie
        ) {
            !$0.isEmpty
                && $0.utf8.allSatisfy { 0x21...0x7E ~= $0 && !"=;,\"".utf8.contains($0) }
        },
    ]

    private init(
        name: String,
        meaning: String,
        read: @escaping @Sendable (EdgeSettings) -> String,
        write: @escaping @Sendable (inout EdgeSettings, String) -> Bool
    ) {
        self.name = name
        self.meaning = meaning
        self.read = read
        self.write = write
    }

    private static func flag(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<EdgeSettings, Bool> & Sendable
    ) -> OpenPoint {
        OpenPoint(
            name: name,
            meaning: meaning,
            read: { "\($0[keyPath: path])" },
            write: { settings, text in
                guard let value = Bool(text) else { return false }
                settings[keyPath: path] = value
                return true
            }
        )
    }

    private static func text(
        _ name: String,
        _ meaning: String,
        _ path: any WritableKeyPath<EdgeSettings, String> & Sendable,
        _ isPossible: @escaping @Sendable (String) -> Bool
    ) -> OpenPoint {
        OpenPoint(
            name: name,
            meaning: meaning,
            read: { $0[keyPath: path] },
            write: { settings, text in
                guard isPossible(text) else { return false }
                settings[keyPath: path] = text
                return true
            }
        )
    }

    /// How it stands without being set.
    package var standard: String { read(EdgeSettings()) }

    /// Sets `name=value`; gives what is wrong with the text, nil when nothing is.
    package static func set(_ text: String, in settings: inout EdgeSettings) -> String? {
        let pair = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard let point = all.first(where: { $0.name == pair.first }) else {
            let names = all.map { "\($0.name)=\($0.standard)" }.joined(separator: ", ")
            return "there is no setting \(pair.first ?? text); there are \(names)"
        }
        guard pair.count == 2, point.write(&settings, pair[1]) else {
            return "\(text) is not possible: \(point.meaning) (standard: \(point.standard))"
        }
        return nil
    }
}
