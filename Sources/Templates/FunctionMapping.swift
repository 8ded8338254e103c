import Model

extension ResourceMapper {
    /// Reserved variables that a function cannot set (AWS Lambda: "Working with Lambda environment variables").
    private static let reservedVariables: Set<String> = [
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    ]
    /// The most that all variables of a function may take in bytes (same page).
    static let maximumEnvironmentBytes = 4_096

    func mapFunction(_ resource: ResourceEntry) {
        let fields = fields(resource)
        let name = evaluator.functionName(resource)
        if fields.string("FunctionName") != nil { checkName(name, fields) }
        let isServerless = resource.type == "AWS::Serverless::Function"
        if let type = fields.string("PackageType"), type != "Zip" {
            fields.error("PackageType", "container images do not run here; only Zip does")
        }
        let runtime = fields.required("Runtime")
        if let runtime { checkRuntime(runtime, fields) }
        let handler = fields.required("Handler")
        let code = isServerless ? serverlessCode(fields) : plainCode(fields)
        if let code, let handler, let runtime { checkCode(code, handler, runtime, fields) }
        let timeout = fields.int("Timeout", in: 1...900, "seconds") ?? 3
        let memory = fields.int("MemorySize", in: 128...10_240, "MB") ?? 128
        let environment = fields.fields("Environment")
        let variables = environment?.map("Variables") ?? [:]
        environment?.finish()
        checkVariables(variables, fields)
        let role = fields.string("Role")
        if role == nil, !isServerless { fields.error("Role", "Role is required") }
        if let own = fields.value("AssumeRolePolicyDocument"), isServerless {
            checkOwnTrust(own, fields)
        } else if role != nil || isServerless {
            checkRole(resource, role, fields)
        }
        let description = fields.string("Description") ?? ""
        let logging = logging(of: fields)
        let layers = layers(of: fields)
        let deadLetters = deadLetterTarget(of: fields, isServerless: isServerless)
        let storage = ephemeralStorage(of: fields)
        let snapStart = snapStart(of: fields, runtime: runtime, storage: storage)
        let tracing = tracing(of: fields, isServerless: isServerless)
        let alias = isServerless ? fields.string("AutoPublishAlias") : nil
        if let alias { checkAlias(alias, fields) }
        readSettings(fields, of: name, alias: alias)
        if isServerless {
            readEvents(resource, fields, alias)
            if let url = fields.fields("FunctionUrlConfig") {
                mapFunctionURL(of: resource, url, alias: alias)
            }
        }
        if let alias {
            let version = evaluator.versions[resource.logicalID] ?? 1
            made.append(.alias(FunctionAlias(function: name, name: alias, version: version)))
        }
        fields.finish()
        guard let runtime, let handler, let code else { return }
        functions.append(
            FunctionSource(
                logicalID: resource.logicalID,
                name: name,
                runtime: runtime,
                handler: handler,
                codePath: code,
                timeout: timeout,
                memory: memory,
                environment: variables,
                role: role,
                description: description,
                logging: logging,
                layers: layers,
                deadLetterTarget: deadLetters,
                ephemeralStorage: storage,
                snapStart: snapStart,
                tracing: tracing,
                publishes: alias != nil || hasVersion(resource),
                alias: alias,
                line: resource.line
            )
        )
    }

    private func checkName(_ name: String, _ fields: Fields) {
        let isFine =
            (1...64).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
        if !isFine {
            fields.error("FunctionName", "a function's name has 1 to 64 letters, digits, - or _")
        }
        if functions.contains(where: { $0.name == name }) {
            fields.error("FunctionName", "another function has the name \(name)")
        }
    }

    private func checkAlias(_ alias: String, _ fields: Fields) {
        let isFine =
            (1...128).contains(alias.utf8.count) && Int(alias) == nil
            && alias.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
        if !isFine {
            let message = "an alias has 1 to 128 letters, digits, - or _ and is no number"
            fields.error("AutoPublishAlias", message)
        }
    }

    private func checkRuntime(_ runtime: String, _ fields: Fields) {
        let families = ["nodejs", "python", "provided"]
        guard !families.contains(where: runtime.hasPrefix) else { return }
        let message = "the runtime \(runtime) does not run here; nodejs*, python* and provided* do"
        fields.error("Runtime", message)
    }

    private func checkVariables(_ variables: [String: String], _ fields: Fields) {
        let reserved = variables.keys.filter(Self.reservedVariables.contains).sorted()
        if !reserved.isEmpty {
            fields.error(
                "Environment",
                "Lambda was unable to configure your environment variables because the environment "
                    + "variables you have provided contains reserved keys that are currently not "
                    + "supported for modification. Reserved keys used in this request: "
                    + reserved.joined(separator: ", ")
            )
        }
        let size = variables.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if size > Self.maximumEnvironmentBytes {
            fields.error(
                "Environment",
                "Lambda was unable to configure your environment variables because the environment "
                    + "variables you have provided exceeded the 4KB limit."
            )
        }
        for name in variables.keys.sorted() {
            let first = name.first
            let isFine =
                name.utf8.count >= 2 && first?.isASCII == true && first?.isLetter == true
                && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            if !isFine {
                let message = "'\(name)' is no name of a variable: [a-zA-Z]([a-zA-Z0-9_])+ is"
                fields.error("Environment", message)
            }
        }
    }

    /// The trust that a SAM function writes itself.
    private func checkOwnTrust(_ node: TemplateNode, _ fields: Fields) {
        let trust = TrustPolicy(node) { place, message in
            self.evaluator.error(place, fields.path + ".AssumeRolePolicyDocument", message)
        }
        if !trust.allows("lambda.amazonaws.com") {
            let message = "The role defined for the function cannot be assumed by Lambda."
            fields.error("AssumeRolePolicyDocument", message)
        }
    }

    private func hasVersion(_ function: ResourceEntry) -> Bool {
        evaluator.resources.values.contains {
            $0.type == "AWS::Lambda::Version"
                && evaluator.property("FunctionName", of: $0).flatMap(evaluator.function(for:))?
                    .logicalID == function.logicalID
        }
    }
}
