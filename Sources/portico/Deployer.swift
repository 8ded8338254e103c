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
        /// What does not load and stays at the version that it had, each with its place.
        var failures: [String]
        var diagnostics: [Diagnostic]
        var changes: Int
    }

    private let registry: PrimaryRegistry
    private let trial: VersionTrial
    private let keysPath: String
    private let state: String
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
        self.names = names
        self.state = state
        keysPath = state + "/stack-keys.json"
        trial = VersionTrial(
            registry: registry,
            invoker: invoker,
            edges: edges,
            staging: Self.staging(state: state)
        )
        // What an earlier node tried is of no use to this one.
        try? FileManager.default.removeItem(atPath: trial.staging)
        let saved = FileManager.default.contents(atPath: keysPath)
        managed = saved.flatMap { try? JSONDecoder().decode(Set<String>.self, from: $0) } ?? []
    }

    /// Deploys a plan whole, or throws with the reason and changes nothing.
    ///
    /// With `verifies` each new version must load in a worker before it is published. Where only code changed and
    /// does not load, that function stays at its version and the rest is deployed; the outcome says so.
    func deploy(_ plan: StackPlan, verifies: Bool) async throws -> Outcome {
        try Self.refuse(plan.diagnostics)
        let current = try await registry.snapshot()
        var functions: [Numbered] = []
        for source in plan.functions {
            functions.append(try await number(source, in: current))
        }
        var (mapped, late) = plan.resources(versions: Self.versions(functions))
        try Self.refuse(late)
        var failures: [String] = []
        if verifies {
            let fresh = functions.filter(\.isNew).map(\.version)
            let found = try await trial.failures(of: fresh, in: plan, mapped)
            if !found.isEmpty {
                failures = found.map(\.text)
                functions = try Self.hold(functions, found, in: current)
                (mapped, late) = plan.resources(versions: Self.versions(functions))
                try Self.refuse(late)
            }
        }
        let resources = functions.flatMap(\.resources) + mapped
        let changes =
            difference(from: current, to: resources) + functions.flatMap { $0.drafts(current) }
        if changes.isEmpty, !failures.isEmpty {
            throw CommandFailure(failures.joined(separator: "\n"))
        }
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
            published: functions.filter(\.isNew).map(\.version),
            failures: failures,
            diagnostics: plan.diagnostics + late,
            changes: changes.count
        )
    }

    /// A function of the plan with the version that it means.
    private struct Numbered {
        var source: FunctionSource
        var version: FunctionVersion
        /// Whether the version is not in the registry yet.
        var isNew: Bool

        var resources: [Resource] {
            guard let alias = source.alias else { return [.function(version)] }
            return [
                .function(version),
                .alias(FunctionAlias(function: source.name, name: alias, version: version.version)),
            ]
        }

        /// Takes away a draft made through the API, which would hide what the template says now.
        func drafts(_ current: Snapshot) -> [Change] {
            let key = "\(source.name):$LATEST"
            return isNew && current.functions[key] != nil ? [.delete("function/\(key)")] : []
        }
    }

    private static func versions(_ functions: [Numbered]) -> [String: Int] {
        Dictionary(
            functions.map { ($0.source.logicalID, $0.version.version) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Puts what does not load back to its latest version.
    ///
    /// Throws with every failure when one has no version that differs from it in code alone: what else the template
    /// says of it would not be so.
    private static func hold(
        _ functions: [Numbered],
        _ failures: [VersionTrial.Failure],
        in current: Snapshot
    ) throws -> [Numbered] {
        let broken = Set(failures.map { $0.version.qualifiedName })
        return try functions.map { function in
            guard broken.contains(function.version.qualifiedName) else { return function }
            let latest = current.functions.values
                .filter { $0.name == function.version.name && $0.version != FunctionVersion.latest }
                .max { $0.version < $1.version }
            guard let latest, function.version.differsInCodeOnly(from: latest) else {
                throw CommandFailure(failures.map(\.text).joined(separator: "\n"))
            }
            return Numbered(source: function.source, version: latest, isNew: false)
        }
    }

    /// Throws with every error, when there is any.
    private static func refuse(_ diagnostics: [Diagnostic]) throws {
        let errors = diagnostics.filter { $0.severity == .error }
        guard !errors.isEmpty else { return }
        throw CommandFailure(errors.map(\.description).joined(separator: "\n"))
    }

    /// The folder of code that is tried before it is published.
    static func staging(state: String) -> String { state + "/staging" }

    /// The version that a source means: the latest one when code and settings are unchanged, else the next.
    private func number(
        _ source: FunctionSource,
        in current: Snapshot
    ) async throws -> Numbered {
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
        draft.deadLetterTarget = source.deadLetterTarget
        draft.ephemeralStorage = source.ephemeralStorage
        draft.snapStart = source.snapStart
        draft.tracing = source.tracing
        if !source.layers.isEmpty {
            var digests: [String] = []
            for layer in source.layers {
                digests.append(try await registry.addBlob(try pack(layer.code, layer.logicalID)))
            }
            draft.layers = digests
        }
        draft.version = try await registry.version(for: draft)
        return Numbered(
            source: source,
            version: draft,
            isNew: current.functions[draft.qualifiedName] == nil
        )
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
        let keys = Set(present.map(\.key))
        var changes = resources.filter { resource in
            !present.contains(resource)
                && !(resource.keepsContent && keys.contains(resource.key))
        }.map(Change.put)
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

extension Resource {
    /// Whether a template only begins it: what its own API writes later stays.
    fileprivate var keepsContent: Bool {
        if case .record(let id, _) = self {
            id.hasPrefix("cloudfront/key-value-store/")
        } else {
            false
        }
    }
}
