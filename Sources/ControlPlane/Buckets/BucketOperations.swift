import DataPlane
import Foundation
import HTTP
import JSON
import Model

/// Which call a request is.
extension BucketService {
    /// What a request asks for beside the object itself; each is here or refused by name.
    private static let subresources: Set<String> = [
        "accelerate", "acl", "analytics", "attributes", "cors", "encryption",
        "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "logging", "metrics",
        "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
        "publicAccessBlock", "replication", "requestPayment", "restore", "retention", "select",
        "tagging", "torrent", "website", "renameObject", "session", "metadataConfiguration",
    ]

    func answer(_ request: Request) async throws(BucketError) -> Response {
        if let name = request.query.pairs.first(where: { Self.subresources.contains($0.name) })?
            .name
        {
            if name == "acl" || name == "encryption" { _ = try await folder(request.bucket) }
            throw BucketError(501, "NotImplemented", "\(name) is not supported here.")
        }
        if request.bucket.isEmpty {
            guard request.head.method == "GET" else { throw Self.notAllowed }
            return try await listBuckets(request)
        }
        return request.key.isEmpty
            ? try await answerBucket(request) : try await answerObject(request)
    }

    static let notAllowed = BucketError(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource."
    )

    private func answerBucket(_ request: Request) async throws(BucketError) -> Response {
        switch request.head.method {
        case "PUT" where request.has("versioning"): return try await setVersioning(request)
        case "PUT": return try await create(request)
        case "DELETE": return try await deleteBucket(request)
        case "HEAD":
            _ = try await folder(request.bucket)
            return Self.response(200, request, [("x-amz-bucket-region", "us-east-1")])
        case "POST" where request.has("delete"): return try await deleteObjects(request)
        case "GET":
            let bucket = try await folder(request.bucket)
            if request.has("location") {
                // us-east-1 is said by saying nothing.
                return Self.xml(request, "LocationConstraint") { _ in }
            }
            if request.has("versioning") {
                return Self.xml(request, "VersioningConfiguration") { xml in
                    if bucket.keepsVersions {
                        xml.element("Status", "Enabled")
                    } else if bucket.wasVersioned {
                        xml.element("Status", "Suspended")
                    }
                }
            }
            if request.has("uploads") { return try BucketListing(request).uploads(bucket) }
            if request.has("versions") { return try BucketListing(request).versions(bucket) }
            return try BucketListing(request).objects(bucket)
        default: throw Self.notAllowed
        }
    }

    private func answerObject(_ request: Request) async throws(BucketError) -> Response {
        let bucket = try await folder(request.bucket)
        let upload = request.query["uploadId"]
        switch request.head.method {
        case "GET" where upload != nil:
            return try BucketListing(request).parts(bucket, upload ?? "")
        case "GET", "HEAD": return try get(request, bucket)
        case "PUT" where upload != nil:
            return try await putPart(request, bucket, upload ?? "")
        case "PUT" where request.field("x-amz-copy-source") != nil:
            return try await copy(request, bucket)
        case "PUT": return try put(request, bucket)
        case "POST" where request.has("uploads"):
            let id = try BucketUploads(bucket: bucket).begin(try Self.record(request))
            return Self.xml(request, "InitiateMultipartUploadResult") { xml in
                xml.element("Bucket", bucket.name)
                xml.element("Key", request.key)
                xml.element("UploadId", id)
            }
        case "POST" where upload != nil: return try complete(request, bucket, upload ?? "")
        case "DELETE" where upload != nil:
            try BucketUploads(bucket: bucket).abort(upload ?? "", key: request.key)
            return Self.response(204, request)
        case "DELETE": return try delete(request, bucket)
        default: throw Self.notAllowed
        }
    }

    private func listBuckets(_ request: Request) async throws(BucketError) -> Response {
        let snapshot = try await snapshot()
        return Self.xml(request, "ListAllMyBucketsResult") { xml in
            xml.open("Buckets")
            for name in snapshot.buckets.keys.sorted() {
                let created = snapshot.record(Self.record(name))?["Created"]?.double ?? 0
                xml.open("Bucket")
                xml.element("Name", name)
                xml.element("CreationDate", Timestamp.iso8601(created))
                xml.close("Bucket")
            }
            xml.close("Buckets")
            xml.open("Owner")
            xml.element("ID", FunctionARN.account)
            xml.close("Owner")
        }
    }

    /// Deletes many objects; each has its own outcome.
    private func deleteObjects(_ request: Request) async throws(BucketError) -> Response {
        let bucket = try await folder(request.bucket)
        guard let root = try? XMLNode.parse(request.body), root.name == "Delete" else {
            throw .malformed
        }
        let wanted = root.all("Object")
        // Amazon S3 API, "DeleteObjects": up to 1000.
        guard (1...1000).contains(wanted.count) else { throw .malformed }
        let isQuiet = root.child("Quiet")?.text == "true"
        return Self.xml(request, "DeleteResult") { xml in
            for object in wanted {
                let key = object.child("Key")?.text ?? ""
                let version = object.child("VersionId")?.text
                do throws(BucketError) {
                    let gone = try bucket.delete(key, version: version)
                    if isQuiet { continue }
                    xml.open("Deleted")
                    xml.element("Key", key)
                    if let version { xml.element("VersionId", version) }
                    if let gone, gone.isMarker {
                        xml.element("DeleteMarker", "true")
                        xml.element("DeleteMarkerVersionId", gone.version ?? "null")
                    }
                    xml.close("Deleted")
                } catch {
                    xml.open("Error")
                    xml.element("Key", key)
                    xml.element("Code", error.code)
                    xml.element("Message", error.message)
                    xml.close("Error")
                }
            }
        }
    }

    private func complete(
        _ request: Request,
        _ bucket: BucketFolder,
        _ id: String
    ) throws(BucketError) -> Response {
        guard let root = try? XMLNode.parse(request.body), root.name == "CompleteMultipartUpload"
        else { throw .malformed }
        var parts: [(number: Int, tag: String)] = []
        for part in root.all("Part") {
            guard let number = part.child("PartNumber").flatMap({ Int($0.text) }),
                let tag = part.child("ETag")?.text
            else { throw .malformed }
            parts.append((number, tag.filter { $0 != "\"" }))
        }
        let made = try BucketUploads(bucket: bucket).complete(id, key: request.key, parts)
        return Self.xml(request, "CompleteMultipartUploadResult", Self.versionField(made)) { xml in
            xml.element(
                "Location",
                "http://\(request.head.headers["host"] ?? "")/\(bucket.name)/\(request.key)"
            )
            xml.element("Bucket", bucket.name)
            xml.element("Key", request.key)
            xml.element("ETag", "\"\(made.tag)\"")
        }
    }

    static func versionField(_ record: ObjectRecord) -> [(String, String)] {
        record.version.map { [("x-amz-version-id", $0)] } ?? []
    }
}
