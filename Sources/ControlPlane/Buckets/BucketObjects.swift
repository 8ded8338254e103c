import Crypto
import DataPlane
import Foundation
import HTTP

/// Objects: put, get, copy, delete.
extension BucketService {
    private static let keptFields = [
        "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires",
        "x-amz-website-redirect-location", "x-amz-storage-class",
    ]
    /// How much metadata an object has.
    ///
    /// Unit: bytes. Source: Amazon S3, "Working with object metadata": 2 KB.
    private static let maximumMetadata = 2048

    /// What a request says of the object that it makes.
    static func record(_ request: Request) throws(BucketError) -> ObjectRecord {
        for name in [
            "x-amz-tagging", "x-amz-object-lock-mode", "x-amz-server-side-encryption-customer-key",
        ]
        where request.field(name) != nil {
            throw BucketError(501, "NotImplemented", "\(name) is not supported here.")
        }
        var record = ObjectRecord(
            tag: "",
            size: request.body.count,
            modified: Int(Date().timeIntervalSince1970),
            contentType: request.field("content-type") ?? "binary/octet-stream",
            key: request.key
        )
        for name in keptFields {
            guard var value = request.field(name) else { continue }
            if name == "Content-Encoding" {
                value = value.split(separator: ",").map { $0.drop { $0 == " " } }
                    .filter { $0 != "aws-chunked" }.joined(separator: ", ")
            }
            if !value.isEmpty { record.fields[name] = value }
        }
        var size = 0
        for (name, value) in request.head.headers
        where name.lowercased().hasPrefix("x-amz-meta-") {
            let short = String(name.lowercased().dropFirst("x-amz-meta-".count))
            record.metadata[short] = value
            size += short.utf8.count + value.utf8.count
        }
        guard size <= maximumMetadata else {
            throw BucketError(
                400,
                "MetadataTooLarge",
                "Your metadata headers exceed the maximum allowed metadata size"
            )
        }
        return record
    }

    /// Refuses to write over, or without, what a condition of the request names.
    private func checkCondition(_ request: Request, _ bucket: BucketFolder) throws(BucketError) {
        let (none, match) = (request.field("if-none-match"), request.field("if-match"))
        guard none != nil || match != nil else { return }
        let current = try bucket.current(request.key)
        if let match {
            guard let current else { throw .noKey(request.key) }
            guard Self.lists(match, current.tag) else { throw Self.preconditionFailed }
        }
        if none == "*", current != nil { throw Self.preconditionFailed }
    }

    private static let preconditionFailed = BucketError(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold"
    )

    private static func lists(_ tags: String, _ tag: String) -> Bool {
        tags.split(separator: ",").contains {
            let text = $0.filter { $0 != " " && $0 != "\"" }
            return text == "*" || text == tag
        }
    }

    func put(_ request: Request, _ bucket: BucketFolder) throws(BucketError) -> Response {
        try checkCondition(request, bucket)
        var record = try Self.record(request)
        record.tag = Digest.hex(Digest.Algorithm.md5.digest(request.body))
        let made = try bucket.put(record, from: try stage(request.body, bucket))
        return Self.response(
            200,
            request,
            [("ETag", "\"\(made.tag)\"")] + Self.versionField(made)
        )
    }

    /// Writes bytes to a file that will be moved.
    private func stage(_ bytes: [UInt8], _ bucket: BucketFolder) throws(BucketError) -> String {
        let place = bucket.notes + "/staged-" + Ledger.uuid()
        do {
            try FileManager.default.createDirectory(
                atPath: bucket.notes,
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: URL(fileURLWithPath: place))
        } catch {
            throw BucketError(500, "InternalError", "\(error)")
        }
        return place
    }

    /// An object, or the part of it that a range names.
    func get(_ request: Request, _ bucket: BucketFolder) throws(BucketError) -> Response {
        let version = request.query["versionId"]
        guard let (record, path) = try bucket.object(request.key, version: version) else {
            if version != nil {
                throw BucketError(
                    404,
                    "NoSuchVersion",
                    "The specified version does not exist.",
                    [("Key", request.key)]
                )
            }
            var error = BucketError.noKey(request.key)
            if bucket.marker(request.key) != nil {
                error.members.append(("x-amz-delete-marker", "true"))
            }
            throw error
        }
        guard !record.isMarker else {
            throw BucketError(
                405,
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                [("x-amz-delete-marker", "true")]
            )
        }
        try checkRead(request, record)
        var head = ResponseHead(status: 200, headers: fields(record, request))
        var (start, count) = (0, record.size)
        if let text = request.field("range"), let range = Self.range(text, record.size) {
            guard !range.isEmpty else {
                throw BucketError(416, "InvalidRange", "The requested range is not satisfiable")
            }
            (start, count) = (range.lowerBound, range.count)
            head.status = 206
            head.headers.append(
                "Content-Range",
                "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(record.size)"
            )
        }
        head.headers.append("Content-Length", String(count))
        guard request.head.method == "GET", count > 0 else { return Response(head: head) }
        guard let body = ObjectBody(path, from: start, count: count) else {
            throw .noKey(request.key)
        }
        return Response(head: head, body: .stream(body, length: count))
    }

    private func fields(_ record: ObjectRecord, _ request: Request) -> Headers {
        var headers: Headers = [
            "x-amz-request-id": request.id, "ETag": "\"\(record.tag)\"",
            "Last-Modified": HTTPDate.format(record.modified), "Accept-Ranges": "bytes",
            "Server": "AmazonS3",
        ]
        var all = record.fields
        all["Content-Type"] = record.contentType ?? "binary/octet-stream"
        for (parameter, name) in [
            ("response-content-type", "Content-Type"),
            ("response-cache-control", "Cache-Control"),
            ("response-content-disposition", "Content-Disposition"),
            ("response-content-encoding", "Content-Encoding"),
            ("response-content-language", "Content-Language"), ("response-expires", "Expires"),
        ] {
            if let value = request.query[parameter] { all[name] = value }
        }
        for (name, value) in all.sorted(by: { $0.key < $1.key }) { headers.append(name, value) }
        for (name, value) in record.metadata.sorted(by: { $0.key < $1.key }) {
            headers.append("x-amz-meta-" + name, value)
        }
        for (name, value) in Self.versionField(record) { headers.append(name, value) }
        return headers
    }

    private func checkRead(_ request: Request, _ record: ObjectRecord) throws(BucketError) {
        if let match = request.field("if-match"), !Self.lists(match, record.tag) {
            throw Self.preconditionFailed
        }
        if let none = request.field("if-none-match"), Self.lists(none, record.tag) {
            throw BucketError(304, "NotModified", "Not Modified")
        }
    }

    /// The bytes that a range names: empty when there are none, nil when the field is not to be heeded.
    static func range(_ text: String, _ size: Int) -> Range<Int>? {
        guard text.hasPrefix("bytes="), !text.contains(",") else { return nil }
        let parts = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[0].isEmpty {
            guard let last = Int(parts[1]) else { return nil }
            return max(0, size - last)..<size
        }
        guard let first = Int(parts[0]), parts[1].isEmpty || Int(parts[1]) != nil else {
            return nil
        }
        let end = min(Int(parts[1]).map { $0 == .max ? $0 : $0 + 1 } ?? size, size)
        return first < end ? first..<end : size..<size
    }

    func delete(_ request: Request, _ bucket: BucketFolder) throws(BucketError) -> Response {
        let version = request.query["versionId"]
        let gone = try bucket.delete(request.key, version: version)
        var fields: [(String, String)] = []
        if gone?.isMarker == true { fields.append(("x-amz-delete-marker", "true")) }
        if let version {
            fields.append(("x-amz-version-id", version))
        } else if let made = gone?.version, gone?.isMarker == true {
            fields.append(("x-amz-version-id", made))
        }
        return Self.response(204, request, fields)
    }

    // MARK: - Copies and parts

    /// The object that `x-amz-copy-source` names.
    private func source(
        _ request: Request
    ) async throws(BucketError) -> (record: ObjectRecord, bytes: [UInt8]) {
        var text = request.field("x-amz-copy-source") ?? ""
        var version: String?
        if let mark = text.firstRange(of: "?versionId=") {
            version = String(text[mark.upperBound...])
            text = String(text[..<mark.lowerBound])
        }
        if text.hasPrefix("/") { text.removeFirst() }
        let parts = Query.decoded(text[...]).split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw .invalid(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
            )
        }
        let bucket = try await folder(parts[0])
        guard let (record, path) = try bucket.object(parts[1], version: version), !record.isMarker
        else { throw .noKey(parts[1]) }
        guard record.size <= Self.maximumBody,
            let content = FileManager.default.contents(atPath: path)
        else {
            throw BucketError(
                400,
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy source: "
                    + "\(Self.maximumBody)"
            )
        }
        return (record, [UInt8](content))
    }

    func copy(_ request: Request, _ bucket: BucketFolder) async throws(BucketError) -> Response {
        let source = try await source(request)
        let replaces = request.field("x-amz-metadata-directive") == "REPLACE"
        if !replaces, "\(bucket.name)/\(request.key)" == request.field("x-amz-copy-source") {
            throw BucketError(
                400,
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without "
                    + "changing the object's metadata, storage class, website redirect location or encryption "
                    + "attributes."
            )
        }
        try checkCondition(request, bucket)
        var record = replaces ? try Self.record(request) : source.record
        record.key = request.key
        record.size = source.bytes.count
        record.tag = Digest.hex(Digest.Algorithm.md5.digest(source.bytes))
        record.modified = Int(Date().timeIntervalSince1970)
        let made = try bucket.put(record, from: try stage(source.bytes, bucket))
        return Self.xml(request, "CopyObjectResult", Self.versionField(made)) { xml in
            xml.element("ETag", "\"\(made.tag)\"")
            xml.element("LastModified", Timestamp.iso8601(Double(made.modified)))
        }
    }

    func putPart(
        _ request: Request,
        _ bucket: BucketFolder,
        _ id: String
    ) async throws(BucketError) -> Response {
        let number = request.query["partNumber"].flatMap { Int($0) } ?? 0
        let uploads = BucketUploads(bucket: bucket)
        guard request.field("x-amz-copy-source") != nil else {
            let tag = try uploads.put(number, of: id, key: request.key, request.body)
            return Self.response(200, request, [("ETag", "\"\(tag)\"")])
        }
        var bytes = try await source(request).bytes
        if let text = request.field("x-amz-copy-source-range") {
            guard let range = Self.range(text, bytes.count), !range.isEmpty else {
                throw .invalid(
                    "The x-amz-copy-source-range value must be of the form bytes=first-last"
                )
            }
            bytes = Array(bytes[range])
        }
        let tag = try uploads.put(number, of: id, key: request.key, bytes)
        return Self.xml(request, "CopyPartResult") { xml in
            xml.element("ETag", "\"\(tag)\"")
            xml.element("LastModified", Timestamp.iso8601(Timestamp.now().rounded(.down)))
        }
    }
}
