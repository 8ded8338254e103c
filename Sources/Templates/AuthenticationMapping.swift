import Crypto
import Foundation
import JSON
import Model

/// Trust stores become the records that the API keeps of them; distributions ask viewers for certificates.
///
/// Source: "Mutual TLS authentication with CloudFront (viewer mTLS)".
extension ResourceMapper {
    func mapTrustStore(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("Name"),
            let source = fields.fields("CaCertificatesBundleSource")
        else {
            return fields.error("Name", "Name and CaCertificatesBundleSource are required")
        }
        defer { source.finish() }
        if fields.bool("UseClientCertificateOCSPEndpoint") == true {
            let message = "certificates' OCSP endpoints are not asked here"
            fields.warning("UseClientCertificateOCSPEndpoint", message)
        }
        guard let place = source.fields("CaCertificatesBundleS3Location"),
            let bundle = bundle(place)
        else { return }
        let id = evaluator.primaryID(resource)
        var record = JSONObject()
        record["Id"] = .string(id)
        record["Name"] = .string(name)
        record["Arn"] = .string("arn:aws:cloudfront::\(FunctionARN.account):trust-store/\(id)")
        record["Bundle"] = .string(bundle)
        record["ETag"] = .string(evaluator.ids.distribution("trust/" + name + bundle))
        made.append(
            .record(id: TrustStoreRecord.key(id), document: JSONValue.object(record).text)
        )
    }

    /// The text of a bundle that stands in a bucket's folder.
    private func bundle(_ place: Fields) -> String? {
        defer { place.finish() }
        _ = place.required("Region")
        if place.has("Version") {
            place.warning("Version", "the file is taken as it is: folders keep no versions")
            _ = place.value("Version")
        }
        guard let bucket = place.required("Bucket"), let key = place.required("Key") else {
            return nil
        }
        let folder = buckets[bucket] ?? folders.buckets + "/" + bucket
        let path = folder + "/" + key
        guard !key.split(separator: "/").contains(".."),
            let content = FileManager.default.contents(atPath: path),
            content.count <= CertificateBundle.maximumSize,
            let text = String(validating: content, as: UTF8.self)
        else {
            place.refuse("Key", .trustStore, "\(path) is not readable or too long")
            return nil
        }
        if let problem = CertificateBundle.check(text).problem {
            place.refuse("Key", .trustStore, "\(path): \(problem)")
            return nil
        }
        if text.contains("BEGIN X509 CRL") {
            let message = "revocation lists hold here; AWS takes none in a bundle"
            place.note("Key", message)
        }
        return text
    }

    /// What a distribution asks of its viewers' certificates.
    func viewerAuthentication(
        _ config: Fields,
        _ distribution: Distribution
    ) -> ViewerAuthentication? {
        guard let fields = config.fields("ViewerMtlsConfig") else { return nil }
        defer { fields.finish() }
        let mode = fields.choice("Mode", ViewerAuthentication.Mode.self) ?? .required
        var result = ViewerAuthentication(mode: mode)
        if let store = fields.fields("TrustStoreConfig") {
            defer { store.finish() }
            result.trustStoreID = store.required("TrustStoreId") ?? ""
            result.advertisesNames = store.bool("AdvertiseTrustStoreCaNames") ?? false
            result.ignoresExpiry = store.bool("IgnoreCertificateExpiry") ?? false
            if resource("AWS::CloudFront::TrustStore", result.trustStoreID) == nil {
                let message = "there is no trust store \(result.trustStoreID) in this template"
                store.refuse("TrustStoreId", .viewerAuthentication, message)
            }
        } else if mode != .passthrough {
            fields.refuse("Mode", .viewerAuthentication, "\(mode.rawValue) wants a trust store")
        }
        if !distribution.isAlwaysSecure {
            let message = "every behavior wants https-only or redirect-to-https"
            fields.refuse("Mode", .viewerAuthentication, message)
        }
        if config.node["HttpVersion"]?.text?.hasPrefix("http3") == true
            || config.node["HttpVersion"]?.text == "http2and3"
        {
            fields.refuse("Mode", .viewerAuthentication, "HTTP/3 does not go with it")
        }
        return result
    }
}
