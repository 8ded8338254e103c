import Crypto
package import HTTP
package import Model

/// Signs requests to an origin as its access control or access identity asks.
///
/// Source: "Restrict access to an AWS origin".
package struct OriginSigner: Sendable {
    /// The digest of no content.
    static let emptyPayload = Digest.hex(Digest.sha256([UInt8]()))
    private static let prefix = "ASIACF"
    /// Where a signed request says for which distribution it was signed.
    private static let tokenField = "x-amz-security-token"

    private let accessKey: String
    private let region: String
    private let service: String
    private let behavior: OriginAccessControl.SigningBehavior

    /// Makes the signer of an origin; nil where nothing is signed.
    init?(_ origin: Origin) {
        if let control = origin.accessControl, control.signingBehavior != .never {
            behavior = control.signingBehavior
            service = control.originType.rawValue
            accessKey = Self.prefix + control.id
        } else if origin.isS3, let id = origin.originAccessIdentity.split(separator: "/").last {
            (behavior, service, accessKey) = (.always, "s3", Self.prefix + id)
        } else {
            return nil
        }
        region = service == "s3" ? origin.region : Self.region(in: origin.domainName)
    }

    /// The Region in a name such as `<id>.lambda-url.us-east-1.on.aws`.
    private static func region(in domain: String) -> String {
        let labels = domain.split(separator: ".")
        let region = labels.first { label in
            label.split(separator: "-").count >= 3 && label.last?.isNumber == true
        }
        return region.map(String.init) ?? "us-east-1"
    }

    /// Signs a request in its last form, unless the viewer's own signature is to be kept.
    ///
    /// `now` are seconds since 1970.
    func sign(
        _ head: inout RequestHead,
        for distribution: String,
        hasContent: Bool,
        viewerIsAuthorized: Bool,
        now: Int
    ) {
        guard behavior == .always || !viewerIsAuthorized else { return }
        head.headers.remove(.authorization)
        let time = LogTime(Double(now))
        let date = "\(time.date)T\(time.time)Z".filter { $0 != "-" && $0 != ":" }
        head.headers.set("X-Amz-Date", date)
        // A bucket takes content unread; a function's URL wants its digest, which only the viewer knows.
        if !hasContent {
            head.headers.set("X-Amz-Content-Sha256", Self.emptyPayload)
        } else if !head.headers.contains("x-amz-content-sha256") {
            head.headers.set(
                "X-Amz-Content-Sha256",
                service == "s3" ? "UNSIGNED-PAYLOAD" : Self.emptyPayload
            )
        }
        head.headers.set("X-Amz-Security-Token", Self.arn(of: distribution))
        let signature = HeadSignature(
            accessKey: accessKey,
            date: date,
            region: region,
            service: service,
            signedHeaders: ["host", "x-amz-content-sha256", "x-amz-date", Self.tokenField]
        )
        let secret = Self.secret(of: accessKey)
        head.headers.append(.authorization, signature.field(for: head, secret: secret))
    }

    private static func arn(of distribution: String) -> String {
        "arn:aws:cloudfront::\(FunctionARN.account):distribution/\(distribution)"
    }

    /// The secret of an access key of this kind.
    ///
    /// It protects nothing, as there are no accounts on a local machine: it shows that a request was signed
    /// for this origin and not changed on the way, on every edge alike.
    private static func secret(of accessKey: String) -> String {
        Digest.hex(HMAC.sha256(key: Array("portico origin access".utf8), Array(accessKey.utf8)))
    }

    /// What the signature of a request to a service shows.
    package enum Proof: Sendable, Hashable {
        /// No signature, or none that is well formed.
        case none
        /// Signed by a distribution, unchanged since.
        case distribution(arn: String)
        /// Said to be a distribution's, but not what it signed.
        case mismatch
        /// Somebody else's; there are no accounts here that could be asked.
        case other
    }

    /// Checks the signature of a request.
    package static func proof(of head: RequestHead, service: String) -> Proof {
        guard let signature = HeadSignature(of: head), signature.service == service else {
            return .none
        }
        guard signature.accessKey.hasPrefix(prefix) else { return .other }
        guard signature.signedHeaders.contains(tokenField),
            signature.isValid(on: head, secret: secret(of: signature.accessKey)),
            let arn = head.headers[tokenField]
        else { return .mismatch }
        return .distribution(arn: arn)
    }

    /// Whether content is what the request says it signed.
    package static func covers(_ content: some Sequence<UInt8>, _ head: RequestHead) -> Bool {
        head.headers["x-amz-content-sha256"] == Digest.hex(Digest.sha256(Array(content)))
    }
}
