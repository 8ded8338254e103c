import DataPlane
import Glibc
import HTTP
import Model

/// Answers as an S3 bucket does from the files of a folder.
enum FolderOrigin {
    /// Answers a request; a private bucket wants it signed, as an access control does that.
    ///
    /// What is missing is 404 to who may list the bucket and 403 to others (S3 API, "GetObject").
    static func respond(
        to head: RequestHead,
        folder: String,
        isPrivate: Bool = false,
        mayList: Bool = true
    ) -> Response {
        if isPrivate, let refused = refusal(of: head) { return refused }
        guard head.method == "GET" || head.method == "HEAD" else {
            return error(405, "MethodNotAllowed", "The specified method is not allowed.", head)
        }
        guard let key = decodedKey(head.path) else {
            return error(403, "AccessDenied", "Access Denied", head)
        }
        guard !key.isEmpty, let file = OpenFile(folder: folder, key: key) else {
            guard mayList else { return error(403, "AccessDenied", "Access Denied", head) }
            return error(404, "NoSuchKey", "The specified key does not exist.", head, key: key)
        }
        let headers: Headers = [
            "x-amz-request-id": RequestID.hexadecimal().prefix(16).uppercased(),
            "Content-Type": contentType(key), "ETag": file.entityTag,
            "Last-Modified": WallClock.format(file.modified), "Accept-Ranges": "bytes",
            "Server": "AmazonS3",
        ]
        if isUnchanged(head.headers, file) {
            return Response(head: ResponseHead(status: 304, headers: headers))
        }
        var response = ResponseHead(status: 200, headers: headers)
        if let text = head.headers["range"], Delivery.mayCut(head.headers, headers) {
            switch ByteRanges(text, size: file.size) {
            case .ranges(let ranges) where ranges.count == 1:
                file.select(ranges[0])
                response.status = 206
                let part = ContentRange(ranges[0], of: file.size)
                response.headers.append("Content-Range", part.text)
            case .unsatisfiable:
                return error(416, "InvalidRange", "The requested range is not satisfiable", head)
            case .ranges, .ignored: break
            }
        }
        response.headers.append("Content-Length", String(file.left))
        guard head.method == "GET", file.left > 0 else { return Response(head: response) }
        return Response(head: response, body: .stream(file, length: file.left))
    }

    private static func refusal(of head: RequestHead) -> Response? {
        switch OriginSigner.proof(of: head, service: "s3") {
        case .distribution, .other: nil
        case .none: error(403, "AccessDenied", "Access Denied", head)
        case .mismatch:
            error(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                    + "Check your key and signing method.",
                head
            )
        }
    }

    private static func isUnchanged(_ headers: Headers, _ file: OpenFile) -> Bool {
        if let tags = headers["if-none-match"] {
            return tags == "*" || tags.contains(file.entityTag)
        }
        guard let since = headers["if-modified-since"].flatMap(WallClock.parse) else {
            return false
        }
        return file.modified <= since
    }

    /// The object key of a path; nil when it would leave the folder.
    static func decodedKey(_ path: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(path.utf8.dropFirst())[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard !bytes.contains(0), let key = String(validating: bytes, as: UTF8.self),
            !key.beginsWithSlash,
            !key.pathSegments().contains(where: { $0 == ".." || $0 == "." })
        else { return nil }
        return key
    }

    private static func error(
        _ status: Int,
        _ code: String,
        _ message: String,
        _ head: RequestHead,
        key: String? = nil
    ) -> Response {
        let id = RequestID.hexadecimal().prefix(16).uppercased()
        let name = key.map { "<Key>\(escaped($0))</Key>" } ?? ""
        let text =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            + "<Error><Code>\(code)</Code><Message>\(message)</Message>\(name)"
            + "<RequestId>\(id)</RequestId></Error>"
        var response = Response(status: status, contentType: "application/xml", text: text)
        response.head.headers.append("x-amz-request-id", id)
        response.head.headers.append("Server", "AmazonS3")
        if head.method == "HEAD" { response.body = .empty }
        return response
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { out, character in
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            default: out.append(character)
            }
        }
    }

    private static func contentType(_ key: String) -> String {
        let name = key.pathSegments().last ?? ""
        guard let dot = name.lastIndex(of: ".") else { return "binary/octet-stream" }
        return types[name[name.index(after: dot)...].lowercased()] ?? "binary/octet-stream"
    }

    private static let types: [String: String] = [
        "html": "text/html", "htm": "text/html", "css": "text/css", "js": "text/javascript",
        "mjs": "text/javascript", "json": "application/json", "map": "application/json",
        "txt": "text/plain", "xml": "application/xml", "svg": "image/svg+xml", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
        "avif": "image/avif", "ico": "image/x-icon", "woff": "font/woff", "woff2": "font/woff2",
        "ttf": "font/ttf", "otf": "font/otf", "pdf": "application/pdf", "wasm": "application/wasm",
        "mp4": "video/mp4", "webm": "video/webm", "mp3": "audio/mpeg", "csv": "text/csv",
        "md": "text/markdown", "zip": "application/zip", "gz": "application/gzip",
        "webmanifest": "application/manifest+json",
    ]
}

/// An open file that is read in small pieces.
private final class OpenFile: BodySource {
    /// Unit: bytes.
    private static let pieceSize = 64 << 10

    let size: Int
    let modified: Int
    let entityTag: String
    let trailers = Headers()
    private let descriptor: Int32
    private var offset = 0
    private var end: Int

    /// How much is still to be read.
    ///
    /// Unit: bytes.
    var left: Int { end - offset }

    /// Opens a regular file below the folder; symbolic links must not lead out of it.
    init?(folder: String, key: String) {
        guard let root = Self.realPath(folder), let path = Self.realPath(folder + "/" + key),
            path.hasPrefix(root == "/" ? root : root + "/")
        else { return nil }
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return nil
        }
        size = Int(status.st_size)
        end = size
        modified = status.st_mtim.tv_sec
        let stamp = UInt64(bitPattern: Int64(modified &* 1_000_000_000 &+ status.st_mtim.tv_nsec))
        entityTag = "\"\(String(stamp, radix: 16))-\(String(size, radix: 16))\""
    }

    deinit { close(descriptor) }

    /// Reads only this range of the file.
    func select(_ range: Range<Int>) {
        offset = range.lowerBound
        end = range.upperBound
    }

    func read() async throws(Fault) -> Bytes? {
        guard offset < end else { return nil }
        var piece = [UInt8](repeating: 0, count: min(Self.pieceSize, end - offset))
        let count = piece.withUnsafeMutableBytes {
            pread(descriptor, $0.baseAddress, $0.count, off_t(offset))
        }
        guard count > 0 else { throw Fault(.incompleteBody, side: .origin) }
        offset += count
        return piece[..<count]
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
