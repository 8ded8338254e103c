import Crypto
import DataPlane
import Foundation

/// Lists in pages, with common prefixes where a delimiter is given.
struct BucketListing {
    /// The most entries of a page.
    ///
    /// Source: Amazon S3 API, "ListObjectsV2": 1,000.
    static let pageSize = 1000

    private let request: BucketService.Request
    private let prefix: String
    private let delimiter: String
    private let limit: Int

    init(_ request: BucketService.Request) throws(BucketError) {
        self.request = request
        prefix = request.query["prefix"] ?? ""
        delimiter = request.query["delimiter"] ?? ""
        let asked =
            request.query["max-keys"] ?? request.query["max-uploads"] ?? request.query["max-parts"]
        guard let limit = asked.map({ Int($0) }) ?? Self.pageSize, limit >= 0 else {
            throw .invalid("Argument max-keys must be an integer between 0 and 2147483647")
        }
        self.limit = min(limit, Self.pageSize)
    }

    /// A page of entries: those after a place, prefixes among them counted as one each.
    private func page<Entry>(
        _ entries: [Entry],
        after: String,
        key: (Entry) -> String
    ) -> (entries: [Entry], prefixes: [String], next: String?) {
        var (found, prefixes): ([Entry], [String]) = ([], [])
        var last = ""
        for entry in entries {
            let key = key(entry)
            guard key.hasPrefix(prefix) else { continue }
            let place = commonPrefix(key) ?? key
            guard after.isEmpty || after.utf8.lexicographicallyPrecedes(place.utf8) else {
                continue
            }
            if place != key, prefixes.last == place { continue }
            guard found.count + prefixes.count < limit else { return (found, prefixes, last) }
            if place == key { found.append(entry) } else { prefixes.append(place) }
            last = place
        }
        return (found, prefixes, nil)
    }

    private func commonPrefix(_ key: String) -> String? {
        guard !delimiter.isEmpty else { return nil }
        let rest = key.dropFirst(prefix.count)
        return rest.firstRange(of: delimiter).map { prefix + rest[..<$0.upperBound] }
    }

    private func encoded(_ text: String) -> String {
        guard request.query["encoding-type"] == "url" else { return text }
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_.~/*!'()")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }

    private func head(_ xml: inout XMLWriter, _ bucket: BucketFolder) {
        xml.element("Name", bucket.name)
        xml.element("Prefix", encoded(prefix))
        if !delimiter.isEmpty { xml.element("Delimiter", encoded(delimiter)) }
        if let type = request.query["encoding-type"] { xml.element("EncodingType", type) }
        xml.element("MaxKeys", String(limit))
    }

    private func write(_ prefixes: [String], _ xml: inout XMLWriter) {
        for prefix in prefixes {
            xml.open("CommonPrefixes")
            xml.element("Prefix", encoded(prefix))
            xml.close("CommonPrefixes")
        }
    }

    private func write(_ record: ObjectRecord, _ xml: inout XMLWriter) {
        xml.element("LastModified", Timestamp.iso8601(Double(record.modified)))
        xml.element("ETag", "\"\(record.tag)\"")
        xml.element("Size", String(record.size))
        xml.element("StorageClass", record.fields["x-amz-storage-class"] ?? "STANDARD")
    }

    /// Objects: ListObjectsV2, or the older ListObjects.
    func objects(_ bucket: BucketFolder) throws(BucketError) -> Response {
        let isSecond = request.query["list-type"] == "2"
        var after = request.query[isSecond ? "start-after" : "marker"] ?? ""
        let token = isSecond ? request.query["continuation-token"] : nil
        if let token {
            guard let place = Paging.decode(token) else {
                throw .invalid("The continuation token provided is incorrect")
            }
            after = place
        }
        let page = page(bucket.all(prefix: prefix), after: after, key: \.key)
        return BucketService.xml(request, "ListBucketResult") { xml in
            head(&xml, bucket)
            if isSecond {
                xml.element("KeyCount", String(page.entries.count + page.prefixes.count))
                if let token { xml.element("ContinuationToken", token) }
                if let start = request.query["start-after"] {
                    xml.element("StartAfter", encoded(start))
                }
            } else {
                xml.element("Marker", encoded(after))
            }
            xml.element("IsTruncated", page.next == nil ? "false" : "true")
            if let next = page.next {
                if isSecond {
                    xml.element("NextContinuationToken", Base64.encode(Array(next.utf8)))
                } else if !delimiter.isEmpty {
                    xml.element("NextMarker", encoded(next))
                }
            }
            for record in page.entries {
                xml.open("Contents")
                xml.element("Key", encoded(record.key))
                write(record, &xml)
                xml.close("Contents")
            }
            write(page.prefixes, &xml)
        }
    }

    /// Versions and delete markers.
    func versions(_ bucket: BucketFolder) throws(BucketError) -> Response {
        let all = bucket.versions(prefix: prefix)
        let marker = request.query["key-marker"] ?? ""
        let version = request.query["version-id-marker"]
        var rest = all[...]
        if let version,
            let place = all.firstIndex(where: {
                $0.record.key == marker && ($0.record.version ?? "null") == version
            })
        {
            rest = all[(place + 1)...]
        } else if !marker.isEmpty {
            rest = rest.drop { !marker.utf8.lexicographicallyPrecedes($0.record.key.utf8) }
        }
        let page = page(Array(rest), after: "", key: \.record.key)
        return BucketService.xml(request, "ListVersionsResult") { xml in
            head(&xml, bucket)
            xml.element("KeyMarker", encoded(marker))
            xml.element("VersionIdMarker", version ?? "")
            xml.element("IsTruncated", page.next == nil ? "false" : "true")
            if page.next != nil, let last = page.entries.last {
                xml.element("NextKeyMarker", encoded(last.record.key))
                xml.element("NextVersionIdMarker", last.record.version ?? "null")
            }
            for (record, isLatest) in page.entries {
                let name = record.isMarker ? "DeleteMarker" : "Version"
                xml.open(name)
                xml.element("Key", encoded(record.key))
                xml.element("VersionId", record.version ?? "null")
                xml.element("IsLatest", isLatest ? "true" : "false")
                if record.isMarker {
                    xml.element("LastModified", Timestamp.iso8601(Double(record.modified)))
                } else {
                    write(record, &xml)
                }
                xml.close(name)
            }
            write(page.prefixes, &xml)
        }
    }

    /// Uploads in parts that are under way.
    func uploads(_ bucket: BucketFolder) throws(BucketError) -> Response {
        let all = BucketUploads(bucket: bucket).all
        let page = page(all, after: request.query["key-marker"] ?? "", key: \.record.key)
        return BucketService.xml(request, "ListMultipartUploadsResult") { xml in
            xml.element("Bucket", bucket.name)
            xml.element("KeyMarker", encoded(request.query["key-marker"] ?? ""))
            xml.element("MaxUploads", String(limit))
            xml.element("IsTruncated", page.next == nil ? "false" : "true")
            if let next = page.next { xml.element("NextKeyMarker", encoded(next)) }
            for upload in page.entries {
                xml.open("Upload")
                xml.element("Key", encoded(upload.record.key))
                xml.element("UploadId", upload.id)
                xml.element("Initiated", Timestamp.iso8601(Double(upload.record.modified)))
                xml.element("StorageClass", "STANDARD")
                xml.close("Upload")
            }
            write(page.prefixes, &xml)
        }
    }

    /// The parts of an upload.
    func parts(_ bucket: BucketFolder, _ id: String) throws(BucketError) -> Response {
        let uploads = BucketUploads(bucket: bucket)
        _ = try uploads.record(id, key: request.key)
        let after = request.query["part-number-marker"].flatMap { Int($0) } ?? 0
        let rest = try uploads.parts(id).filter { $0.number > after }
        let page = rest.prefix(limit)
        return BucketService.xml(request, "ListPartsResult") { xml in
            xml.element("Bucket", bucket.name)
            xml.element("Key", encoded(request.key))
            xml.element("UploadId", id)
            xml.element("PartNumberMarker", String(after))
            xml.element("MaxParts", String(limit))
            xml.element("IsTruncated", page.count < rest.count ? "true" : "false")
            if page.count < rest.count, let last = page.last {
                xml.element("NextPartNumberMarker", String(last.number))
            }
            for part in page {
                xml.open("Part")
                xml.element("PartNumber", String(part.number))
                xml.element("LastModified", Timestamp.iso8601(Double(part.modified)))
                xml.element("ETag", "\"\(part.tag)\"")
                xml.element("Size", String(part.size))
                xml.close("Part")
            }
        }
    }
}
