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
        OpenPoint(
            name: "staging-cookie",
            meaning: "the cookie that keeps a viewer on its side of a continuous deployment",
            read: \.stagingCookie,
            write: { settings, text in
                let isName = text.utf8.allSatisfy {
                    0x21...0x7E ~= $0 && !"=;,\"".utf8.contains($0)
                }
                guard !text.isEmpty, isName else { return false }
                settings.stagingCookie = text
                return true
            }
        ),
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
