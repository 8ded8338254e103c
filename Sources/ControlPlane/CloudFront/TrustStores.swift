import Crypto
import Foundation
import JSON
import Model
import Registry

/// Trust stores: the authorities of viewers' certificates.
///
/// CloudFront: "Trust stores and certificate management".
extension CloudFrontService {
    func performTrustStore(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateTrustStore": try await createTrustStore(call)
        case "GetTrustStore": reply(trust: try await trustStore(call.text("Identifier")).record)
        case "UpdateTrustStore": try await updateTrustStore(call)
        case "DeleteTrustStore": try await deleteTrustStore(call)
        case "ListTrustStores": try await listTrustStores(call)
        default: nil
        }
    }

    /// A store by its id, name or ARN.
    func trustStore(
        _ identifier: String,
        in snapshot: Snapshot
    ) throws(APIError) -> (id: String, record: JSONObject) {
        let found = snapshot.records(of: TrustStoreRecord.kind).first { id, record in
            id == identifier || record["Name"]?.string == identifier
                || record["Arn"]?.string == identifier
        }
        guard let found else {
            throw Self.error("EntityNotFound", "The trust store \(identifier) was not found.")
        }
        return (found.id, found.document)
    }

    func trustStore(_ identifier: String) async throws(APIError) -> (id: String, record: JSONObject)
    {
        try trustStore(identifier, in: try await ledger.snapshot())
    }

    private func shown(trust record: JSONObject) -> JSONObject {
        var members = JSONObject()
        for name in ["Id", "Arn", "Name"] { members[name] = record[name] }
        members["Status"] = "active"
        let bundle = record["Bundle"]?.string ?? ""
        members["NumberOfCaCertificates"] = .integer(CertificateBundle.check(bundle).count)
        members["LastModifiedTime"] = record["Modified"] ?? Timestamp.json(started)
        return members
    }

    private func reply(trust record: JSONObject) -> APIReply {
        APIReply([
            "TrustStore": .object(shown(trust: record)), "ETag": record["ETag"] ?? "",
        ])
    }

    /// The text of a bundle in a bucket that is a folder here.
    private static func bundle(
        _ source: JSONValue?,
        in snapshot: Snapshot
    ) throws(APIError) -> String {
        let place = source?["CaCertificatesBundleS3Location"]
        let bucket = place?["Bucket"]?.string ?? ""
        let key = place?["Key"]?.string ?? ""
        guard let folder = snapshot.buckets[bucket], !key.split(separator: "/").contains("..")
        else {
            throw argument("The bucket \(bucket) is none that is known here.")
        }
        guard let content = FileManager.default.contents(atPath: folder + "/" + key),
            content.count <= CertificateBundle.maximumSize,
            let text = String(validating: content, as: UTF8.self)
        else { throw argument("The bundle \(key) is not readable or too long.") }
        if let problem = CertificateBundle.check(text).problem {
            throw argument("The bundle \(key) is not valid: \(problem).")
        }
        return text
    }

    private func createTrustStore(_ call: APICall) async throws(APIError) -> APIReply {
        guard call["UseClientCertificateOCSPEndpoint"]?.bool != true else {
            throw Self.argument("Certificates' OCSP endpoints are not asked here.")
        }
        return try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            let stores = draft.snapshot.records(of: TrustStoreRecord.kind)
            guard !stores.contains(where: { $0.document["Name"]?.string == name }) else {
                throw Self.error(
                    "EntityAlreadyExists",
                    "A trust store of the name \(name) exists already."
                )
            }
            guard stores.count < 20 else {
                throw Self.error("EntityLimitExceeded", "There are 20 trust stores already.")
            }
            let id = "ts_" + Ledger.random(27, of: "abcdefghijklmnopqrstuvwxyz0123456789")
            var record = JSONObject()
            record["Id"] = .string(id)
            record["Name"] = .string(name)
            record["Arn"] = .string(Self.arn("trust-store", id))
            record["Bundle"] = .string(
                try Self.bundle(call["CaCertificatesBundleSource"], in: draft.snapshot)
            )
            record["ETag"] = .string(Self.makeETag())
            record["Modified"] = Timestamp.json(Timestamp.now())
            let tags = Self.tags(call["Tags"])
            if !tags.isEmpty { record["Tags"] = .object(tags) }
            draft.setRecord(TrustStoreRecord.key(id), record)
            return reply(trust: record)
        }
    }

    private func updateTrustStore(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (id, record) = try trustStore(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record["ETag"]?.string ?? "")
            guard call["UseClientCertificateOCSPEndpoint"]?.bool != true else {
                throw Self.argument("Certificates' OCSP endpoints are not asked here.")
            }
            if let source = call["CaCertificatesBundleSource"] {
                record["Bundle"] = .string(try Self.bundle(source, in: draft.snapshot))
            }
            record["ETag"] = .string(Self.makeETag())
            record["Modified"] = Timestamp.json(Timestamp.now())
            draft.setRecord(TrustStoreRecord.key(id), record)
            return reply(trust: record)
        }
    }

    private func deleteTrustStore(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let (id, record) = try trustStore(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record["ETag"]?.string ?? "")
            let isUsed = draft.snapshot.distributions.values.contains {
                $0.viewerAuthentication?.trustStoreID == id
            }
            guard !isUsed else {
                throw Self.error(
                    "CannotDeleteEntityWhileInUse",
                    "The trust store is used by one or more distributions."
                )
            }
            draft.setRecord(TrustStoreRecord.key(id), nil)
            return .empty(204)
        }
    }

    private func listTrustStores(_ call: APICall) async throws(APIError) -> APIReply {
        let entries = try await ledger.snapshot().records(of: TrustStoreRecord.kind)
            .map { id, record -> (key: String, value: JSONValue) in
                var members = shown(trust: record)
                members["ETag"] = record["ETag"]
                return (id, .object(members))
            }
        let page = try Self.page(entries, call)
        var output = JSONObject()
        output["NextMarker"] = page["NextMarker"]
        output["TrustStoreList"] = .array(page["Items"]?.array ?? [])
        return APIReply(.object(output))
    }
}
