import DataPlane
import Foundation
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

/// Functions in a folder, reactors, and an executor over them.
final class Bench: Sendable {
    let root: String
    let reactors: [Reactor]
    let invoker: LocalInvoker
    let lines = LogBox()
    private let code: String
    private let versions = Versions()

    final class LogBox: Sendable {
        private let all = Mutex<[FunctionLogLine]>([])
        private let watchers = Mutex<[CheckedContinuation<Void, Never>]>([])

        var texts: [String] { lines.map(\.text) }
        var lines: [FunctionLogLine] { all.withLock { $0 } }

        func append(_ line: FunctionLogLine) {
            all.withLock { $0.append(line) }
            wake()
        }
        func clear() { all.withLock { $0 = [] } }

        /// Waits until a condition on the lines gives something; the suite's time limit bounds it.
        func wait<Value>(for condition: ([String]) throws -> Value?) async rethrows -> Value {
            while true {
                let seen = lines.count
                if let value = try condition(texts) { return value }
                await withCheckedContinuation { continuation in
                    watchers.withLock { $0.append(continuation) }
                    // A line may have come between the look and the wait.
                    if lines.count != seen { wake() }
                }
            }
        }

        private func wake() {
            let woken = watchers.withLock { watchers in
                defer { watchers = [] }
                return watchers
            }
            for watcher in woken { watcher.resume() }
        }
    }

    final class Versions: Sendable {
        let all = Mutex<[String: FunctionVersion]>([:])
    }

    /// A bench over one of the folders in `Tests/Fixtures/functions`, or over files given as text.
    init(
        _ folder: String = "",
        files: [String: String] = [:],
        reactors count: Int = 1,
        configure: (inout ExecutorConfiguration) -> Void = { _ in }
    ) throws {
        let root = NSTemporaryDirectory() + "executor-" + UUID().uuidString
        self.root = root
        code = folder.isEmpty ? root + "/code" : Self.fixtures + folder
        for (name, text) in files {
            let file = URL(fileURLWithPath: root + "/code/" + name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        reactors = (0..<count).map { Reactor(index: $0) }
        for reactor in reactors { reactor.start() }
        var configuration = ExecutorConfiguration(workFolder: root + "/workers")
        configuration.blankWorkers = 0
        configure(&configuration)
        let (lines, versions, code) = (lines, versions, code)
        invoker = LocalInvoker(
            configuration: configuration,
            reactors: reactors,
            functions: { name in versions.all.withLock { $0[name] } },
            codeFolder: { $0 == "code" ? code : $0.hasPrefix("/") ? $0 : nil },
            log: { lines.append($0) }
        )
    }

    static var fixtures: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/functions").path + "/"
    }

    /// The version of a function with this handler, as the executor will look it up.
    @discardableResult
    func version(
        _ handler: String,
        _ runtime: String = "nodejs20.x",
        timeout: Int = 10,
        change: (inout FunctionVersion) -> Void = { _ in }
    ) -> FunctionVersion {
        var version = FunctionVersion(
            name: String(handler.map { $0.isLetter || $0.isNumber ? $0 : "-" }),
            version: 3,
            runtime: runtime,
            handler: handler,
            codeDigest: "code",
            timeout: timeout,
            environment: ["GREETING": "hej \"du\""]
        )
        change(&version)
        versions.all.withLock { $0[version.qualifiedName] = version }
        return version
    }

    func call(
        _ version: FunctionVersion,
        _ payload: String = "{}",
        id: String = "id-1",
        change: (inout Invocation) -> Void = { _ in }
    ) async -> InvocationResult {
        var invocation = Invocation(
            function: version.qualifiedName,
            payload: Array(payload.utf8)[...],
            requestID: id
        )
        change(&invocation)
        return await invoker.invoke(invocation)
    }

    /// Calls a handler with the defaults.
    func call(
        _ handler: String,
        _ payload: String = "{}",
        runtime: String = "nodejs20.x"
    ) async -> String {
        await call(version(handler, runtime), payload).text
    }

    /// The JSON document that a handler answered.
    func document(
        _ handler: String,
        _ payload: String = "{}",
        runtime: String = "nodejs20.x"
    ) async throws -> JSONValue {
        let text = await call(handler, payload, runtime: runtime)
        try #require(text.hasPrefix("success "), "\(text)")
        return try JSONValue.parse(String(text.dropFirst(8)))
    }

    func close() async {
        await invoker.shutdown()
        for reactor in reactors { reactor.stop() }
        try? FileManager.default.removeItem(atPath: root)
    }
}

/// Runs a test with a bench that is closed whatever happens.
func withBench(
    _ folder: String = "",
    files: [String: String] = [:],
    reactors: Int = 1,
    configure: (inout ExecutorConfiguration) -> Void = { _ in },
    _ body: (Bench) async throws -> Void
) async throws {
    let bench = try Bench(folder, files: files, reactors: reactors, configure: configure)
    do {
        try await body(bench)
    } catch {
        await bench.close()
        throw error
    }
    await bench.close()
}

extension InvocationResult {
    /// The answer or error as `success …`, `timeout …`.
    var text: String {
        switch self {
        case .success(let bytes): "success " + String(decoding: bytes, as: UTF8.self)
        case .functionError(let failure, let payload):
            "\(failure) " + String(decoding: payload, as: UTF8.self)
        case .throttled(let reason): "throttled " + reason
        case .notFound(let reason): "notFound " + reason
        }
    }
}
