import Model

/// What an environment is told about its function.
///
/// A class, because each environment and invocation carries it along.
final class FunctionIdentity: Sendable {
    let version: FunctionVersion
    /// The version as functions see it: a number or `$LATEST`.
    let versionText: String
    /// `name:version`.
    let qualifiedName: String
    /// Whether the platform writes JSON records.
    let logsJSON: Bool
    let taskRoot: String
    /// Folders of the layers, in the order in which they are merged.
    let layerRoots: [String]
    let region: String
    let logGroup: String
    /// The name that the function sees; at an edge it carries its home region.
    let name: String
    /// What `invokedFunctionArn` says unless the caller addressed it otherwise.
    let arn: String
    let credentials: FunctionCredentials
    /// The edge that runs it, such as `iad`; nil in the home region.
    let edge: String?
    private let hasOwnGroup: Bool
    /// Where the function's own segments go; nil means the daemon's usual place.
    private let daemon: String?
    /// The account in which it runs.
    var account: String { FunctionARN.account }

    /// Describes a version for the home region, or for an edge ("Lambda@Edge function logs").
    init(
        _ version: FunctionVersion,
        taskRoot: String,
        layerRoots: [String] = [],
        edge: String?,
        region home: String,
        credentials: FunctionCredentials,
        daemon: String? = nil
    ) {
        self.daemon = daemon
        self.version = version
        versionText = version.versionText
        qualifiedName = version.qualifiedName
        logsJSON = version.logging?.format == .json
        self.taskRoot = taskRoot
        self.layerRoots = layerRoots
        self.credentials = credentials
        self.edge = edge
        region = edge.map { EdgeRegion.name(of: $0, home: home) } ?? home
        name = edge == nil ? version.name : "\(home).\(version.name)"
        let own = version.logging?.group.flatMap { $0 == "/aws/lambda/\(version.name)" ? nil : $0 }
        hasOwnGroup = own != nil
        logGroup = own ?? "/aws/lambda/\(name)"
        var arn = FunctionARN(name: name, qualifier: version.versionText)
        arn.region = region
        self.arn = arn.text
    }

    /// A new stream of the function's group: `2026/01/31/[3]0123…`.
    func makeLogStream() -> String {
        System.logStream(version: version.versionText, function: hasOwnGroup ? name : "")
    }

    /// The variables of the function's process ("Working with Lambda environment variables").
    func variables(
        logStream: String,
        path: String,
        initialization: InitializationType = .onDemand
    ) -> [String: String] {
        var all = unreserved(path: path)
        if edge == nil { all.merge(version.environment) { $1 } }
        var reserved = [
            "_HANDLER": version.image?.command.first ?? version.handler, "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(version.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": version.versionText,
            "AWS_LAMBDA_INITIALIZATION_TYPE": initialization.rawValue,
            "AWS_LAMBDA_LOG_GROUP_NAME": logGroup, "AWS_LAMBDA_LOG_STREAM_NAME": logStream,
            "AWS_ACCESS_KEY": credentials.accessKey, "AWS_ACCESS_KEY_ID": credentials.accessKey,
            "AWS_SECRET_ACCESS_KEY": credentials.secretKey,
            "AWS_SESSION_TOKEN": credentials.sessionToken,
            "LAMBDA_TASK_ROOT": taskRoot, "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC",
        ]
        if RuntimeKind(version) != .provided {
            reserved["AWS_EXECUTION_ENV"] = "AWS_Lambda_\(version.runtime)"
        }
        if logsJSON {
            reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            let level = version.logging?.applicationLevel ?? .info
            reserved["AWS_LAMBDA_LOG_LEVEL"] = level.rawValue
        }
        return all.merging(reserved) { $1 }
    }

    /// Whether environments of this version begin as copies of one that has run the static code.
    ///
    /// Source: "Improving startup performance with Lambda SnapStart": published versions do, never `$LATEST`.
    var startsFromSnapshot: Bool {
        version.snapStart == .publishedVersions && version.version != FunctionVersion.latest
            && RuntimeKind(version) == .python
    }

    /// What no process of a version with SnapStart is told: it would be the same in all copies.
    ///
    /// Sources: "Monitoring for Lambda SnapStart", "Working with Lambda environment variables".
    static let absentWithSnapStart = [
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    ]

    /// Variables that only the runtime's own process has.
    ///
    /// Source: "Using the Lambda Extensions API".
    private static let ofTheRuntime: Set<String> = [
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    ]

    /// The variables of an external extension's process.
    func extensionVariables(
        path: String,
        initialization: InitializationType
    ) -> [String: String] {
        variables(logStream: "", path: path, initialization: initialization).filter {
            !$0.key.hasPrefix("_") && !Self.ofTheRuntime.contains($0.key)
        }
    }

    /// A file that turns external extensions off.
    private static let off = "/disable-extensions-jwigqn8j"

    /// The external extensions by name with the layer's folder they lie in; later layers cover earlier ones.
    var externalExtensions: [(name: String, layer: String)] {
        guard !layerRoots.contains(where: { System.isFile($0 + Self.off) }) else { return [] }
        var found: [String: String] = [:]
        for root in layerRoots {
            for name in System.names(in: root + "/extensions")
            where System.isExecutable(root + "/extensions/" + name) {
                found[name] = root
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What a function may override.
    private func unreserved(path: String) -> [String: String] {
        var all = [
            "LANG": "en_US.UTF-8", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "AWS_XRAY_DAEMON_ADDRESS": daemon ?? "127.0.0.1:2000",
            "PATH": ([path] + layerRoots.map { $0 + "/bin" }).joined(separator: ":"),
            "LD_LIBRARY_PATH": ([taskRoot, taskRoot + "/lib"] + layerRoots.map { $0 + "/lib" })
                .joined(separator: ":"),
        ]
        switch RuntimeKind(version) {
        case .node:
            let major = version.runtime.dropFirst("nodejs".count).prefix { $0.isNumber }
            let layers = layerRoots.flatMap {
                ["\($0)/nodejs/node\(major)/node_modules", "\($0)/nodejs/node_modules"]
            }
            all["NODE_PATH"] = (layers + ["\(taskRoot)/node_modules", taskRoot])
                .joined(separator: ":")
        case .python: all["PYTHONPATH"] = ([taskRoot] + pythonPaths).joined(separator: ":")
        case .provided, nil: break
        }
        return all
    }

    /// Where Python packages of layers lie, after the code's own folder.
    var pythonPaths: [String] {
        let minor = version.runtime.dropFirst("python".count)
        return layerRoots.flatMap {
            ["\($0)/python", "\($0)/python/lib/python\(minor)/site-packages"]
        }
    }
}

/// The regions in which edges run functions.
enum EdgeRegion {
    private static let regions = [
        "iad": "us-east-1", "cmh": "us-east-2", "sfo": "us-west-1", "pdx": "us-west-2",
        "sea": "us-west-2", "lax": "us-west-1", "fra": "eu-central-1", "dub": "eu-west-1",
        "lhr": "eu-west-2", "cdg": "eu-west-3", "arn": "eu-north-1", "nrt": "ap-northeast-1",
        "icn": "ap-northeast-2", "sin": "ap-southeast-1", "syd": "ap-southeast-2",
        "bom": "ap-south-1", "gru": "sa-east-1", "yul": "ca-central-1",
    ]

    /// The region of an edge by the three letters its name begins with; the home region when unknown.
    static func name(of edge: String, home: String) -> String {
        regions[edge.prefix(3).lowercased()] ?? home
    }
}
