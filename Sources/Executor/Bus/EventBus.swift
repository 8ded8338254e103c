import Crypto
import JSON
package import Model

/// The event buses of this node: matches events with rules, fires schedules, and hands both to targets.
///
/// Source: "What is Amazon EventBridge?", "Creating an Amazon EventBridge rule that runs on a schedule".
package actor EventBus {
    /// How many deliveries may be under way; more events are refused.
    package static let maximumDeliveries = 10_000
    /// How deep events may lead to further events of this node.
    private static let maximumDepth = 8
    /// Unit: milliseconds.
    private static let retryPause: Int64 = 1000

    /// What the buses must know of this node.
    package struct Surroundings: Sendable {
        let client: ServiceClient
        /// Accepts an asynchronous call of a function, by name and qualifier; gives why not.
        let call: @Sendable (String, String?, [UInt8]) async -> String?
        /// Whether a function's policy lets a rule (by ARN) invoke it.
        let permits: @Sendable (FunctionCall, String) -> Bool
        let clock: any EventClock
        let log: @Sendable (String) -> Void

        /// Makes surroundings.
        package init(
            client: ServiceClient,
            call: @escaping @Sendable (String, String?, [UInt8]) async -> String?,
            permits: @escaping @Sendable (FunctionCall, String) -> Bool,
            clock: any EventClock = SystemEventClock(),
            log: @escaping @Sendable (String) -> Void
        ) {
            self.client = client
            self.call = call
            self.permits = permits
            self.clock = clock
            self.log = log
        }
    }

    private let around: Surroundings
    private var rules: [String: BusRule] = [:]
    /// The revision that the rules are of.
    private var revision = 0
    private var timer: Task<Void, Never>?
    /// Up to when schedules were fired.
    ///
    /// Unit: seconds since 1970.
    package private(set) var firedUntil: Int64
    private var isStopped = false
    /// Whether schedules are fired here; patterns match at every node that takes events.
    private var firesSchedules = true
    private var deliveries = 0

    /// Makes buses without rules; schedules count from now.
    package init(_ around: Surroundings) {
        self.around = around
        firedUntil = around.clock.milliseconds / 1000
    }

    /// Works by these rules from now on and no others, unless those it works by are of a later revision.
    package func follow(_ rules: [BusRule], of revision: Int = 0) {
        guard !isStopped, revision >= self.revision else { return }
        self.revision = revision
        self.rules = Dictionary(rules.map { ($0.arn, $0) }) { $1 }
        arm()
    }

    /// Whether it works by rules of an earlier revision.
    package func isBehind(_ revision: Int) -> Bool { self.revision < revision }

    /// Fires schedules from now on, or leaves them to another node.
    ///
    /// With `moment` (seconds since 1970) what has come due since then is made up for, once for each rule.
    package func fireSchedules(_ fires: Bool, since moment: Int64? = nil) {
        firesSchedules = fires
        firedUntil = moment ?? around.clock.milliseconds / 1000
        arm()
    }

    /// Fires nothing more.
    package func stop() {
        isStopped = true
        timer?.cancel()
        rules = [:]
    }

    // MARK: Events

    /// Takes an event; gives its id, or nil when there is too much to do.
    package func put(_ event: BusEvent, time: Int64? = nil, depth: Int = 0) -> String? {
        guard deliveries < Self.maximumDeliveries, depth < Self.maximumDepth else { return nil }
        let id = RequestIdentifier.make()
        let now = around.clock.milliseconds
        let seconds = time ?? now / 1000
        let document = Self.document(event, id: id, seconds: seconds)
        for rule in rules.values where rule.isEnabled && rule.bus == event.bus {
            guard let pattern = rule.pattern, pattern.matches(document) else { continue }
            hand(document, to: rule, depth: depth)
        }
        return id
    }

    /// The event as targets see it.
    private static func document(_ event: BusEvent, id: String, seconds: Int64) -> JSONValue {
        let time = System.timestamp(seconds * 1000)
        return [
            "version": "0", "id": .string(id), "detail-type": .string(event.detailType),
            "source": .string(event.source), "account": .string(FunctionARN.account),
            "time": .string(String(time.prefix(19)) + "Z"), "region": "us-east-1",
            "resources": .array(event.resources.map(JSONValue.string)),
            "detail": (try? JSONValue.parse(event.detail)) ?? [:],
        ]
    }

    private func hand(_ document: JSONValue, to rule: BusRule, depth: Int) {
        for target in rule.targets {
            deliveries += 1
            Task {
                await deliver(document, rule, target, depth)
                deliveries -= 1
            }
        }
    }

    // MARK: Schedules

    /// Sleeps until the next rule is due.
    private func arm() {
        timer?.cancel()
        timer = nil
        let next = rules.values.compactMap { rule -> Int64? in
            guard rule.isEnabled, let schedule = rule.schedule else { return nil }
            return schedule.next(after: max(firedUntil, rule.created), start: rule.created)
        }.min()
        guard let next, !isStopped, firesSchedules else { return }
        timer = Task { [clock = around.clock] in
            await clock.sleep(until: next * 1000)
            if !Task.isCancelled { fire(at: next) }
        }
    }

    private func fire(at moment: Int64) {
        for rule in rules.values where rule.isEnabled {
            let due = rule.schedule?.next(after: max(firedUntil, rule.created), start: rule.created)
            guard let due, due <= moment else { continue }
            let event = BusEvent(
                bus: rule.bus,
                source: "aws.events",
                detailType: "Scheduled Event",
                resources: [rule.arn],
                detail: "{}"
            )
            let id = RequestIdentifier.make()
            hand(Self.document(event, id: id, seconds: due), to: rule, depth: 0)
        }
        // What came due while this machine slept is not made up for.
        firedUntil = max(moment, around.clock.milliseconds / 1000)
        arm()
    }

    // MARK: Targets

    private func deliver(
        _ document: JSONValue,
        _ rule: BusRule,
        _ target: BusRule.Target,
        _ depth: Int
    ) async {
        let time = System.timestamp(around.clock.milliseconds)
        let text = target.input.text(of: document, rule: rule.name, arn: rule.arn, time: time)
        var problem: String?
        for attempt in 0...target.retries where !isStopped {
            if attempt > 0 {
                let pause = Self.retryPause << Int64(attempt - 1)
                await around.clock.sleep(until: around.clock.milliseconds + pause)
            }
            let failure = await send(text, document, rule, target, depth)
            problem = failure?.text
            guard let failure, failure.mayPass else { break }
        }
        guard let problem else { return }
        around.log("rule \(rule.name): its target \(target.arn) got no event: \(problem)")
        guard let letters = target.deadLetters.flatMap({ ServiceARN($0) }) else { return }
        do throws(ServiceFailure) {
            try await queue(
                document.text,
                letters,
                [
                    ("RULE_ARN", rule.arn), ("TARGET_ARN", target.arn), ("ERROR_MESSAGE", problem),
                    ("RETRY_ATTEMPTS", String(target.retries)),
                ],
                group: nil
            )
        } catch {
            around.log("rule \(rule.name): its dead letter queue got no event: \(error)")
        }
    }

    private struct Failure {
        var text: String
        var mayPass: Bool
    }

    private func send(
        _ text: String,
        _ document: JSONValue,
        _ rule: BusRule,
        _ target: BusRule.Target,
        _ depth: Int
    ) async -> Failure? {
        if let function = FunctionARN(target.arn), target.arn.hasPrefix("arn:") {
            let call = FunctionCall(principal: "events.amazonaws.com", sourceARN: rule.arn)
            let reference = function.qualifier.map { "\(function.name):\($0)" } ?? function.name
            guard around.permits(call, reference) else {
                let sentence = "no permission lets events.amazonaws.com invoke \(reference)"
                return Failure(text: sentence, mayPass: false)
            }
            let reason = await around.call(function.name, function.qualifier, Array(text.utf8))
            return reason.map { Failure(text: $0, mayPass: true) }
        }
        guard let arn = ServiceARN(target.arn) else {
            return Failure(text: "it is no ARN", mayPass: false)
        }
        do throws(ServiceFailure) {
            switch arn.service {
            case "sqs":
                let group = target.parameters["SqsParameters"]?["MessageGroupId"]?.string
                try await queue(text, arn, [], group: group)
            case "sns":
                let pairs = [
                    ("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", arn.text),
                    ("Message", text),
                ]
                try await around.client.form(.sns, region: arn.region, pairs)
            case "kinesis": try await stream(text, document, arn, target)
            case "events": try await pass(document, arn, depth)
            default: return Failure(text: "nothing is sent to \(arn.service)", mayPass: false)
            }
            return nil
        } catch {
            return Failure(text: "\(error)", mayPass: error.mayPass)
        }
    }

    private func queue(
        _ text: String,
        _ arn: ServiceARN,
        _ attributes: [(String, String)],
        group: String?
    ) async throws(ServiceFailure) {
        var input = JSONObject()
        input["QueueUrl"] = .string(try Queues.url(of: arn, around.client))
        input["MessageBody"] = .string(text)
        if let group {
            input["MessageGroupId"] = .string(group)
            input["MessageDeduplicationId"] = .string(RequestIdentifier.make())
        }
        var members = JSONObject()
        for (name, value) in attributes {
            members[name] = ["DataType": "String", "StringValue": .string(value)]
        }
        if !members.isEmpty { input["MessageAttributes"] = .object(members) }
        _ = try await around.client.json(
            .sqs,
            region: arn.region,
            target: "AmazonSQS.SendMessage",
            version: "1.0",
            .object(input)
        )
    }

    private func stream(
        _ text: String,
        _ document: JSONValue,
        _ arn: ServiceARN,
        _ target: BusRule.Target
    ) async throws(ServiceFailure) {
        let path = target.parameters["KinesisParameters"]?["PartitionKeyPath"]?.string
        let key = path.flatMap { TargetInput.value(at: $0, in: document) }
        let name = arn.resource.split(separator: "/").last.map(String.init) ?? ""
        _ = try await around.client.json(
            .kinesis,
            region: arn.region,
            target: "Kinesis_20131202.PutRecord",
            version: "1.1",
            [
                "StreamName": .string(name), "Data": .string(Base64.encode(Array(text.utf8))),
                "PartitionKey": .string(key?.string ?? document["id"]?.string ?? "-"),
            ]
        )
    }

    /// Hands an event to another bus: of this node, or where the template says that buses are.
    private func pass(
        _ document: JSONValue,
        _ arn: ServiceARN,
        _ depth: Int
    ) async throws(ServiceFailure) {
        let event = BusEvent(
            bus: arn.resource.split(separator: "/").last.map(String.init) ?? "default",
            source: document["source"]?.string ?? "",
            detailType: document["detail-type"]?.string ?? "",
            resources: (document["resources"]?.array ?? []).compactMap(\.string),
            detail: document["detail"]?.text ?? "{}"
        )
        guard around.client.endpoints.url(of: .events, region: arn.region) != nil else {
            guard put(event, depth: depth + 1) != nil else {
                throw .unreachable("events lead in a circle")
            }
            return
        }
        _ = try await around.client.json(
            .events,
            region: arn.region,
            target: "AWSEvents.PutEvents",
            version: "1.1",
            ["Entries": [event.entry]]
        )
    }
}
