import JSON
import Model
import Registry

/// Event source mappings: the resource of CloudFormation and the events of SAM that end in one.
extension ResourceMapper {
    /// An `AWS::Lambda::EventSourceMapping`.
    func mapEventSource(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("FunctionName") else { return }
        guard let arn = FunctionARN(name), evaluator.function(for: name) != nil else {
            return fields.error("FunctionName", "the template has no function \(name)")
        }
        let source = fields.string("EventSourceArn")
        let input = sourceInput(fields, source: source)
        add(
            input,
            uuid: evaluator.ids.uuid(resource.logicalID),
            function: arn.qualifier.map { "\(arn.name):\($0)" } ?? arn.name,
            fields,
            key: "EventSourceArn"
        )
    }

    /// An event of the types `SQS`, `Kinesis` and `DynamoDB` of a SAM function.
    func readSourceEvent(
        _ resource: ResourceEntry,
        _ properties: Fields,
        id: String,
        type: String,
        alias: String?
    ) {
        defer { properties.finish() }
        let key = type == "SQS" ? "Queue" : "Stream"
        let source = properties.required(key)
        let name = evaluator.functionName(resource)
        add(
            sourceInput(properties, source: source),
            uuid: evaluator.ids.uuid(resource.logicalID + id),
            function: alias.map { "\(name):\($0)" } ?? name,
            properties,
            key: key
        )
    }

    private func add(
        _ input: JSONObject,
        uuid: String,
        function: String,
        _ fields: Fields,
        key: String
    ) {
        let parts = function.split(separator: ":", maxSplits: 1).map(String.init)
        do throws(MappingDocument.Refusal) {
            let document = try MappingDocument(
                .object(input),
                uuid: uuid,
                functionARN: FunctionARN(
                    name: parts[0],
                    qualifier: parts.count > 1 ? parts[1] : nil
                ).text,
                now: 0
            )
            made.append(document.resource)
        } catch {
            let named = MappingDocument.Refusal.members.first { error.message.contains($0) }
            fields.error(named.flatMap { fields.has($0) ? $0 : nil } ?? key, error.message)
        }
    }

    /// The members that the Lambda API takes, read off a template.
    private func sourceInput(_ fields: Fields, source: String?) -> JSONObject {
        var input = JSONObject()
        input["EventSourceArn"] = source.map(JSONValue.string)
        for name in ["Enabled", "BisectBatchOnFunctionError"] {
            input[name] = fields.bool(name).map(JSONValue.bool)
        }
        for name in [
            "BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor",
            "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "TumblingWindowInSeconds",
        ] {
            input[name] = fields.int(name).map(JSONValue.integer)
        }
        input["StartingPosition"] = fields.string("StartingPosition").map(JSONValue.string)
        if let time = fields.string("StartingPositionTimestamp") {
            input["StartingPositionTimestamp"] = .number(time)
            if Double(time) == nil {
                fields.error("StartingPositionTimestamp", "seconds since 1970 are wanted here")
                input["StartingPositionTimestamp"] = nil
            }
        }
        let types = fields.strings("FunctionResponseTypes")
        if !types.isEmpty { input["FunctionResponseTypes"] = .array(types.map(JSONValue.string)) }
        if let scaling = fields.fields("ScalingConfig") {
            let most = scaling.int("MaximumConcurrency", in: 2...1000, "batches")
            scaling.finish()
            input["ScalingConfig"] = most.map { ["MaximumConcurrency": .integer($0)] }
        }
        if let criteria = fields.fields("FilterCriteria") {
            let patterns = criteria.each("Filters").compactMap { filter in
                defer { filter.finish() }
                return filter.value("Pattern").map { node in node.text ?? JSONText.write(node) }
            }
            criteria.finish()
            input["FilterCriteria"] = [
                "Filters": .array(patterns.map { ["Pattern": .string($0)] })
            ]
        }
        if let config = fields.fields("DestinationConfig") {
            if let failure = config.fields("OnFailure") {
                _ = failure.string("Type")
                let arn = failure.string("Destination")
                failure.finish()
                input["DestinationConfig"] = arn.map { ["OnFailure": ["Destination": .string($0)]] }
            }
            config.finish()
        }
        return input
    }
}
