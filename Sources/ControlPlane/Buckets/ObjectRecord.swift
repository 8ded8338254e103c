import Foundation

/// What is kept of an object beside its bytes.
struct ObjectRecord: Codable, Equatable {
    /// The MD5 of its bytes, hexadecimal; of parts that of their digests, with their number.
    var tag: String
    /// Unit: bytes.
    var size: Int
    /// Unit: seconds since 1970, whole.
    var modified: Int
    var contentType: String?
    /// Further fields of the head that come back with it, such as `Cache-Control`.
    var fields: [String: String] = [:]
    /// `x-amz-meta-…` without that beginning.
    var metadata: [String: String] = [:]
    /// Nil, which reads `null`, where the bucket kept no versions then.
    var version: String?
    /// Whether it only says that the object was deleted.
    var isMarker = false
    /// The order among the versions of a key: the latest has the highest.
    var serial = 0
    var key: String
}

/// An error of the S3 API.
///
/// Source: Amazon S3 API, "Error responses".
struct BucketError: Error {
    var status: Int
    var code: String
    var message: String
    var members: [(String, String)] = []

    init(_ status: Int, _ code: String, _ message: String, _ members: [(String, String)] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.members = members
    }

    static func noBucket(_ name: String) -> BucketError {
        BucketError(
            404,
            "NoSuchBucket",
            "The specified bucket does not exist",
            [("BucketName", name)]
        )
    }

    static func noKey(_ key: String) -> BucketError {
        BucketError(404, "NoSuchKey", "The specified key does not exist.", [("Key", key)])
    }

    static let noUpload = BucketError(
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
            + "aborted or completed."
    )

    static func invalid(_ message: String) -> BucketError {
        BucketError(400, "InvalidArgument", message)
    }

    static let malformed = BucketError(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema"
    )
}
