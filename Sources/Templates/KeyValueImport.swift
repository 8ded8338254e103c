import Foundation
import JSON

/// The file from which a key-value store takes its first pairs: an object of a bucket that is a folder here.
///
/// Source: "Create a key value store", file format of key-value pairs.
package struct KeyValueImport: Sendable {
    /// Why a file gives no pairs.
    package enum Failure: Error, CustomStringConvertible {
        case unreadable
        case malformed
        case tooLarge

        /// The sentence for people.
        package var description: String {
            switch self {
            case .unreadable: "there is no such file"
            case .malformed:
                "it is not JSON of the form {\"data\": [{\"key\": \"a\", \"value\": \"b\"}]}"
            case .tooLarge: "it is larger than \(KeyValueImport.maximumSize) bytes"
            }
        }
    }

    /// The most bytes of a store.
    ///
    /// Source: "Quotas on key value stores".
    static let maximumSize = 5 << 20

    package let bucket: String
    private let key: String

    /// Reads `arn:aws:s3:::bucket/key`.
    package init?(arn: String) {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[2] == "s3", let slash = parts[5].firstIndex(of: "/") else {
            return nil
        }
        bucket = String(parts[5][..<slash])
        key = String(parts[5][parts[5].index(after: slash)...])
        guard !bucket.isEmpty, !key.isEmpty, !key.split(separator: "/").contains("..") else {
            return nil
        }
    }

    /// Where the object is, when the bucket is this folder.
    package func file(in folder: String) -> String { folder + "/" + key }

    /// The pairs of a file.
    package static func pairs(of path: String) throws(Failure) -> [(key: String, value: String)] {
        guard let content = FileManager.default.contents(atPath: path) else { throw .unreadable }
        guard content.count <= maximumSize else { throw .tooLarge }
        guard let document = try? JSONValue.parse([UInt8](content)[...]),
            let entries = document["data"]?.array
        else { throw .malformed }
        var pairs: [(key: String, value: String)] = []
        for entry in entries {
            guard let key = entry["key"]?.string, let value = entry["value"]?.string,
                1...512 ~= key.utf8.count, 1...1024 ~= value.utf8.count
            else { throw .malformed }
            pairs.append((key, value))
        }
        return pairs
    }
}
