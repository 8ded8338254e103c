import Model

/// The function that a call names: by name, partial or whole ARN, with or without qualifier.
struct FunctionReference: Sendable, Hashable {
    var name: String
    /// A version, `$LATEST` or an alias, from the name or from `Qualifier`.
    var qualifier: String?

    /// The ARN in the form that the call used.
    var arn: String { FunctionARN(name: name, qualifier: qualifier).text }
    var unqualifiedARN: String { FunctionARN(name: name).text }

    /// Reads the names that the model's pattern lets through.
    init(_ text: String, qualifier given: String? = nil) throws(APIError) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.first == "arn" { parts.removeFirst(min(3, parts.count)) }
        if parts.count > 1, Self.isRegion(parts[0]) {
            let region = parts.removeFirst()
            guard region == "us-east-1" else {
                throw .missing(
                    "Functions from '\(region)' are not reachable in this region ('us-east-1')"
                )
            }
        }
        if parts.count > 1, parts[0].count == 12, parts[0].allSatisfy(\.isNumber) {
            guard parts.removeFirst() == FunctionARN.account else {
                throw APIError(
                    403,
                    "AccessDeniedException",
                    "the function belongs to another account"
                )
            }
        }
        if parts.count > 1, parts[0] == "function" { parts.removeFirst() }
        name = parts.first ?? ""
        qualifier = parts.count > 1 ? parts[1] : nil
        guard name.utf8.count <= 64 else {
            throw .invalid(
                "1 validation error detected: Value '\(name)' at 'functionName' failed to satisfy "
                    + "constraint: Member must have length less than or equal to 64"
            )
        }
        if let given {
            if let own = qualifier, own != given {
                throw .invalid(
                    "The derived qualifier from the function name does not match the specified "
                        + "qualifier."
                )
            }
            qualifier = given
        }
    }

    private static func isRegion(_ text: String) -> Bool {
        let parts = text.split(separator: "-")
        return parts.count >= 3 && parts[0].count == 2
            && parts.last.map { $0.count == 1 && $0.allSatisfy(\.isNumber) } == true
    }

    /// The reference without its qualifier.
    var unqualified: FunctionReference {
        var result = self
        result.qualifier = nil
        return result
    }
}
