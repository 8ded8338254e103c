import JSON
import Model
import Registry

/// Checks of what CreateFunction and UpdateFunctionConfiguration are given, beyond the model's constraints.
struct FunctionInput {
    /// The runtimes that can be created today, in the order of the service's message.
    static let runtimes = [
        "nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x",
        "nodejs22.x", "java25", "python3.10", "python3.11", "java21", "ruby3.3", "ruby3.4",
        "ruby3.2", "python3.8", "python3.9", "java17", "nodejs16.x", "dotnet10", "dotnet8",
        "java11",
        "dotnet6", "nodejs18.x", "provided.al2", "java8.al2",
    ]
    /// Names that AWS sets itself (Lambda: "Defined runtime environment variables").
    static let reservedVariables: Set = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "TZ",
    ]
    /// The most bytes of the environment as compact JSON.
    ///
    /// Source: Lambda quotas.
    static let maximumEnvironment = 4096

    let input: JSONValue
    let model: ServiceModel

    /// Members of the newer kinds of functions, which only AWS can run.
    private static let foreign = [
        "CapacityProviderConfig", "DurableConfig", "TenancyConfig", "PublishTo",
    ]

    func check() throws(APIError) {
        for name in Self.foreign where !(input[name]?.isNull ?? true) {
            throw .invalid("\(name) is not supported here.")
        }
        if let arn = input["CodeSigningConfigArn"]?.string { throw .noSigning(arn) }
        if !(input["FileSystemConfigs"]?.array?.isEmpty ?? true) {
            throw .invalid("FileSystemConfigs are not supported here.")
        }
        try checkRuntime()
        try checkEnvironment()
        if let subnet = input["VpcConfig"]?["SubnetIds"]?[0]?.string {
            throw .invalid(
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
                    + "EC2 Error Message: The subnet ID '\(subnet)' does not exist"
            )
        }
        if let architectures = input["Architectures"]?.array, architectures.count > 1 {
            throw .validation(
                "Value '\(ParameterValidation.text(.array(architectures)))' at 'architectures' "
                    + "failed to satisfy constraint: Member must have length less than or equal to 1"
            )
        }
        if let memory = input["MemorySize"]?.int, memory > 10_240 {
            throw .invalid(
                "'MemorySize' value failed to satisfy constraint: Member must have value less than "
                    + "or equal to 10240"
            )
        }
        // The model's bounds are those of functions on managed instances; ordinary ones end here.
        if let target = input["DeadLetterConfig"]?["TargetArn"]?.string, !target.isEmpty,
            !target.hasPrefix("arn:aws:sqs:"), !target.hasPrefix("arn:aws:sns:")
        {
            throw .invalid("The dead letter target \(target) is neither a queue nor a topic.")
        }
    }

    private func checkRuntime() throws(APIError) {
        guard let runtime = input["Runtime"]?.string, !Self.runtimes.contains(runtime) else {
            return
        }
        if model.shape("Runtime").values.contains(runtime) {
            throw .invalid(
                "The runtime parameter of \(runtime) is no longer supported for creating or "
                    + "updating AWS Lambda functions. We recommend you use a supported runtime "
                    + "while creating or updating functions."
            )
        }
        throw .invalid(
            "Value \(runtime) at 'runtime' failed to satisfy constraint: Member must satisfy enum "
                + "value set: [\(Self.runtimes.joined(separator: ", "))] or be a valid ARN"
        )
    }

    private func checkEnvironment() throws(APIError) {
        guard let variables = input["Environment"]?["Variables"]?.object else { return }
        let reserved = variables.keys.filter(Self.reservedVariables.contains)
        let beginning =
            "Lambda was unable to configure your environment variables because the environment "
            + "variables you have provided "
        guard reserved.isEmpty else {
            throw .invalid(
                beginning + "contains reserved keys that are currently not supported for "
                    + "modification. Reserved keys used in this request: "
                    + reserved.joined(separator: ", ")
            )
        }
        let text = JSONValue.object(variables).text
        guard text.utf8.count <= Self.maximumEnvironment else {
            throw .invalid(beginning + "exceeded the 4KB limit. String measured: " + text)
        }
    }

    /// Puts the given members into a configuration; what is absent stays as it is.
    func apply(to members: inout JSONObject, name: String) {
        for member in [
            "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment",
            "KMSKeyArn", "TracingConfig", "EphemeralStorage", "DeadLetterConfig",
        ] {
            if let value = input[member], !value.isNull { members[member] = value }
        }
        if members["Environment"] != nil, members["Environment"]?["Variables"] == nil {
            members["Environment"] = ["Variables": [:]]
        }
        if members["DeadLetterConfig"]?["TargetArn"]?.string ?? "" == "" {
            members["DeadLetterConfig"] = nil
        }
        if members["KMSKeyArn"]?.string == "" { members["KMSKeyArn"] = nil }
        if let logging = input["LoggingConfig"] {
            members["LoggingConfig"] = FunctionConfiguration.logging(logging, of: name)
        }
        if let snapStart = input["SnapStart"]?["ApplyOn"] {
            members["SnapStart"] = SnapStartSetting.stored(snapStart)
        }
        if let image = input["ImageConfig"] {
            members["ImageConfigResponse"] = ["ImageConfig": image]
        }
    }

    /// Members that are kept and shown but change nothing on this machine.
    var withoutEffect: [String] {
        ["KMSKeyArn"]
            .filter { !(input[$0]?.isNull ?? true) }
    }
}
