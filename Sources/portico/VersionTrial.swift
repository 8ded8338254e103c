import Executor
import Foundation
import Model
import Registry
import Templates

/// Loads versions that are not published yet where they will run, to see whether they do.
struct VersionTrial: Sendable {
    /// Why one version does not load, with the place in the user's own file.
    struct Failure: Sendable {
        var version: FunctionVersion
        var text: String
    }

    /// The most edges whose environments are made ready before a version is published; the others make
    /// theirs with the first request.
    private static let maximumWarmEdges = 4

    let registry: PrimaryRegistry
    let invoker: LocalInvoker
    let edges: [String?]
    /// The folder of code that is tried before it is published.
    let staging: String

    /// What does not load, one failure for each version, in the order of `versions`.
    ///
    /// Throws when the code itself can't be laid out on disk.
    func failures(
        of versions: [FunctionVersion],
        in plan: StackPlan,
        _ mapped: [Resource]
    ) async throws -> [Failure] {
        var atHooks: Set<String> = []
        for case .distribution(let distribution) in mapped {
            for behavior in distribution.behaviors {
                atHooks.formUnion(behavior.functions.map(\.qualifiedName))
            }
        }
        for version in versions { try await stage(version) }
        var turn = 0
        let found = await withTaskGroup(of: (Int, String?).self) { group in
            for (index, version) in versions.enumerated() {
                let isAtHook = atHooks.contains(version.qualifiedName)
                let places = isAtHook ? edges.prefix(Self.maximumWarmEdges).map { $0 } : [nil]
                for edge in places {
                    let place = turn
                    turn += 1
                    group.addTask {
                        (index, await failure(of: version, at: edge, turn: place, in: plan))
                    }
                }
            }
            return await group.reduce(into: [:]) { found, result in
                found[result.0] = found[result.0] ?? result.1
            }
        }
        return versions.indices.compactMap { index in
            found[index].map { Failure(version: versions[index], text: $0) }
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

    private func failure(
        of version: FunctionVersion,
        at edge: String?,
        turn: Int,
        in plan: StackPlan
    ) async -> String? {
        guard let failure = await invoker.load(version, edge: edge, turn: turn) else { return nil }
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
        return "\(place)\(version.name): \(failure.type): \(failure.message)"
    }
}
