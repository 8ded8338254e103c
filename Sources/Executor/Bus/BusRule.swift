package import JSON
import Model

/// A rule of an event bus as it works.
package struct BusRule: Sendable {
    /// What gets an event that fits.
    struct Target: Sendable {
        let id: String
        let arn: String
        let input: TargetInput
        /// Where an event goes that could not be delivered.
        let deadLetters: String?
        let retries: Int
        let parameters: JSONValue
    }

    let name: String
    let arn: String
    let bus: String
    let isEnabled: Bool
    let pattern: EventPattern?
    let schedule: ScheduleExpression?
    /// Unit: seconds since 1970.
    let created: Int64
    let targets: [Target]

    /// How often a delivery is tried again.
    ///
    /// AWS tries for a day; an endpoint of this machine answers or does not.
    static let maximumRetries = 3

    /// Reads what the EventBridge API keeps of a rule; nil when it is damaged.
    package init?(_ document: JSONValue) {
        guard let name = document["Name"]?.string, let arn = document["Arn"]?.string else {
            return nil
        }
        self.name = name
        self.arn = arn
        bus = document["EventBusName"]?.string ?? "default"
        isEnabled = document["State"]?.string != "DISABLED"
        pattern = document["EventPattern"]?.string.flatMap { try? EventPattern($0) }
        schedule = document["ScheduleExpression"]?.string.flatMap { ScheduleExpression($0) }
        created = Int64(document["Created"]?.int ?? 0)
        targets = (document["Targets"]?.array ?? []).map { target in
            let retries = target["RetryPolicy"]?["MaximumRetryAttempts"]?.int
            return Target(
                id: target["Id"]?.string ?? "",
                arn: target["Arn"]?.string ?? "",
                input: TargetInput(target),
                deadLetters: target["DeadLetterConfig"]?["Arn"]?.string,
                retries: min(Self.maximumRetries, retries ?? Self.maximumRetries),
                parameters: target
            )
        }
    }
}
