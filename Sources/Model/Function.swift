/// A published, immutable version of a function.
package struct FunctionVersion: Sendable, Codable, Hashable {
    package var name: String
    package var version: Int
    /// The runtime's identifier, such as `nodejs22.x` or `python3.12`.
    package var runtime: String
    /// The handler as `file.method`, with nested paths.
    package var handler: String
    /// SHA-256 of the code archive, hexadecimal.
    package var codeDigest: String
    /// Unit: seconds.
    package var timeout: Int
    /// Unit: MiB.
    package var memory: Int
    package var environment: [String: String]
    package var role: String?
    package var description: String

    /// Makes a version with Lambda's defaults.
    package init(
        name: String,
        version: Int,
        runtime: String,
        handler: String,
        codeDigest: String,
        timeout: Int = 3,
        memory: Int = 128,
        environment: [String: String] = [:],
        role: String? = nil,
        description: String = ""
    ) {
        self.name = name
        self.version = version
        self.runtime = runtime
        self.handler = handler
        self.codeDigest = codeDigest
        self.timeout = timeout
        self.memory = memory
        self.environment = environment
        self.role = role
        self.description = description
    }

    /// `name:version`, the key used between doors and executor.
    package var qualifiedName: String { "\(name):\(version)" }

    /// The version's ARN in the home region.
    package var arn: String { FunctionARN(name: name, qualifier: String(version)).text }
}

/// A named pointer to a version.
package struct FunctionAlias: Sendable, Codable, Hashable {
    package var function: String
    package var name: String
    package var version: Int

    /// Makes an alias.
    package init(function: String, name: String, version: Int) {
        self.function = function
        self.name = name
        self.version = version
    }
}

/// `arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]`.
package struct FunctionARN: Sendable, Hashable {
    /// The account of everything made here.
    package static let account = "123456789012"

    package var region = "us-east-1"
    package var account = FunctionARN.account
    package var name: String
    package var qualifier: String?

    /// Makes an ARN in the home region.
    package init(name: String, qualifier: String? = nil) {
        self.name = name
        self.qualifier = qualifier
    }

    /// Reads an ARN, or the name forms `name` and `name:qualifier`; nil when it is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.first == "arn" {
            guard parts.count == 7 || parts.count == 8, parts[2] == "lambda", parts[5] == "function"
            else { return nil }
            region = parts[3]
            account = parts[4]
            name = parts[6]
            qualifier = parts.count == 8 ? parts[7] : nil
        } else {
            guard parts.count <= 2, !parts[0].isEmpty else { return nil }
            name = parts[0]
            qualifier = parts.count == 2 ? parts[1] : nil
        }
    }

    /// The ARN as text.
    package var text: String {
        "arn:aws:lambda:\(region):\(account):function:\(name)" + (qualifier.map { ":" + $0 } ?? "")
    }
}
