package import Model

/// Where a function's code is.
package enum CodeLocation: Sendable, Hashable {
    case folder(String)
    case zip(String)
    case inline(String)
}

/// A layer of a template before its functions are published.
package struct LayerSource: Sendable, Hashable {
    package var logicalID: String
    package var code: CodeLocation
}

/// A function of a template before it is published.
package struct FunctionSource: Sendable, Hashable {
    package var logicalID: String
    package var name: String
    package var runtime: String
    package var handler: String
    package var codePath: CodeLocation
    /// Unit: seconds.
    package var timeout: Int
    /// Unit: MiB.
    package var memory: Int
    package var environment: [String: String]
    package var role: String?
    package var description: String
    package var logging: FunctionLogging?
    /// What is unpacked under `/opt`, in order.
    package var layers: [LayerSource]
    /// The ARN of the queue or topic for events that are given up.
    package var deadLetterTarget: String?
    /// Unit: MiB; nil means 512.
    package var ephemeralStorage: Int?
    /// When environments start from a snapshot; nil for never.
    package var snapStart: FunctionVersion.SnapStart?
    /// Whether its invocations are traced without being asked to; nil means not.
    package var tracing: Bool?
    /// Whether the template asks for numbered versions.
    package var publishes: Bool
    package var alias: String?
    package var line: Int
}

/// A program to run beside the stack.
package struct StartCommand: Sendable, Hashable {
    /// The most programs of one template.
    package static let maximum = 16

    package var name: String
    package var command: String
    package var port: Int

    /// Describes a program.
    package init(name: String, command: String, port: Int) {
        self.name = name
        self.command = command
        self.port = port
    }
}

/// What a template comes to.
package struct StackPlan: Sendable {
    package var functions: [FunctionSource] = []
    package var diagnostics: [Diagnostic] = []
    package var outputs: [String: String] = [:]
    /// Domain name of an origin to its place on this machine.
    package var origins: [String: String] = [:]
    package var starts: [StartCommand] = []
    let compiler: StackCompiler

    /// Bucket name to folder.
    package var buckets: [String: String] = [:]

    /// Whether nothing stands against serving it.
    package var isValid: Bool { !diagnostics.contains { $0.severity == .error } }

    /// All resources but the function versions, with the versions that were published by logical id.
    package func resources(
        versions: [String: Int]
    ) -> (resources: [Model.Resource], diagnostics: [Diagnostic]) {
        let mapper = compiler.map(versions: versions)
        let known = Set(diagnostics)
        return (mapper.made, mapper.evaluator.diagnostics.filter { !known.contains($0) })
    }
}

/// Where the relative things of a stack are.
package struct StackFolders: Sendable, Hashable {
    /// The folder of the template.
    package var base: String
    /// Where buckets have their folders unless the metadata names others.
    package var buckets: String

    /// Makes a set of folders.
    package init(base: String, buckets: String) {
        self.base = base
        self.buckets = buckets
    }
}

/// Turns a template into a plan.
package struct StackCompiler: Sendable {
    let template: Template
    let stackName: String
    let parameters: [String: String]
    let folders: StackFolders

    /// Makes a compiler; relative folders of the template start at the base of `folders`.
    package init(
        template: Template,
        stackName: String,
        parameters: [String: String],
        folders: StackFolders
    ) {
        self.template = template
        self.stackName = stackName
        self.parameters = parameters
        self.folders = folders
    }

    /// Reads everything once; what is wrong stands in the plan's diagnostics.
    package func compile() -> StackPlan {
        let mapper = map(versions: [:])
        var plan = StackPlan(compiler: self)
        plan.functions = mapper.functions
        plan.diagnostics = mapper.evaluator.diagnostics
            .sorted { ($0.line, $0.column) < ($1.line, $1.column) }
        plan.origins = mapper.origins
        plan.starts = mapper.starts
        plan.buckets = mapper.buckets
        plan.outputs = mapper.outputs
        return plan
    }

    func map(versions: [String: Int]) -> ResourceMapper {
        let evaluator = Evaluator(
            template: template,
            stackName: stackName,
            parameters: parameters,
            versions: versions
        )
        let mapper = ResourceMapper(evaluator: evaluator, folders: folders)
        mapper.run()
        return mapper
    }
}
