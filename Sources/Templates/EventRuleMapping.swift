import JSON
import Model
import Registry

/// Rules of event buses: the resource of CloudFormation and the events of SAM that end in one.
extension ResourceMapper {
    /// An `AWS::Events::Rule`.
    func mapEventRule(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        var input = JSONObject()
        _ = fields.string("Name")
        input["Name"] = .string(evaluator.ruleName(resource))
        for name in ["EventBusName", "ScheduleExpression", "Description", "State", "RoleArn"] {
            input[name] = fields.string(name).map(JSONValue.string)
        }
        input["EventPattern"] = fields.value("EventPattern").map { .string(JSONText.write($0)) }
        let targets = fields.each("Targets").map { target in
            var members = JSONObject()
            for entry in target.node.entries {
                members[entry.key] = try? JSONValue.parse(JSONText.write(entry.value))
                _ = target.value(entry.key)
            }
            // CloudFormation takes text for what the API takes as text.
            for name in ["Input", "InputPath"] {
                if let text = target.node[name]?.text { members[name] = .string(text) }
            }
            return (target, members)
        }
        addRule(input, targets, fields)
    }

    /// An event of the types `Schedule`, `EventBridgeRule` and `CloudWatchEvent` of a SAM function.
    func readRuleEvent(
        _ resource: ResourceEntry,
        _ properties: Fields,
        id: String,
        type: String,
        alias: String?
    ) {
        defer { properties.finish() }
        let logical = resource.logicalID + id
        var input = JSONObject()
        let given = properties.string(type == "Schedule" ? "Name" : "RuleName")
        let name = given ?? evaluator.ids.name(logical, limit: 64)
        input["Name"] = .string(name)
        input["Description"] = properties.string("Description").map(JSONValue.string)
        if type == "Schedule" {
            input["ScheduleExpression"] = properties.required("Schedule").map(JSONValue.string)
            if properties.bool("Enabled") == false { input["State"] = "DISABLED" }
        } else {
            input["EventBusName"] = properties.string("EventBusName").map(JSONValue.string)
            let pattern = properties.value("Pattern")
            if pattern == nil { properties.error("Pattern", "Pattern is required") }
            input["EventPattern"] = pattern.map { .string(JSONText.write($0)) }
        }
        if let state = properties.string("State") { input["State"] = .string(state) }
        let function = FunctionARN(name: evaluator.functionName(resource), qualifier: alias)
        var target = JSONObject()
        target["Id"] = .string(logical + "LambdaTarget")
        target["Arn"] = .string(function.text)
        for member in ["Input", "InputPath"] {
            target[member] = properties.string(member).map(JSONValue.string)
        }
        for member in ["InputTransformer", "RetryPolicy"] {
            if let value = properties.value(member) {
                target[member] = try? JSONValue.parse(JSONText.write(value))
            }
        }
        if let config = properties.fields("DeadLetterConfig") {
            // SAM makes a queue when only a type is given; none is made here.
            if config.has("Type") { _ = config.string("Type") }
            let arn = config.required("Arn")
            config.finish()
            target["DeadLetterConfig"] = arn.map { ["Arn": .string($0)] }
        }
        let bus = RuleDocument.busName(input["EventBusName"]?.string)
        var statement = FunctionPermission(
            function: function.name,
            qualifier: alias,
            statementID: logical + "Permission",
            action: "lambda:InvokeFunction",
            principal: "events.amazonaws.com"
        )
        statement.sourceARN = RuleDocument.arn(name, bus: bus)
        made.append(.permission(statement))
        addRule(input, [(properties, target)], properties)
    }

    private func addRule(
        _ input: JSONObject,
        _ targets: [(fields: Fields, members: JSONObject)],
        _ fields: Fields
    ) {
        var place = fields
        do throws(RuleDocument.Refusal) {
            // The same at every start, so that a template that stays the same changes nothing.
            var rule = try RuleDocument(.object(input), now: 0)
            for target in targets {
                place = target.fields
                try rule.put(target: .object(target.members))
            }
            made.append(rule.resource)
        } catch {
            let names = ["ScheduleExpression": "Schedule", "EventPattern": "Pattern"]
            let key = place.has(error.member) ? error.member : names[error.member] ?? error.member
            place.error(key, error.message)
        }
    }
}

extension Evaluator {
    /// The name of a rule.
    func ruleName(_ resource: ResourceEntry) -> String {
        property("Name", of: resource) ?? ids.name(resource.logicalID, limit: 64)
    }
}
