import Crypto
import Executor
import Foundation
import Model
import Registry
import Templates

/// Brings a stack into the registry: packs code, numbers versions, publishes the difference as one revision.
///
/// An actor, so that two saves never deploy at the same time.
actor Deployer {
    /// What a deployment did.
    struct Outcome: Sendable {
        var revision: Int
        var published: [FunctionVersion]
        var diagnostics: [Diagnostic]
        var changes: Int
    }

    private let registry: PrimaryRegistry
    private let invoker: LocalInvoker
    private let edges: [String?]
    private let keysPath: String
    private let state: String
    private let staging: String
    /// Keys of what the stack brought in; what it no longer names is deleted.
    private var managed: Set<String>
    /// Logical id to function name, for `portico invoke`.
    private let names: LogicalNames

    init(
        registry: PrimaryRegistry,
        invoker: LocalInvoker,
        edges: [String],
        state: String,
        names: LogicalNames
    ) {
        self.registry = registry
        self.edges = edges
        self.invoker = invoker
        self.names = names
        self.state = state
        keysPath = state + "/stack-keys.json"
        staging = Self.staging(state: state)
        // What an earlier node tried is of no use to this one.
        try? FileManager.default.removeItem(atPath: staging)
        let saved = FileManager.default.contents(atPath: keysPath)
        managed = saved.flatMap { try? JSONDecoder().decode(Set<String>.self, from: $0) } ?? []
    }

    /// Deploys a plan whole, or throws with the reason and changes nothing.
    ///
    /// With `verifies` each new version must load in a worker before it is published.
    func deploy(_ plan: StackPlan, verifies: Bool) async throws -> Outcome {
        try Self.refuse(plan.diagnostics)
        var versions: [String: Int] = [:]
        var published: [FunctionVersion] = []
        var resources: [Resource] = []
        // A draft made through the API would hide what the template says now.
        var drafts: [Change] = []
        let current = try await registry.snapshot()
        for source in plan.functions {
            let (version, isNew) = try await number(source, in: current)
            versions[source.logicalID] = version.version
            resources.append(.function(version))
            if isNew { published.append(version) }
            if isNew, current.functions["\(source.name):$LATEST"] != nil {
                drafts.append(.delete("function/\(source.name):$LATEST"))
            }
            if let alias = source.alias {
                resources.append(
                    .alias(
                        FunctionAlias(function: source.name, name: alias, version: version.version)
                    )
                )
            }
        }
        let (mapped, late) = plan.resources(versions: versions)
        try Self.refuse(late)
        if verifies { try await verify(published, of: plan, mapped) }
        resources += mapped
        let changes = difference(from: current, to: resources) + drafts
        for case .bucket(_, let folder) in mapped where folder.hasPrefix(state + "/") {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
        }
        var revision = current.revision
        if !changes.isEmpty { revision = try await registry.publish(changes) }
        try remember(resources)
        names.replace(
            Dictionary(
                plan.functions.map { ($0.logicalID, $0.name) },
                uniquingKeysWith: { first, _ in first }
            )
        )
        return Outcome(
            revision: revision,
            published: published,
            diagnostics: plan.diagnostics + late,
            changes: changes.count
        )
    }

    /// Throws with every error, when there is any.
    private static func refuse(_ diagnostics: [Diagnostic]) throws {
        let errors = diagnostics.filter { $0.severity == .error }
        guard !errors.isEmpty else { return }
        throw CommandFailure(errors.map(\.description).joined(separator: "\n"))
    }

    /// The folder of code that is tried before it is published.
    static func staging(state: String) -> String { state + "/staging" }

    /// The most edges whose environments are made ready before a version is published; the others make
    /// theirs with the first request.
    private static let maximumWarmEdges = 4

    /// Loads new versions where they will run; throws with the place in the user's own file where one broke.
    private func verify(
        _ versions: [FunctionVersion],
        of plan: StackPlan,
        _ mapped: [Resource]
    ) async throws {
        var atHooks: Set<String> = []
        for case .distribution(let distribution) in mapped {
            for behavior in distribution.behaviors {
                atHooks.formUnion(behavior.functions.map(\.qualifiedName))
            }
        }
        for version in versions { try await stage(version) }
        var turn = 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            for version in versions {
                let isAtHook = atHooks.contains(version.qualifiedName)
                let places = isAtHook ? edges.prefix(Self.maximumWarmEdges).map { $0 } : [nil]
                for edge in places {
                    let place = turn
                    turn += 1
                    group.addTask {
                        try await self.load(version, at: edge, turn: place, of: plan)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Unpacks the code of a version that is not published yet.
    private func stage(_ version: FunctionVersion) async throws {
        for digest in [version.codeDigest] + (version.layers ?? []) {
            let folder = staging + "/" + digest
            if FileManager.default.fileExists(atPath: folder) { continue }
            guard let archive = try await registry.wholeBlob(digest) else {
                throw CommandFailure("\(version.name): its code has vanished from the registry")
            }
            try CodeArchive.unpack(archive, into: folder)
        }
    }

    private func load(
        _ version: FunctionVersion,
        at edge: String?,
        turn: Int,
        of plan: StackPlan
    ) async throws {
        guard let failure = await invoker.load(version, edge: edge, turn: turn) else { return }
        var place = ""
        if !failure.file.isEmpty {
            var file = failure.file
            if let range = file.range(of: version.codeDigest + "/") {
                file = String(file[range.upperBound...])
            }
            if !file.hasPrefix("/"),
                let source = plan.functions.first(where: { $0.name == version.name }),
                case .folder(let path) = source.codePath
            {
                file = path + "/" + file
            }
            place = "\(file):\(failure.line):\(failure.column): "
        }
        throw CommandFailure("\(place)\(version.name): \(failure.type): \(failure.message)")
    }

    /// The version that a source means: the latest one when code and settings are unchanged, else the next.
    private func number(
        _ source: FunctionSource,
        in current: Snapshot
    ) async throws -> (version: FunctionVersion, isNew: Bool) {
        let archive = try pack(source.codePath, source.logicalID, runtime: source.runtime)
        let digest = try await registry.addBlob(archive)
        var draft = FunctionVersion(
            name: source.name,
            version: 0,
            runtime: source.runtime,
            handler: source.handler,
            codeDigest: digest,
            timeout: source.timeout,
            memory: source.memory,
            environment: source.environment,
            role: source.role,
            description: source.description
        )
        draft.logging = source.logging
        if !source.layers.isEmpty {
            var digests: [String] = []
            for layer in source.layers {
                digests.append(try await registry.addBlob(try pack(layer.code, layer.logicalID)))
            }
            draft.layers = digests
        }
        draft.version = try await registry.version(for: draft)
        return (draft, current.functions[draft.qualifiedName] == nil)
    }

    private func pack(
        _ code: CodeLocation,
        _ logicalID: String,
        runtime: String = ""
    ) throws -> [UInt8] {
        switch code {
        case .folder(let path):
            return try CodeArchive.pack(folder: path)
        case .zip(let path):
            guard let content = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("\(logicalID): cannot read \(path)")
            }
            return [UInt8](content)
        case .inline(let text):
            let folder = NSTemporaryDirectory() + "portico-inline-" + UUID().uuidString
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let name = runtime.hasPrefix("python") ? "index.py" : "index.js"
            try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            return try CodeArchive.pack(folder: folder)
        }
    }

    private func difference(from current: Snapshot, to resources: [Resource]) -> [Change] {
        let present = Set(current.resources)
        var changes = resources.filter { !present.contains($0) }.map(Change.put)
        let wanted = Set(resources.map(\.key))
        let kept = Set(
            resources.compactMap { resource -> String? in
                if case .function(let version) = resource { version.name } else { nil }
            }
        )
        for key in managed.subtracting(wanted).sorted() {
            // Older versions stay as long as their function does, as in AWS.
            if key.hasPrefix("function/"), let name = key.dropFirst(9).split(separator: ":").first,
                kept.contains(String(name))
            {
                continue
            }
            changes.append(.delete(key))
        }
        return changes
    }

    private func remember(_ resources: [Resource]) throws {
        let names = Set(
            resources.compactMap { resource -> String? in
                if case .function(let version) = resource { version.name } else { nil }
            }
        )
        let olderVersions = managed.filter { key in
            key.hasPrefix("function/")
                && names.contains(String(key.dropFirst(9).split(separator: ":").first ?? ""))
        }
        let next = Set(resources.map(\.key)).union(olderVersions)
        guard next != managed else { return }
        managed = next
        try JSONEncoder().encode(managed).write(
            to: URL(fileURLWithPath: keysPath),
            options: .atomic
        )
    }
}
