import Model

/// What a function has beside its code: layers, log format, concurrency, asynchronous calls.
extension ResourceMapper {
    /// The most layers of a function (AWS Lambda: "Lambda quotas").
    static let maximumLayers = 5

    // MARK: Layers

    /// Keeps the code of a layer for the functions that name it.
    func mapLayer(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("LayerName")
        let isServerless = resource.type == "AWS::Serverless::LayerVersion"
        if isServerless, fields.has("RetentionPolicy") {
            _ = fields.string("RetentionPolicy")
            fields.note("RetentionPolicy", "RetentionPolicy has no effect: nothing is kept here")
        }
        let code = isServerless ? layerCode(fields) : content(fields)
        fields.finish()
        guard let code else { return }
        layers[evaluator.primaryID(resource)] = LayerSource(
            logicalID: resource.logicalID,
            code: code
        )
    }

    private func layerCode(_ fields: Fields) -> CodeLocation? {
        guard let place = fields.value("ContentUri") else {
            fields.error("ContentUri", "ContentUri is required")
            return nil
        }
        if let path = place.text { return checked(location(path, fields, "ContentUri"), fields) }
        guard let object = fields.fields("ContentUri") else { return nil }
        defer { object.finish() }
        guard let bucket = object.required("Bucket"), let key = object.required("Key") else {
            return nil
        }
        return checked(stored(bucket, key, fields, "ContentUri"), fields)
    }

    private func content(_ fields: Fields) -> CodeLocation? {
        guard let content = fields.fields("Content") else { return nil }
        defer { content.finish() }
        guard let bucket = content.required("S3Bucket"), let key = content.required("S3Key") else {
            return nil
        }
        return checked(stored(bucket, key, fields, "Content"), fields)
    }

    private func checked(_ code: CodeLocation?, _ fields: Fields) -> CodeLocation? {
        if let code {
            checkExists(code, fields.has("ContentUri") ? "ContentUri" : "Content", fields)
        }
        return code
    }

    /// The layers that a function names, in order.
    func layers(of fields: Fields) -> [LayerSource] {
        let arns = fields.strings("Layers")
        if arns.count > Self.maximumLayers {
            fields.error("Layers", "Cannot reference more than 5 layers.")
        }
        return arns.compactMap { arn in
            if let layer = layers[arn] { return layer }
            let message = "the layer \(arn) is not in this template, so its code cannot be had"
            fields.error("Layers", message)
            return nil
        }
    }

    // MARK: Logs

    /// The LoggingConfig of a function.
    func logging(of fields: Fields) -> FunctionLogging? {
        guard let config = fields.fields("LoggingConfig") else { return nil }
        defer { config.finish() }
        let format = config.choice("LogFormat", FunctionLogging.Format.self) ?? .text
        let application = config.choice("ApplicationLogLevel", FunctionLogging.Level.self)
        let system = config.choice("SystemLogLevel", FunctionLogging.Level.self)
        if format == .text, application != nil || system != nil {
            config.error("LogFormat", "log levels go with LogFormat: JSON")
        }
        return FunctionLogging(
            format: format,
            applicationLevel: application,
            systemLevel: system,
            group: config.string("LogGroup")
        )
    }

    // MARK: Dead letters and storage

    /// Where events go that are given up.
    func deadLetterTarget(of fields: Fields, isServerless: Bool) -> String? {
        let key = isServerless ? "DeadLetterQueue" : "DeadLetterConfig"
        guard let config = fields.fields(key) else { return nil }
        defer { config.finish() }
        let type = isServerless ? config.string("Type")?.lowercased() : nil
        guard let arn = config.string("TargetArn"), !arn.isEmpty else { return nil }
        let prefixes = ["sqs", "sns"].filter { type == nil || type == $0 }
            .map { "arn:aws:" + $0 + ":" }
        guard prefixes.contains(where: arn.hasPrefix) else {
            config.error("TargetArn", "\(arn) is no ARN of a \(type ?? "queue or topic")")
            return nil
        }
        return arn
    }

    /// How much fits into `/tmp`.
    func ephemeralStorage(of fields: Fields) -> Int? {
        guard let config = fields.fields("EphemeralStorage") else { return nil }
        defer { config.finish() }
        let size = config.int("Size", in: 512...10_240, "MB")
        return size == 512 ? nil : size
    }

    private static let noProvisioning =
        "Provisioned Concurrency is not supported for SnapStart enabled functions."

    /// Whether published versions start from a snapshot.
    ///
    /// Source: "Improving startup performance with Lambda SnapStart".
    func snapStart(
        of fields: Fields,
        runtime: String?,
        storage: Int?
    ) -> FunctionVersion.SnapStart? {
        guard let config = fields.fields("SnapStart") else { return nil }
        defer { config.finish() }
        guard let applyOn = config.required("ApplyOn"), applyOn != "None" else { return nil }
        guard let setting = config.choice("ApplyOn", FunctionVersion.SnapStart.self) else {
            return nil
        }
        if let runtime, !FunctionVersion.SnapStart.supports(runtime) {
            config.error("ApplyOn", "\(runtime) is not supported for SnapStart enabled functions.")
        }
        if storage != nil {
            let message = "/tmp of functions with SnapStart holds 512 MB at most"
            fields.error("EphemeralStorage", message)
        }
        if fields.has("ProvisionedConcurrencyConfig") {
            fields.error("ProvisionedConcurrencyConfig", Self.noProvisioning)
        }
        return setting
    }

    /// Whether a function is traced without being asked to: `Tracing` in SAM, else `TracingConfig`.
    func tracing(of fields: Fields, isServerless: Bool) -> Bool? {
        let config = isServerless ? nil : fields.fields("TracingConfig")
        let mode = isServerless ? fields.string("Tracing") : config?.string("Mode")
        config?.finish()
        switch mode {
        case nil, "PassThrough": return nil
        case "Active": return true
        case "Disabled" where isServerless: return nil
        case let other?:
            (config ?? fields).error(
                isServerless ? "Tracing" : "Mode",
                "\(other) is neither Active nor PassThrough"
            )
            return nil
        }
    }

    // MARK: Settings

    /// Changes what is set of a function so far.
    func changeSettings(of function: String, _ change: (inout FunctionSettings) -> Void) {
        var settings = FunctionSettings(function: function)
        let place = made.firstIndex { resource in
            guard case .functionSettings(let earlier) = resource, earlier.function == function
            else { return false }
            settings = earlier
            return true
        }
        change(&settings)
        if let place { made.remove(at: place) }
        if !settings.isEmpty { made.append(.functionSettings(settings)) }
    }

    /// Concurrency and asynchronous calls that a function's own properties set.
    func readSettings(_ fields: Fields, of name: String, alias: String?) {
        if let reserved = fields.int("ReservedConcurrentExecutions") {
            changeSettings(of: name) { $0.reservedConcurrency = reserved }
        }
        readProvisioned(fields, of: name, qualifier: alias)
        if let config = fields.fields("EventInvokeConfig") {
            let settings = eventSettings(config)
            config.finish()
            changeSettings(of: name) { $0.events[alias ?? "$LATEST"] = settings }
        }
    }

    /// `ProvisionedConcurrencyConfig` of an alias or a version.
    func readProvisioned(_ fields: Fields, of name: String, qualifier: String?) {
        guard let config = fields.fields("ProvisionedConcurrencyConfig") else { return }
        defer { config.finish() }
        guard config.required("ProvisionedConcurrentExecutions") != nil,
            let count = config.int("ProvisionedConcurrentExecutions", in: 1...1000, "environments")
        else { return }
        if functions.contains(where: { $0.name == name && $0.snapStart != nil }) {
            fields.error("ProvisionedConcurrencyConfig", Self.noProvisioning)
        }
        guard let qualifier else {
            let message = "provisioned concurrency goes with AutoPublishAlias"
            return fields.error("ProvisionedConcurrencyConfig", message)
        }
        changeSettings(of: name) { $0.provisionedConcurrency[qualifier] = count }
    }

    /// An `AWS::Lambda::EventInvokeConfig`.
    func mapEventInvokeConfig(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let settings = eventSettings(fields)
        guard let name = fields.required("FunctionName"),
            let qualifier = fields.required("Qualifier")
        else { return }
        guard let owner = evaluator.function(for: name) else {
            return fields.error("FunctionName", "the template has no function \(name)")
        }
        if settings == EventSettings() {
            let message = "You must specify at least one of error handling or destination setting."
            fields.error("Qualifier", message)
        }
        changeSettings(of: evaluator.functionName(owner)) { $0.events[qualifier] = settings }
    }

    private func eventSettings(_ fields: Fields) -> EventSettings {
        var settings = EventSettings()
        settings.maximumRetryAttempts = fields.int("MaximumRetryAttempts", in: 0...2, "attempts")
        settings.maximumAge = fields.int("MaximumEventAgeInSeconds", in: 60...21_600, "seconds")
        guard let destinations = fields.fields("DestinationConfig") else { return settings }
        defer { destinations.finish() }
        settings.onSuccess = destination(destinations, "OnSuccess")
        settings.onFailure = destination(destinations, "OnFailure")
        return settings
    }

    private func destination(_ fields: Fields, _ key: String) -> String? {
        guard let target = fields.fields(key) else { return nil }
        defer { target.finish() }
        // SAM makes a queue or topic when only a type is given; none is made here.
        guard let arn = target.string("Destination") else {
            target.error("Destination", "an ARN is wanted here")
            return nil
        }
        if target.has("Type") {
            let type = target.string("Type") ?? ""
            let services = [
                "SQS": "sqs", "SNS": "sns", "Lambda": "lambda", "EventBridge": "events",
                "S3Bucket": "s3",
            ]
            if let service = services[type], !arn.hasPrefix("arn:aws:\(service):") {
                target.error("Type", "\(arn) is no ARN of \(type)")
            }
        }
        return arn
    }
}
