import Crypto
import Foundation
import HTTP
import JSON
import Model
import Registry
import Synchronization

/// Uploaded code: from the request, or from a bucket that is a folder of this machine.
final class CodeStore: Sendable {
    /// An archive that is kept.
    struct Archive {
        /// SHA-256, hexadecimal.
        var digest: String
        /// Unit: bytes.
        var size: Int
    }

    /// The most bytes of an uploaded archive.
    ///
    /// Source: Lambda quotas.
    static let maximumArchive = 52_428_800
    /// How many sizes are remembered.
    private static let maximumSizes = 65_536

    private let ledger: Ledger
    private let sizes = Mutex<[String: Int]>([:])

    init(ledger: Ledger) { self.ledger = ledger }

    /// Keeps the archive of `Code` (or of the members of UpdateFunctionCode and a layer's content).
    func keep(_ source: JSONValue, in snapshot: Snapshot) async throws(APIError) -> Archive {
        let zip = try read(source, in: snapshot)
        guard zip.count < Self.maximumArchive else {
            throw APIError(
                413,
                "RequestEntityTooLargeException",
                "Zipped size must be smaller than \(Self.maximumArchive) bytes"
            )
        }
        do {
            let digest = try await ledger.registry.addBlob(zip)
            remember(digest, zip.count)
            return Archive(digest: digest, size: zip.count)
        } catch let error as RegistryError where error.kind != .storage {
            throw .invalid(
                error.description.hasPrefix("Unzipped size")
                    ? error.description
                    : "Could not unzip uploaded file. Please check your file, then try to upload "
                        + "again."
            )
        } catch {
            throw .service(error)
        }
    }

    private func read(_ source: JSONValue, in snapshot: Snapshot) throws(APIError) -> [UInt8] {
        if source["ImageUri"]?.string != nil {
            throw .invalid("Container images are not supported here; give a zip archive.")
        }
        let bucket = source["S3Bucket"]?.string
        switch (source["ZipFile"]?.string, bucket, source["S3Key"]?.string) {
        case (let text?, nil, nil):
            guard let zip = Base64.decode(text), !zip.isEmpty else {
                throw .invalid("Uploaded file must be a non-empty zip")
            }
            return zip
        case (nil, let bucket?, let key?): return try object(key, of: bucket, in: snapshot)
        case (nil, nil, nil):
            throw .invalid("Please provide a source for function code.")
        default:
            throw .invalid(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        }
    }

    /// A file of a bucket; buckets are folders that the template names.
    private func object(
        _ key: String,
        of bucket: String,
        in snapshot: Snapshot
    ) throws(APIError) -> [UInt8] {
        let beginning = "Error occurred while GetObject. S3 Error Code: "
        guard let folder = snapshot.buckets[bucket] else {
            throw .invalid(
                beginning + "NoSuchBucket. S3 Error Message: The specified bucket does not exist"
            )
        }
        let isInside = !key.hasPrefix("/") && !key.split(separator: "/").contains("..")
        guard isInside, let content = FileManager.default.contents(atPath: folder + "/" + key)
        else {
            throw .invalid(
                beginning + "NoSuchKey. S3 Error Message: The specified key does not exist."
            )
        }
        return [UInt8](content)
    }

    /// The size of a kept archive in bytes; 0 when it is gone, or was never learnt.
    func size(_ digest: String) -> Int { sizes.withLock { $0[digest] } ?? 0 }

    /// Asks the store for the sizes of all functions' code that are not known yet.
    func learnSizes() async throws(APIError) {
        let needed = Set(try await ledger.snapshot().functions.values.map(\.codeDigest))
        let unknown = sizes.withLock { known in needed.filter { known[$0] == nil } }
        for digest in unknown {
            do {
                remember(digest, try await ledger.registry.blobSize(digest) ?? 0)
            } catch {
                throw .service(error)
            }
        }
    }

    private func remember(_ digest: String, _ size: Int) {
        sizes.withLock { sizes in
            if sizes.count >= Self.maximumSizes { sizes.removeAll() }
            sizes[digest] = size
        }
    }

    /// Where a client downloads an archive: the API port itself.
    static func location(_ digest: String, _ call: APICall) -> JSONValue {
        let host = call.head.headers["host"] ?? "localhost:4566"
        return .string("http://\(host)/_portico/code/\(digest).zip")
    }
}
