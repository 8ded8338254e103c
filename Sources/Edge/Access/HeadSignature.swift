import Crypto
package import HTTP
import Model

/// Who signs a request head, and which of its fields.
///
/// Source: "Create a signed AWS API request".
package struct HeadSignature: Sendable, Hashable {
    package var accessKey: String
    /// `20130524T000000Z`.
    package var date: String
    package var region: String
    package var service: String
    /// In lower case and in order.
    package var signedHeaders: [String]

    /// Makes a signature's settings.
    package init(
        accessKey: String,
        date: String,
        region: String,
        service: String,
        signedHeaders: [String]
    ) {
        self.accessKey = accessKey
        self.date = date
        self.region = region
        self.service = service
        self.signedHeaders = signedHeaders
    }

    /// Reads the `Authorization` field of a request; nil when it is not of this kind or not well formed.
    package init?(of head: RequestHead) {
        guard let said = head.headers[.authorization].flatMap({ AuthorizationField($0) }) else {
            return nil
        }
        let scope = said.credential.split(separator: "/").map(String.init)
        guard scope.count == 5, scope[4] == "aws4_request", said.signature.utf8.count == 64,
            !said.signedHeaders.isEmpty, let date = head.headers["x-amz-date"],
            date.hasPrefix(scope[1]), date.utf8.count == 16
        else { return nil }
        self.init(
            accessKey: scope[0],
            date: date,
            region: scope[2],
            service: scope[3],
            signedHeaders: said.signedHeaders.split(separator: ";").map(String.init)
        )
    }

    /// The signature of a request under a secret, in hexadecimal.
    package func value(for head: RequestHead, secret: String) -> String {
        request(head).signature(secretKey: secret)
    }

    /// The `Authorization` field of a request under a secret.
    package func field(for head: RequestHead, secret: String) -> String {
        request(head).authorization(accessKey: accessKey, secretKey: secret)
    }

    /// Whether a request carries this signature, as made with a secret.
    package func isValid(on head: RequestHead, secret: String) -> Bool {
        guard let field = head.headers[.authorization],
            signedHeaders.contains("host"), signedHeaders.contains("x-amz-date")
        else { return false }
        return field.hasSuffix("Signature=" + value(for: head, secret: secret))
    }

    /// What is signed of a request; a field that it has not counts as empty.
    private func request(_ head: RequestHead) -> RequestSignature {
        var fields: [(name: String, value: String)] = []
        for name in signedHeaders {
            let values = head.headers.all(name)
            fields += (values.isEmpty ? [""] : values).map { (name, $0) }
        }
        return RequestSignature(
            method: head.method,
            path: Self.encodedOnce(head.path),
            query: head.query ?? "",
            headers: fields,
            payloadHash: head.headers["x-amz-content-sha256"] ?? OriginSigner.emptyPayload,
            timestamp: date,
            scope: RequestSignature.Scope(
                date: String(date.prefix(8)),
                region: region,
                service: service
            )
        )
    }

    /// A path as AWS encodes it, however the viewer did.
    private static func encodedOnce(_ path: String) -> String {
        path.pathSegments(omittingEmpty: false)
            .map { RequestSignature.encode(RequestSignature.decode($0.utf8)) }
            .joined(separator: "/")
    }
}
