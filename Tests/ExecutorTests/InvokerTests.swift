import DataPlane
import Foundation
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

/// A folder with functions, a reactor and an executor over them.
final class Bench: Sendable {
    let root: String
    let reactor = Reactor()
    let invoker: LocalInvoker
    let lines = LogBox()

    final class LogBox: Sendable {
        let all = Mutex<[FunctionLogLine]>([])
        var texts: [String] { all.withLock { $0.map(\.text) } }
    }

    init(
        _ files: [String: String],
        runtime: String = "nodejs20.x",
        handler: String = "index.handler",
        timeout: Int = 10,
        path: String? = nil
    ) throws {
        let root = NSTemporaryDirectory() + "executor-" + UUID().uuidString
        self.root = root
        for (name, text) in files {
            let file = URL(fileURLWithPath: root + "/code/" + name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let version = FunctionVersion(
            name: "f",
            version: 3,
            runtime: runtime,
            handler: handler,
            codeDigest: "code",
            timeout: timeout,
            environment: ["GREETING": "hej \"du\""]
        )
        reactor.start()
        let lines = lines
        invoker = LocalInvoker(
            configuration: ExecutorConfiguration(workFolder: root + "/workers", path: path),
            reactors: [reactor],
            functions: { $0 == "f:3" ? version : nil },
            codeFolder: { root + "/" + $0 },
            log: { line in lines.all.withLock { $0.append(line) } }
        )
    }

    func call(_ payload: String = "{}", id: String = "id-1") async -> InvocationResult {
        await invoker.invoke(
            Invocation(function: "f:3", payload: Array(payload.utf8)[...], requestID: id)
        )
    }

    func load(
        _ runtime: String = "nodejs20.x",
        handler: String = "index.handler"
    ) async -> LoadFailure? {
        await invoker.load(
            FunctionVersion(
                name: "f",
                version: 3,
                runtime: runtime,
                handler: handler,
                codeDigest: "code"
            )
        )
    }

    func close() async {
        await invoker.shutdown()
        reactor.stop()
        try? FileManager.default.removeItem(atPath: root)
    }
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

@Suite(.serialized)
struct InvokerTests {
    @Test(arguments: [
        ("exports.handler = async (e) => ({ got: e.a });", "success {\"got\":1}"),
        ("exports.handler = (e, c, done) => done(null, e.a);", "success 1"),
        ("exports.handler = (e, c) => { c.succeed('x'); };", "success \"x\""),
        ("exports.handler = () => 5;", "success null"),
        ("exports.handler = () => Promise.resolve(7);", "success 7"),
        (
            "exports.handler = async () => new Promise(() => {});",
            "handled {\"errorType\":\"Runtime.NodeJsExit\""
        ),
        (
            "exports.handler = async () => { throw new TypeError('no'); };",
            "handled {\"errorType\":\"TypeError\",\"errorMessage\":\"no\""
        ),
        (
            "exports.handler = () => { throw 'oops'; };",
            "handled {\"errorType\":\"string\",\"errorMessage\":\"oops\",\"trace\":[]}"
        ),
        (
            "exports.handler = () => process.exit(3);",
            "exited {\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: id-1 Error: Runtime exited with error: exit status 3\"}"
        ),
        (
            "exports.handler = () => process.kill(process.pid, 'SIGKILL');",
            "exited {\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: id-1 Error: Runtime exited with error: signal: killed\"}"
        ),
        (
            "exports.handler = () => { setTimeout(() => { throw new Error('late'); }, 1); };",
            "exited {\"errorType\":\"Error\",\"errorMessage\":\"late\""
        ),
        (
            "exports.handler = async () => process.env.GREETING + process.env.AWS_REGION;",
            "success \"hej \\\"du\\\"us-east-1\""
        ),
        (
            "exports.handler = async (e, c) => [c.awsRequestId, c.functionVersion, c.memoryLimitInMB, c.getRemainingTimeInMillis() > 1000];",
            "success [\"id-1\",\"3\",\"128\",true]"
        ),
    ])
    func nodeHandlers(_ code: String, _ expected: String) async throws {
        let bench = try Bench(["index.js": code])
        let result = await bench.call("{\"a\":1}").text
        #expect(result.hasPrefix(expected), "\(result)")
        await bench.close()
    }

    @Test
    func nodeModules() async throws {
        let bench = try Bench(
            [
                "src/app.mjs":
                    "import { n } from './n.mjs'; import m from 'm'; export const a = { get: async () => n + m };",
                "src/n.mjs": "export const n = 1;",
                "node_modules/m/index.js": "module.exports = 41;",
            ],
            handler: "src/app.a.get"
        )
        #expect(await bench.call().text == "success 42")
        await bench.close()
    }

    @Test
    func pythonPackagesOutputAndErrors() async throws {
        let bench = try Bench(
            [
                "a/b.py":
                    "from lib.x import n\ndef handler(e, c):\n    print('seen', e)\n    if e: raise ValueError('bad')\n    return [n, c.aws_request_id, c.memory_limit_in_mb]",
                "lib/__init__.py": "", "lib/x.py": "n = 4",
            ],
            runtime: "python3.12",
            handler: "a/b.handler"
        )
        #expect(await bench.call().text == "success [4, \"id-1\", \"128\"]")
        #expect(bench.lines.texts.contains("seen {}"))
        let failed = await bench.call("1").text
        #expect(
            failed.hasPrefix(
                "handled {\"errorMessage\": \"bad\", \"errorType\": \"ValueError\", \"requestId\": \"id-1\""
            )
        )
        await bench.close()
    }

    @Test
    func timeoutKillsAndReplaces() async throws {
        let bench = try Bench(
            [
                "index.js":
                    "let n = 0; exports.handler = async (e) => { n++; if (e.hang) for (;;); return n; };"
            ],
            timeout: 1
        )
        #expect(await bench.call().text == "success 1")
        #expect(await bench.call().text == "success 2")
        let late = await bench.call("{\"hang\":1}").text
        #expect(
            late == "timeout {\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":"
                + "\"RequestId: id-1 Error: Task timed out after 1.00 seconds\"}"
        )
        #expect(await bench.call().text == "success 1")
        await bench.close()
    }

    @Test
    func loadFailuresHaveAPlace() async throws {
        let bench = try Bench([
            "index.js": "const a = 1;\nconst b = ;\n", "m.mjs": "\n\nexport const x = = 2;",
            "t.js": "\nnull.x;", "p.py": "def handler(e, c):\n    return (\n", "e.js": "",
        ])
        let syntax = try #require(await bench.load())
        #expect(syntax.type == "Runtime.UserCodeSyntaxError")
        #expect((syntax.file, syntax.line, syntax.column) == ("index.js", 2, 11))
        let module = try #require(await bench.load(handler: "m.x"))
        #expect((module.file, module.line) == ("m.mjs", 3))
        let thrown = try #require(await bench.load(handler: "t.x"))
        #expect((thrown.type, thrown.file, thrown.line) == ("TypeError", "t.js", 2))
        #expect(await bench.load(handler: "e.x")?.type == "Runtime.HandlerNotFound")
        #expect(await bench.load(handler: "none.x")?.type == "Runtime.ImportModuleError")
        await bench.close()
    }

    @Test
    func pythonSyntaxErrorHasAPlace() async throws {
        let bench = try Bench(["p.py": "def handler(e, c):\n    return = 1\n"])
        let failure = try #require(await bench.load("python3.12", handler: "p.handler"))
        #expect(
            (failure.type, failure.file, failure.line) == ("Runtime.UserCodeSyntaxError", "p.py", 2)
        )
        await bench.close()
    }

    @Test
    func manyAtOnceAndNothingLeft() async throws {
        let before = try descriptors()
        let bench = try Bench([
            "index.js": "exports.handler = async (e) => { console.log('n', e); return e; };"
        ])
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    await bench.call("\(number)", id: "id-\(number)").text == "success \(number)"
                }
            }
            for await right in group { #expect(right) }
        }
        #expect(bench.lines.texts.count { $0.hasPrefix("REPORT RequestId: ") } == 200)
        #expect(bench.lines.texts.contains { $0.hasSuffix("Z\tid-7\tINFO\tn 7") })
        await bench.close()
        #expect(waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD)
        #expect(try descriptors() <= before + 2)
    }

    @Test
    func missingProgramSaysWhatToInstall() async throws {
        let bench = try Bench(["index.js": ""], path: "/nonexistent")
        #expect(try #require(await bench.load()).message.contains("apt install nodejs"))
        await bench.close()
    }

    @Test
    func warmAndColdFigures() async throws {
        let bench = try Bench(["index.js": "exports.handler = async (e) => e;"])
        #expect(await bench.invoker.prewarm(runtimes: ["nodejs20.x"]) == nil)
        let clock = ContinuousClock()
        let cold = await clock.measure { _ = await bench.call() }
        var warm: [Duration] = []
        let invoker = bench.invoker
        warm = await Task(executorPreference: bench.reactor) {
            var all: [Duration] = []
            for _ in 0..<3000 {
                let call = Invocation(
                    function: "f:3",
                    payload: Array("{}".utf8)[...],
                    requestID: "id"
                )
                let start = clock.now
                _ = await invoker.invoke(call)
                all.append(clock.now - start)
            }
            return all.sorted()
        }.value
        print("cold \(cold), warm p50 \(warm[1500]), p99 \(warm[2970])")
        #expect(cold < .seconds(2))
        await bench.close()
    }

    private func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}

@Suite
struct EnvironmentStateTests {
    @Test
    func lifeAndRefusals() {
        var state = EnvironmentState.booting
        let events: [EnvironmentState.Event] = [
            .invoked, .ready, .assigned, .loaded, .invoked, .invoked, .answered, .stopped, .ready,
        ]
        let taken = events.map { state.apply($0) }
        #expect(taken == [false, true, true, true, true, false, true, true, false])
        #expect(state == .ended)
    }
}
