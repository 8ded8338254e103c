import JSON
import Model

/// What CloudFront refuses of functions at the hooks of a behaviour.
///
/// CloudFront: "Restrictions on Lambda@Edge", "Restrictions on all edge functions".
struct AssociationChecks {
    let snapshot: Snapshot

    /// The longest timeout of a function at any of the events, in seconds.
    private static let maximumTimeout = 30

    func lambda(_ items: [JSONValue]) throws(APIError) -> [EdgeFunctionAssociation] {
        var associations: [EdgeFunctionAssociation] = []
        for item in items {
            let text = item["LambdaFunctionARN"]?.string ?? ""
            guard let event = item["EventType"]?.string.flatMap(EdgeEvent.init) else {
                throw refused("The event type is not valid. Function: \(text)")
            }
            let version = try version(text)
            try check(version, text)
            let includesBody = item["IncludeBody"]?.bool ?? false
            guard !includesBody || event == .viewerRequest || event == .originRequest else {
                throw refused(
                    "IncludeBody is only allowed on viewer-request and origin-request events. "
                        + "Function: \(text)"
                )
            }
            guard !associations.contains(where: { $0.event == event }) else {
                throw refused("The event type \(event.rawValue) stands twice. Function: \(text)")
            }
            associations.append(
                EdgeFunctionAssociation(
                    event: event,
                    function: version.name,
                    version: version.version,
                    includeBody: includesBody
                )
            )
        }
        return associations
    }

    private func refused(_ message: String) -> APIError {
        CloudFrontService.error("InvalidLambdaFunctionAssociation", message)
    }

    /// The numbered version that an ARN means: region first, then version, then existence.
    private func version(_ text: String) throws(APIError) -> FunctionVersion {
        let arn = FunctionARN(text)
        if let arn, text.hasPrefix("arn:"), arn.region != "us-east-1" {
            throw refused("The function must be in region 'us-east-1'. ARN: \(text)")
        }
        guard let arn, text.hasPrefix("arn:"), let number = arn.qualifier.flatMap({ Int($0) })
        else {
            throw refused(
                "The function ARN must reference a specific function version. (The ARN must end with "
                    + "the version number.) ARN: \(text)"
            )
        }
        guard arn.account == FunctionARN.account,
            let version = snapshot.functions["\(arn.name):\(number)"]
        else {
            throw refused(
                "Lambda@Edge cannot retrieve the specified Lambda function. Update the IAM policy to "
                    + "add permission: lambda:GetFunction for resource: \(text) and try again."
            )
        }
        return version
    }

    private func check(_ version: FunctionVersion, _ arn: String) throws(APIError) {
        guard version.environment.isEmpty else {
            throw refused("The function cannot have environment variables. Function: \(arn)")
        }
        guard version.timeout <= Self.maximumTimeout else {
            throw refused(
                "The function timeout is larger than the maximum allowed for functions that are "
                    + "triggered by a CloudFront event: \(version.timeout) Max allowed: "
                    + "\(Self.maximumTimeout) Function: \(arn)"
            )
        }
        guard version.runtime.hasPrefix("nodejs") || version.runtime.hasPrefix("python") else {
            throw refused(
                "The function runtime \(version.runtime) is not supported at the edge. Function: "
                    + arn
            )
        }
        if let role = version.role, let trust = RoleTrust(arn: role, in: snapshot),
            !trust.admits(service: "edgelambda.amazonaws.com")
                || !trust.admits(service: "lambda.amazonaws.com")
        {
            throw refused(
                "The function execution role must be assumable with edgelambda.amazonaws.com as well as "
                    + "lambda.amazonaws.com principals. Update the IAM role and try again. Role: \(role)"
            )
        }
        let record = FunctionRecord(version.name, in: snapshot, created: 0)
        guard let members = record?.versions[version.version],
            let feature = feature(members, of: version)
        else { return }
        throw refused("The function cannot have \(feature). Function: \(arn)")
    }

    private func feature(_ members: JSONObject, of version: FunctionVersion) -> String? {
        if members["DeadLetterConfig"] != nil { return "a dead letter queue" }
        if members["Layers"] != nil { return "layers" }
        if members["TracingConfig"]?["Mode"]?.string == "Active" { return "active tracing" }
        if members["Architectures"]?.array == ["arm64"] { return "the arm64 architecture" }
        if members["EphemeralStorage"]?["Size"]?.int ?? 0 > 512 {
            return "more than 512 MB of ephemeral storage"
        }
        let provisioned = snapshot.functionSettings[version.name]?.provisionedConcurrency ?? [:]
        if provisioned[String(version.version)] != nil { return "provisioned concurrency" }
        return nil
    }

    /// Checks CloudFront Functions, which run at the viewer's events only and not beside Lambda there.
    func functions(
        _ items: [JSONValue],
        beside lambda: [EdgeFunctionAssociation]
    ) throws(APIError) -> [ViewerFunctionAssociation]? {
        var result: [ViewerFunctionAssociation] = []
        for item in items {
            let arn = item["FunctionARN"]?.string ?? ""
            guard let event = item["EventType"]?.string.flatMap(EdgeEvent.init),
                event == .viewerRequest || event == .viewerResponse
            else {
                throw Self.refusedFunction(
                    "CloudFront Functions can be associated with viewer-request and viewer-response "
                        + "only. Function: \(arn)"
                )
            }
            guard !result.contains(where: { $0.event == event }),
                !lambda.contains(where: { $0.event.rawValue.hasPrefix("viewer-") })
            else {
                throw Self.refusedFunction(
                    "The event \(event.rawValue) has more than one function. Function: \(arn)"
                )
            }
            let name = arn.split(separator: "/").last.map(String.init) ?? ""
            guard snapshot.record("cloudfront/function/\(name)")?["Live"] != nil else {
                throw Self.refusedFunction(
                    "The function is not published to the LIVE stage. Function: \(arn)"
                )
            }
            result.append(ViewerFunctionAssociation(event: event, arn: arn))
        }
        return result.isEmpty ? nil : result
    }

    private static func refusedFunction(_ message: String) -> APIError {
        CloudFrontService.error("InvalidFunctionAssociation", message)
    }
}
