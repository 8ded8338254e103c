import Crypto
package import HTTP

/// The keys whose signatures are taken.
package struct SigningKeys: Sendable {
    /// Secret access keys by access key id.
    private let secrets: [String: String]
    /// Session tokens that must come with a key, by access key id.
    private let tokens: [String: String]

    /// Makes a set; the keys that functions are given belong to it.
    package init(secrets: [String: String], tokens: [String: String] = [:]) {
        let own = FunctionCredentials()
        self.secrets = secrets.merging([own.accessKey: own.secretKey]) { given, _ in given }
        self.tokens = tokens.merging([own.accessKey: own.sessionToken]) { given, _ in given }
    }

    func secret(of accessKey: String) -> String? { secrets[accessKey] }
    func token(of accessKey: String) -> String? { tokens[accessKey] }
}

/// Checks that a request was signed with a known key, in its head or in its query.
///
/// Source: "AWS Signature Version 4 for API requests", "Troubleshoot Signature Version 4 signing for AWS API requests".
package struct RequestVerifier: Sendable {
    /// How far clocks may differ.
    ///
    /// Unit: seconds.
    private static let skew: Int64 = 300
    /// The longest life of a presigned request.
    ///
    /// Unit: seconds. Source: "Authenticating Requests: Using Query Parameters".
    private static let longestLife: Int64 = 604_800

    /// Why a request is refused.
    package enum Refusal: Error, Sendable, Equatable {
        /// It is not signed at all.
        case missing
        /// A part of the signature is missing; with AWS's sentence.
        case incomplete(String)
        case unknownKey
        case wrongToken
        /// It is signed for another service.
        case wrongService(String)
        case mismatch
        /// The time of a signed head is too far from this machine's; with AWS's sentence.
        case outOfTime(String)
        /// The life of a presigned request is over.
        case expired

        /// AWS's sentence.
        package var message: String {
            switch self {
            case .missing: "Missing Authentication Token"
            case .incomplete(let text), .outOfTime(let text): text
            case .unknownKey, .wrongToken: "The security token included in the request is invalid."
            case .wrongService(let name):
                "Credential should be scoped to correct service: '\(name)'. "
            case .mismatch:
                "The request signature we calculated does not match the signature you provided. "
                    + "Check your AWS Secret Access Key and signing method. Consult the service "
                    + "documentation for details."
            case .expired: "Request has expired."
            }
        }
    }

    /// The parts of a signature as they came.
    private struct Parts {
        var credential = ""
        var signedHeaders = ""
        var signature = ""
        var time = ""
        var token: String?
        /// Unit: seconds; nil when the head is signed.
        var life: Int64?
    }

    private let keys: SigningKeys

    /// Makes a verifier.
    package init(_ keys: SigningKeys) { self.keys = keys }

    /// Why a request may not pass; nil when its signature is right.
    ///
    /// `now` in seconds since 1970; nil means this moment.
    package func refusal(
        of head: RequestHead,
        body: Bytes,
        service: String,
        now: Int64? = nil
    ) -> Refusal? {
        do throws(Refusal) {
            try check(head, body, service, now ?? System.milliseconds / 1000)
            return nil
        } catch {
            return error
        }
    }

    private func check(
        _ head: RequestHead,
        _ body: Bytes,
        _ service: String,
        _ now: Int64
    ) throws(Refusal) {
        let parts = try Self.parts(of: head)
        let scope = parts.credential.split(separator: "/", omittingEmptySubsequences: false)
            .map(String.init)
        guard scope.count == 5, scope[4] == "aws4_request" else {
            throw .incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                    + "keyid/date/region/service/term, got '\(parts.credential)'"
            )
        }
        guard let secret = keys.secret(of: scope[0]) else { throw .unknownKey }
        if let token = keys.token(of: scope[0]), token != parts.token { throw .wrongToken }
        guard scope[3] == service else { throw .wrongService(service) }
        try Self.checkTime(parts, scope[1], now)
        let names = parts.signedHeaders.split(separator: ";").map(String.init)
        guard names.contains("host") else {
            throw .incomplete(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
            )
        }
        var fields: [(name: String, value: String)] = []
        for name in names {
            let values = head.headers.all(name)
            if values.isEmpty { throw .mismatch }
            for value in values { fields.append((name, value)) }
        }
        let request = RequestSignature(
            method: head.method,
            path: head.path,
            query: head.query ?? "",
            headers: fields,
            payloadHash: try Self.payloadHash(head, body, isPresigned: parts.life != nil, service),
            timestamp: parts.time,
            scope: RequestSignature.Scope(date: scope[1], region: scope[2], service: scope[3])
        )
        let expected = Array(request.signature(secretKey: secret).utf8)
        guard HMAC.isEqual(expected, Array(parts.signature.utf8)) else { throw .mismatch }
    }

    /// What stands for the body in the signature.
    private static func payloadHash(
        _ head: RequestHead,
        _ body: Bytes,
        isPresigned: Bool,
        _ service: String
    ) throws(Refusal) -> String {
        let actual = Digest.hex(Digest.sha256(Array(body)))
        guard let given = head.headers["x-amz-content-sha256"] else {
            return isPresigned && service == "s3" ? RequestSignature.unsignedPayload : actual
        }
        if given == RequestSignature.unsignedPayload { return given }
        // The pieces of such a body carry signatures of their own, which are not checked.
        if service == "s3", given.hasPrefix("STREAMING-") { return given }
        guard given == actual else { throw .mismatch }
        return given
    }

    private static func checkTime(
        _ parts: Parts,
        _ date: String,
        _ now: Int64
    ) throws(Refusal) {
        guard let signed = seconds(parts.time), parts.time.hasPrefix(date) else {
            throw .outOfTime(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '\(date)' != '\(parts.time.prefix(8))', from '\(parts.time)'."
            )
        }
        let current = System.compactTimestamp(now * 1000)
        func text(_ moment: Int64) -> String { System.compactTimestamp(moment * 1000) }
        if signed > now + skew {
            throw .outOfTime(
                "Signature not yet current: \(parts.time) is still later than \(text(now + skew)) "
                    + "(\(current) + 5 min.)"
            )
        }
        if let life = parts.life {
            guard (1...longestLife).contains(life) else {
                throw .incomplete("X-Amz-Expires must be between 1 and 604800 seconds")
            }
            if signed + life < now { throw .expired }
        } else if signed < now - skew {
            throw .outOfTime(
                "Signature expired: \(parts.time) is now earlier than \(text(now - skew)) "
                    + "(\(current) - 5 min.)"
            )
        }
    }

    // MARK: Reading

    private static func parts(of head: RequestHead) throws(Refusal) -> Parts {
        if let field = head.headers["authorization"], !field.isEmpty {
            return try parts(ofHead: head, field)
        }
        var values: [String: String] = [:]
        for pair in (head.query ?? "").split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1).map(String.init)
            if halves.count == 2, halves[0].hasPrefix("X-Amz-") {
                values[halves[0]] = PercentCoding.decode(halves[1]) ?? ""
            }
        }
        guard values["X-Amz-Algorithm"] != nil || values["X-Amz-Signature"] != nil else {
            throw .missing
        }
        let wanted = [
            "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders",
            "X-Amz-Signature", "X-Amz-Expires",
        ]
        let absent = wanted.filter { values[$0]?.isEmpty ?? true }
        guard absent.isEmpty, values["X-Amz-Algorithm"] == RequestSignature.algorithm else {
            let sentences = absent.map { "AWS query-string parameters must include '\($0)'. " }
            throw .incomplete(
                sentences.joined() + "Re-examine the query-string parameters."
            )
        }
        return Parts(
            credential: values["X-Amz-Credential"] ?? "",
            signedHeaders: values["X-Amz-SignedHeaders"] ?? "",
            signature: values["X-Amz-Signature"] ?? "",
            time: values["X-Amz-Date"] ?? "",
            token: values["X-Amz-Security-Token"],
            life: values["X-Amz-Expires"].flatMap { Int64($0) } ?? 0
        )
    }

    private static func parts(
        ofHead head: RequestHead,
        _ field: String
    ) throws(Refusal) -> Parts {
        guard let said = AuthorizationField(field) else {
            throw .incomplete("Unsupported AWS 'algorithm': '\(field.prefix { $0 != " " })'.")
        }
        let parts = Parts(
            credential: said.credential,
            signedHeaders: said.signedHeaders,
            signature: said.signature,
            time: head.headers["x-amz-date"] ?? "",
            token: head.headers["x-amz-security-token"]
        )
        var sentences: [String] = []
        for (name, value) in [
            ("Credential", parts.credential), ("Signature", parts.signature),
            ("SignedHeaders", parts.signedHeaders),
        ] where value.isEmpty {
            sentences.append("Authorization header requires '\(name)' parameter. ")
        }
        if parts.time.isEmpty {
            sentences.append(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
            )
        }
        if !sentences.isEmpty {
            throw .incomplete(sentences.joined() + "Authorization=\(field.prefix { $0 != " " })")
        }
        return parts
    }

    /// Seconds since 1970 of `20260131T101112Z`.
    private static func seconds(_ text: String) -> Int64? {
        let digits = Array(text.utf8)
        guard digits.count == 16, digits[8] == UInt8(ascii: "T"), digits[15] == UInt8(ascii: "Z")
        else { return nil }
        func number(_ start: Int, _ count: Int) -> Int? {
            let part = digits[start..<start + count]
            guard part.allSatisfy({ (48...57).contains($0) }) else { return nil }
            return part.reduce(0) { $0 * 10 + Int($1 - 48) }
        }
        guard let year = number(0, 4), let month = number(4, 2), let day = number(6, 2),
            let hour = number(9, 2), let minute = number(11, 2), let second = number(13, 2)
        else { return nil }
        return System.seconds(year: year, month: month, day: day)
            + Int64(hour * 3600 + minute * 60 + second)
    }
}
