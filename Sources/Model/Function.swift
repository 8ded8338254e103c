/// A version of a function: published and immutable, or the draft `$LATEST` under the number 0.
package struct FunctionVersion: Sendable, Codable, Hashable {
    /// The number of the draft that AWS calls `$LATEST`; it alone may change.
    package static let latest = 0

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
    /// How its log lines look; nil means text in the group named after the function.
    package var logging: FunctionLogging?
    /// SHA-256 of the archives unpacked under `/opt`, in order, hexadecimal.
    package var layers: [String]?
    /// The command line of a container-style function; nil for a managed or provided runtime.
    package var image: FunctionCommand?
    /// The ARN of the queue or topic for events that are given up.
    package var deadLetterTarget: String?
    /// How much fits into `/tmp`; nil means 512.
    ///
    /// Unit: MiB. Range: 512…10240. Source: Lambda quotas, "/tmp directory storage".
    package var ephemeralStorage: Int?
    /// When environments start from a snapshot; nil for never.
    package var snapStart: SnapStart?

    /// Lambda's SnapStart setting (`SnapStart.ApplyOn`).
    package enum SnapStart: String, Sendable, Codable, CaseIterable {
        case publishedVersions = "PublishedVersions"

        /// Whether AWS makes snapshots of functions of a runtime: Java 11, Python 3.12, .NET 8 and later ones.
        ///
        /// Source: "Improving startup performance with Lambda SnapStart", "Supported features and limitations".
        package static func supports(_ runtime: String) -> Bool {
            for (family, oldest) in [("java", [11]), ("python", [3, 12]), ("dotnet", [8])]
            where runtime.hasPrefix(family) {
                let numbers = runtime.dropFirst(family.count).split(separator: ".")
                    .compactMap { Int($0) }
                return !numbers.isEmpty && !numbers.lexicographicallyPrecedes(oldest)
            }
            return false
        }
    }
    /// Whether its invocations are traced without being asked to (TracingConfig `Active`); nil means not.
    package var tracing: Bool?

    /// Whether nothing but the number and what runs (code and layers) sets it apart from another version.
    package func differsInCodeOnly(from other: FunctionVersion) -> Bool {
        var same = other
        same.version = version
        same.codeDigest = codeDigest
        same.layers = layers
        same.description = description
        return same == self
    }

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

    /// The name under which variables stand that are sealed; no variable can have it.
    package static let sealedName = "(sealed)"

    /// The variables as sealed text, where no key was there to open them; nil as a rule.
    package var sealedVariables: String? { environment[Self.sealedName] }

    /// `name:version`, the key used between doors and executor.
    package var qualifiedName: String { "\(name):\(versionText)" }

    /// The number, or `$LATEST`.
    package var versionText: String { Self.text(of: version) }

    /// How AWS writes a version: the number, or `$LATEST` for the draft.
    package static func text(of version: Int) -> String {
        version == latest ? "$LATEST" : String(version)
    }

    /// The version's ARN in the home region.
    package var arn: String { FunctionARN(name: name, qualifier: versionText).text }
}

/// A function's LoggingConfig.
package struct FunctionLogging: Sendable, Codable, Hashable {
    /// The two shapes of a log line.
    package enum Format: String, Sendable, Codable { case text = "Text", json = "JSON" }

    /// How severe a line is, least severe first.
    package enum Level: String, Sendable, Codable, CaseIterable, Comparable {
        case trace = "TRACE", debug = "DEBUG", info = "INFO", warn = "WARN", error = "ERROR"
        case fatal = "FATAL"

        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    package var format: Format
    /// The least severe line of the function that is kept; only with JSON.
    package var applicationLevel: Level?
    /// The least severe record of the platform that is kept; only with JSON.
    package var systemLevel: Level?
    /// The log group; nil means `/aws/lambda/<name>`.
    package var group: String?

    /// Makes a setting with Lambda's defaults.
    package init(
        format: Format = .text,
        applicationLevel: Level? = nil,
        systemLevel: Level? = nil,
        group: String? = nil
    ) {
        self.format = format
        self.applicationLevel = applicationLevel
        self.systemLevel = systemLevel
        self.group = group
    }
}

/// A function's ImageConfig: the command line that speaks the Runtime API.
package struct FunctionCommand: Sendable, Codable, Hashable {
    package var entryPoint: [String]
    package var command: [String]
    /// Nil means the code folder.
    package var workingDirectory: String?

    /// Makes a command line.
    package init(entryPoint: [String], command: [String], workingDirectory: String? = nil) {
        self.entryPoint = entryPoint
        self.command = command
        self.workingDirectory = workingDirectory
    }
}

/// A named pointer to a version.
package struct FunctionAlias: Sendable, Codable, Hashable {
    package var function: String
    package var name: String
    package var version: Int
    /// A second version that gets a share of the calls.
    package var additional: Share?

    /// Makes an alias.
    package init(function: String, name: String, version: Int, additional: Share? = nil) {
        self.function = function
        self.name = name
        self.version = version
        self.additional = additional
    }

    /// A version with its part of the calls.
    package struct Share: Sendable, Codable, Hashable {
        package var version: Int
        /// 0.0 to 1.0; drawn for each call, as the Lambda page "Configure routing" says.
        package var weight: Double

        /// Makes a share.
        package init(version: Int, weight: Double) {
            self.version = version
            self.weight = weight
        }
    }

    /// The version of the next call.
    package func drawVersion() -> Int {
        guard let additional, Double.random(in: 0..<1) < additional.weight else { return version }
        return additional.version
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
