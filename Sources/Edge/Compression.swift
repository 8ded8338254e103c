import DataPlane
import HTTP
import Model

extension EdgePipeline {
    /// Compresses an answer on its way into the cache, when everything that CloudFront asks for is there.
    ///
    /// Source: "Serve compressed files".
    func compress(_ answer: inout Answer, for request: RequestHead, _ plan: BehaviorPlan) {
        guard plan.behavior.compress, request.method == "GET", request.version != .http10,
            [200, 403, 404].contains(answer.head.status),
            let coding = Compression.coding(for: request.headers, plan.policy),
            let length = Compression.length(of: answer),
            Compression.sizes.contains(length),
            !answer.head.headers.contains("content-encoding"),
            Compression.isCompressible(answer.head.headers["content-type"]),
            let encoder = ContentEncoder(coding)
        else { return }
        switch answer.body {
        case .empty, .upgrade: return
        case .bytes(let bytes):
            let made = encoder.encode(bytes, isLast: true)
            answer.body = .bytes(made)
            answer.head.headers.set("Content-Length", String(made.count))
        case .stream(let source, _):
            answer.body = .stream(CompressedSource(source, encoder), length: nil)
            answer.head.headers.remove("content-length")
        }
        answer.head.headers.set("Content-Encoding", coding.rawValue)
        answer.head.headers.remove("accept-ranges")
        Compression.weaken(&answer.head.headers)
        if settings.compressionVaries,
            !answer.head.headers.hasToken("accept-encoding", in: "vary")
        {
            let others = answer.head.headers.all("vary")
            answer.head.headers.set("Vary", (others + ["Accept-Encoding"]).joined(separator: ", "))
        }
    }
}

/// What is compressed and how.
enum Compression {
    /// Unit: bytes.
    static let sizes = 1_000...10_000_000

    /// Brotli before gzip, of what the viewer takes and the policy supports.
    static func coding(for headers: Headers, _ policy: CachePolicy) -> ContentEncoder.Coding? {
        guard let names = OriginHeaders.normalizedEncoding(headers, policy) else { return nil }
        return names.hasPrefix("br") ? .brotli : .gzip
    }

    /// The length that the origin named.
    static func length(of answer: Answer) -> Int? {
        switch answer.body {
        case .bytes(let bytes): bytes.count
        case .stream(_, let length): length
        case .empty, .upgrade: nil
        }
    }

    /// Makes a strong tag weak: the bytes are others now; a malformed one goes.
    static func weaken(_ headers: inout Headers) {
        guard let tag = headers["etag"] else { return }
        if tag.hasPrefix("W/\""), tag.hasSuffix("\"") { return }
        if tag.hasPrefix("\""), tag.hasSuffix("\""), tag.utf8.count > 1 {
            headers.set("ETag", "W/" + tag)
        } else {
            headers.remove("etag")
        }
    }

    static func isCompressible(_ type: String?) -> Bool {
        guard let type else { return false }
        let name = type.prefix { $0 != ";" }.trimmingASCIIWhitespace().lowercased()
        return types.contains(name)
    }

    private static let types: Set<String> = {
        let application = [
            "dash+xml", "eot", "font", "font-sfnt", "javascript", "json", "opentype", "otf", "pdf",
            "pkcs7-mime", "protobuf", "rss+xml", "truetype", "ttf", "vnd.apple.mpegurl",
            "vnd.mapbox-vector-tile", "vnd.ms-fontobject", "wasm", "xhtml+xml", "xml",
            "x-font-opentype", "x-font-truetype", "x-font-ttf", "x-httpd-cgi", "x-javascript",
            "x-mpegurl", "x-opentype", "x-otf", "x-perl", "x-ttf",
        ]
        let text = [
            "css", "csv", "html", "javascript", "js", "plain", "richtext",
            "tab-separated-values", "xml", "x-component", "x-java-source", "x-script",
        ]
        let font = ["eot", "opentype", "otf", "ttf"]
        return Set(
            application.map { "application/" + $0 } + text.map { "text/" + $0 }
                + font.map { "font/" + $0 } + ["image/svg+xml", "vnd.apple.mpegurl"]
        )
    }()
}

/// Compresses a body while it streams on.
private final class CompressedSource: BodySource {
    private let source: any BodySource
    private let encoder: ContentEncoder
    private var isFinished = false
    let trailers = Headers()

    init(_ source: any BodySource, _ encoder: ContentEncoder) {
        self.source = source
        self.encoder = encoder
    }

    func read() async throws(Fault) -> Bytes? {
        while !isFinished {
            let piece = try await source.read()
            isFinished = piece == nil
            let made = encoder.encode(piece ?? [], isLast: isFinished)
            if !made.isEmpty { return made }
        }
        return nil
    }
}
