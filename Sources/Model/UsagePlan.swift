/// Who may use stages of REST APIs with a key, how fast and how often.
package struct UsagePlan: Sendable, Codable, Hashable {
    /// A key that clients send.
    package struct Key: Sendable, Codable, Hashable {
        package var id: String
        package var name: String
        package var value: String
        package var isEnabled: Bool

        /// Makes a key.
        package init(id: String, name: String, value: String, isEnabled: Bool = true) {
            self.id = id
            self.name = name
            self.value = value
            self.isEnabled = isEnabled
        }
    }

    /// A stage that the plan opens.
    package struct Stage: Sendable, Codable, Hashable {
        package var api: String
        package var stage: String
        /// By `<resource path>/<method>`.
        package var limits: [String: RateLimit] = [:]

        /// Makes a stage without limits of its own.
        package init(api: String, stage: String) {
            self.api = api
            self.stage = stage
        }
    }

    /// So many requests in each period.
    package struct Quota: Sendable, Codable, Hashable {
        /// How often the count starts anew.
        package enum Period: String, Sendable, Codable {
            case day = "DAY"
            case week = "WEEK"
            case month = "MONTH"
        }

        package var limit: Int
        package var period: Period
        /// Days into the period at which it starts.
        package var offset: Int

        /// Makes a quota.
        package init(limit: Int, period: Period, offset: Int = 0) {
            self.limit = limit
            self.period = period
            self.offset = offset
        }
    }

    package var id: String
    package var name: String
    package var keys: [Key] = []
    package var stages: [Stage] = []
    package var limit: RateLimit?
    package var quota: Quota?

    /// Makes a plan without keys and stages.
    package init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}
