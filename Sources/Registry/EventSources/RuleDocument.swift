package import JSON
package import Model

/// What the registry keeps of a rule of an event bus: the members that the EventBridge API shows, with `Targets`.
///
/// A template and an API call end in the same document. Source: Amazon EventBridge API, "PutRule".
package struct RuleDocument: Sendable {
    /// The kind of records that hold these documents.
    package static let kind = "events/rule"
    /// The most targets of a rule.
    ///
    /// Source: "Amazon EventBridge quotas".
    package static let maximumTargets = 5
    /// The most rules of a bus.
    ///
    /// Source: "Amazon EventBridge quotas".
    package static let maximumRules = 300
    /// The longest event pattern.
    ///
    /// Unit: bytes. Source: "Amazon EventBridge quotas".
    static let maximumPattern = 2048

    /// Why a rule or a target was refused: the exception with AWS's words.
    package struct Refusal: Error, Sendable, Equatable {
        package let code: String
        package let message: String
        /// The member that is to blame.
        package let member: String
    }

    /// The members as the API shows them.
    package private(set) var members: JSONObject

    /// Reads a document that is kept.
    package init(kept: JSONObject) { members = kept }

    /// Makes the document of a rule, or of one that takes the place of `earlier`; `now` in seconds since 1970.
    package init(
        _ input: JSONValue,
        replacing earlier: RuleDocument? = nil,
        now: Double
    ) throws(Refusal) {
        members = JSONObject()
        let name = input["Name"]?.string ?? ""
        let bus = Self.busName(input["EventBusName"]?.string)
        members["Name"] = .string(name)
        members["Arn"] = .string(Self.arn(name, bus: bus))
        for member in ["EventPattern", "ScheduleExpression", "Description", "RoleArn"] {
            if let value = input[member]?.string, !value.isEmpty {
                members[member] = .string(value)
            }
        }
        members["State"] = .string(input["State"]?.string ?? "ENABLED")
        members["EventBusName"] = .string(bus)
        let isSame = earlier?.members["ScheduleExpression"] == members["ScheduleExpression"]
        let kept = isSame ? earlier?.members["Created"] : nil
        members["Created"] = kept ?? .integer(Int(now))
        members["Targets"] = earlier?.members["Targets"] ?? []
        members["Tags"] = earlier?.members["Tags"]
        try check(bus)
    }

    private func check(_ bus: String) throws(Refusal) {
        let pattern = members["EventPattern"]?.string
        let schedule = members["ScheduleExpression"]?.string
        guard pattern != nil || schedule != nil else {
            throw Refusal(
                code: "ValidationException",
                message: "Parameter(s) EventPattern or ScheduleExpression must be specified.",
                member: "EventPattern"
            )
        }
        if let pattern {
            do throws(EventPattern.Invalid) {
                _ = try EventPattern(pattern)
            } catch {
                throw Self.invalidPattern(error.reason)
            }
            guard pattern.utf8.count <= Self.maximumPattern else {
                throw Self.invalidPattern("The pattern is longer than 2048 bytes")
            }
        }
        guard let schedule else { return }
        guard ScheduleExpression(schedule) != nil else {
            throw Refusal(
                code: "ValidationException",
                message: "Parameter ScheduleExpression is not valid.",
                member: "ScheduleExpression"
            )
        }
        guard bus == "default" else {
            throw Refusal(
                code: "ValidationException",
                message: "ScheduleExpression is supported only on the default event bus.",
                member: "ScheduleExpression"
            )
        }
    }

    /// AWS's refusal of a pattern.
    package static func invalidPattern(_ reason: String) -> Refusal {
        Refusal(
            code: "InvalidEventPatternException",
            message: "Event pattern is not valid. Reason: \(reason)",
            member: "EventPattern"
        )
    }

    // MARK: Names

    /// The name of a bus that may be given by its ARN.
    package static func busName(_ given: String?) -> String {
        let name = given.map { $0.split(separator: "/").last.map(String.init) ?? $0 } ?? ""
        return name.isEmpty ? "default" : name
    }

    /// The ARN of a rule.
    package static func arn(_ name: String, bus: String) -> String {
        let place = bus == "default" ? name : "\(bus)/\(name)"
        return "arn:aws:events:us-east-1:\(FunctionARN.account):rule/\(place)"
    }

    /// The record that holds a rule.
    package static func id(_ name: String, bus: String) -> String { "\(kind)/\(bus)/\(name)" }

    package var name: String { members["Name"]?.string ?? "" }
    package var bus: String { members["EventBusName"]?.string ?? "default" }
    package var arn: String { members["Arn"]?.string ?? "" }
    package var targets: [JSONValue] { members["Targets"]?.array ?? [] }

    /// The resource that holds this document.
    package var resource: Resource {
        .record(id: Self.id(name, bus: bus), document: JSONValue.object(members).text)
    }

    // MARK: Changes

    /// Changes a member, or takes it away.
    package mutating func set(_ name: String, _ value: JSONValue?) { members[name] = value }

    /// The services whose resources may be targets here.
    private static let services: Set<String> = ["lambda", "sqs", "sns", "kinesis", "events"]
    /// Members of targets that mean something here.
    private static let known: Set<String> = [
        "Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "KinesisParameters",
        "SqsParameters", "DeadLetterConfig", "RetryPolicy",
    ]

    /// Adds a target or puts it in the place of one with its id.
    package mutating func put(target: JSONValue) throws(Refusal) {
        let id = target["Id"]?.string ?? ""
        func refusal(_ message: String, _ member: String) -> Refusal {
            Refusal(code: "ValidationException", message: message, member: member)
        }
        let arn = target["Arn"]?.string ?? ""
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 6, parts[0] == "arn" else {
            throw refusal(
                "Parameter \(arn) is not valid. Reason: Provided Arn is not in correct format.",
                "Arn"
            )
        }
        guard Self.services.contains(String(parts[2])) else {
            throw refusal("Targets of the service \(parts[2]) are not supported here.", "Arn")
        }
        for member in target.object?.members ?? [] where !Self.known.contains(member.key) {
            throw refusal("\(member.key) is not supported here.", member.key)
        }
        let inputs = ["Input", "InputPath", "InputTransformer"].filter { target[$0] != nil }
        guard inputs.count < 2 else {
            throw refusal(
                "Only one of Input, InputPath, or InputTransformer must be provided for target \(id).",
                inputs[1]
            )
        }
        if let text = target["Input"]?.string, (try? JSONValue.parse(text)) == nil {
            throw refusal("JSON syntax error in input for target \(id)", "Input")
        }
        var all = targets.filter { $0["Id"]?.string != id }
        guard all.count < Self.maximumTargets else {
            throw Refusal(
                code: "LimitExceededException",
                message: "The requested resource exceeds the maximum number allowed.",
                member: "Id"
            )
        }
        all.append(target)
        members["Targets"] = .array(all)
    }

    /// Takes a target away; false when there is none of that id.
    package mutating func remove(target id: String) -> Bool {
        let left = targets.filter { $0["Id"]?.string != id }
        defer { members["Targets"] = .array(left) }
        return left.count < targets.count
    }
}
