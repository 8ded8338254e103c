/// A custom domain name with the APIs behind it.
package struct GatewayDomain: Sendable, Codable, Hashable {
    /// How a request finds its API.
    package enum Mode: String, Sendable, Codable {
        case mappingsOnly = "API_MAPPING_ONLY"
        case rulesThenMappings = "ROUTING_RULE_THEN_API_MAPPING"
        case rulesOnly = "ROUTING_RULE_ONLY"
    }

    /// A path prefix that leads to a stage of an API.
    package struct Mapping: Sendable, Codable, Hashable {
        package var api: String
        package var stage: String
        /// Whole segments without slashes at the ends; empty for all that is left.
        package var key: String

        /// Makes a mapping.
        package init(api: String, stage: String, key: String = "") {
            self.api = api
            self.stage = stage
            self.key = key
        }
    }

    /// A routing rule: all of its conditions must hold.
    package struct Rule: Sendable, Codable, Hashable {
        /// Header names and value patterns, any of which suffices.
        package struct HeaderPattern: Sendable, Codable, Hashable {
            package var name: String
            package var glob: String

            /// Makes a pattern.
            package init(name: String, glob: String) {
                self.name = name
                self.glob = glob
            }
        }

        /// 1 to 1000000; the lowest is tried first.
        package var priority: Int
        /// Each inner list needs one match.
        package var headers: [[HeaderPattern]] = []
        /// Each inner list needs one match.
        package var basePaths: [[String]] = []
        package var api: String
        package var stage: String
        package var stripsBasePath = false

        /// Makes a rule without conditions.
        package init(priority: Int, api: String, stage: String) {
            self.priority = priority
            self.api = api
            self.stage = stage
        }
    }

    /// May start with `*.`.
    package var name: String
    package var mode = Mode.mappingsOnly
    package var mappings: [Mapping] = []
    package var rules: [Rule] = []

    /// Makes a domain that leads nowhere yet.
    package init(name: String) { self.name = name }
}
