import JSON

/// What a bucket's policy lets distributions do beside reading objects.
enum BucketPolicy {
    /// Whether those who read a bucket's objects may list them as well.
    ///
    /// A bucket without a policy is readable here all the same; nobody is told what is missing in it if it is
    /// private, as AWS would not.
    static func mayList(_ document: String?, isPrivate: Bool) -> Bool {
        guard let document else { return !isPrivate }
        let policy = try? JSONValue.parse(document)
        let member = policy?["Statement"]
        var isAllowed = false
        for statement in member?.array ?? member.map({ [$0] }) ?? [] {
            let isAbout = texts(statement["Action"]).contains {
                Wildcard.matches($0, "s3:ListBucket", ignoringCase: true)
            }
            guard isAbout, isOfDistributions(statement["Principal"]) else { continue }
            if statement["Effect"]?.string == "Deny" { return false }
            if statement["Effect"]?.string == "Allow" { isAllowed = true }
        }
        return isAllowed
    }

    /// Everyone, CloudFront itself, or an access identity.
    private static func isOfDistributions(_ principal: JSONValue?) -> Bool {
        let named = ["Service", "AWS", "CanonicalUser"].flatMap { texts(principal?[$0]) }
        return (texts(principal) + named).contains { name in
            name == "*" || name == "cloudfront.amazonaws.com"
                || name.contains("CloudFront Origin Access Identity")
                || principal?["CanonicalUser"] != nil
        }
    }

    private static func texts(_ value: JSONValue?) -> [String] {
        switch value {
        case .string(let text)?: [text]
        case .array(let all)?: all.compactMap(\.string)
        default: []
        }
    }
}
