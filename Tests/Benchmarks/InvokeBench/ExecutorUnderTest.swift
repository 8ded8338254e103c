import DataPlane
import Executor
import Glibc
import Model
import Reactor
import Synchronization

/// An executor over one folder of code, and what is measured of it.
final class ExecutorUnderTest: Sendable {
    /// About what a viewer-request event is.
    private static let payload = Array(
        ("{\"Records\":[{\"cf\":{\"config\":{\"eventType\":\"viewer-request\"},\"request\":{"
            + "\"clientIp\":\"127.0.0.1\",\"headers\":{"
            + (0..<10).map {
                "\"x-field-\($0)\":[{\"key\":\"X-Field-\($0)\",\"value\":\"value \($0)\"}]"
            }
            .joined(separator: ",")
            + "},\"method\":\"GET\",\"querystring\":\"\",\"uri\":\"/index.html\"}}}]}").utf8
    )[...]

    private let mode: InvokeBench.Mode
    private let reactors: [Reactor]
    private let invoker: LocalInvoker
    private let versions = Versions()

    /// What the executor looks functions up in.
    private final class Versions: Sendable {
        let all = Mutex<[String: FunctionVersion]>([:])
    }

    init(folder: String, mode: InvokeBench.Mode) {
        self.mode = mode
        let isWide = mode == .throughput
        reactors = (0..<(isWide ? 2 : 1)).map { Reactor(index: $0) }
        for reactor in reactors { reactor.start() }
        var template = Array("/tmp/portico-invoke-XXXXXX".utf8CString)
        let work = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
        var configuration = ExecutorConfiguration(workFolder: work + "/workers")
        configuration.neededFolders = [folder]
        switch mode {
        case .coldNode, .coldPython: configuration.blankWorkers = 1
        default: configuration.blankWorkers = 0
        }
        if mode == .many {
            configuration.environmentsPerFunction = 10
            configuration.processes = 1100
        }
        let versions = versions
        invoker = LocalInvoker(
            configuration: configuration,
            reactors: reactors,
            functions: { name in versions.all.withLock { $0[name] } },
            codeFolder: { _ in folder },
            log: { _ in }
        )
    }

    func close() async {
        await invoker.shutdown()
        for reactor in reactors { reactor.stop() }
    }

    private func publish(_ name: String = "f") -> FunctionVersion {
        var version: FunctionVersion
        switch mode {
        case .nodeFrames, .throughput, .coldNode, .bareNode:
            version = FunctionVersion(
                name: name,
                version: 1,
                runtime: "nodejs20.x",
                handler: "index.handler",
                codeDigest: "code"
            )
        case .pythonFrames, .coldPython, .barePython, .restorePython:
            version = FunctionVersion(
                name: name,
                version: 1,
                runtime: "python3.12",
                handler: "app.handler",
                codeDigest: "code"
            )
        case .nodeAPI, .nodeHTTP, .pythonHTTP, .lambdaricAPI, .bootstrapAPI, .many:
            version = FunctionVersion(
                name: name,
                version: 1,
                runtime: "provided.al2023",
                handler: "app.handler",
                codeDigest: "code"
            )
            let programs: [InvokeBench.Mode: [String]] = [
                .nodeAPI: ["node", "client.js"], .nodeHTTP: ["node", "http.js"],
                .pythonHTTP: ["python3", "client.py"],
                .lambdaricAPI: ["/bin/sh", "lambdaric.sh"],
            ]
            version.image = programs[mode].map { FunctionCommand(entryPoint: $0, command: []) }
        }
        version.timeout = 60
        version.memory = 512
        if mode == .restorePython { version.snapStart = .publishedVersions }
        let published = version
        versions.all.withLock { $0[published.qualifiedName] = published }
        return published
    }

    private func call(_ version: FunctionVersion, _ payload: ArraySlice<UInt8>) async {
        let invocation = Invocation(
            function: version.qualifiedName,
            payload: payload,
            requestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            limit: .seconds(120)
        )
        let result = await invoker.invoke(invocation)
        guard case .success = result else {
            print("failed: \(result)")
            exit(1)
        }
    }

    /// One warm invocation after the other.
    func latency(count: Int) async {
        let version = publish()
        let reactor = reactors[0]
        let times = await Task(executorPreference: reactor) {
            for _ in 0..<max(200, count / 5) { await self.call(version, Self.payload) }
            var times: [Int64] = []
            times.reserveCapacity(count)
            for _ in 0..<count {
                let started = reactor.preciseTime
                await self.call(version, Self.payload)
                times.append(reactor.preciseTime.nanoseconds - started.nanoseconds)
            }
            return times
        }.value
        report(times)
    }

    /// As many invocations as go, in eight environments on two reactors.
    func throughput(seconds: Int) async {
        let version = publish()
        let done = await withTaskGroup(of: Int.self) { group in
            for reactor in reactors {
                for _ in 0..<16 {
                    group.addTask(executorPreference: reactor) {
                        for _ in 0..<200 { await self.call(version, Self.payload) }
                        let end = reactor.preciseTime + .seconds(seconds)
                        var count = 0
                        while reactor.preciseTime < end {
                            await self.call(version, Self.payload)
                            count += 1
                        }
                        return count
                    }
                }
            }
            return await group.reduce(0, +)
        }
        print("processes \(await invoker.processCount)")
        print("invocations-per-second \(done / seconds)")
    }

    /// First invocations of functions, with a booted blank worker waiting or without.
    func cold(count: Int) async {
        let runtime = mode == .coldNode || mode == .bareNode ? "nodejs20.x" : "python3.12"
        let reactor = reactors[0]
        var times: [Int64] = []
        for number in 0..<count {
            if mode == .coldNode || mode == .coldPython {
                _ = await invoker.prewarm(runtimes: [runtime])
            }
            let version = publish("cold-\(number)")
            let started = reactor.preciseTime
            await call(version, Self.payload)
            times.append(reactor.preciseTime.nanoseconds - started.nanoseconds)
        }
        report(times)
    }

    /// Environments out of one snapshot, each with its first invocation.
    func restore(count: Int) async {
        let reactor = reactors[0]
        let version = publish()
        await call(version, Self.payload)
        var (starts, answers): ([Int64], [Int64]) = ([], [])
        for _ in 0..<count {
            let started = reactor.preciseTime
            if let failure = await invoker.load(version) {
                print("failed: \(failure)")
                exit(1)
            }
            starts.append(reactor.preciseTime.nanoseconds - started.nanoseconds)
            // The newest environment answers.
            await call(version, Self.payload)
            answers.append(reactor.preciseTime.nanoseconds - started.nanoseconds)
        }
        report(starts)
        report(answers, prefix: "answer-")
    }

    /// Ten environments of each of many functions, all at work at once, three times over.
    func many(functions count: Int) async {
        let all = (0..<count).map { publish("many-\($0)") }
        let reactor = reactors[0]
        for round in ["first", "second", "third"] {
            let started = reactor.preciseTime
            let times = await withTaskGroup(of: Int64.self) { group in
                for version in all {
                    for _ in 0..<10 {
                        group.addTask(executorPreference: reactor) {
                            let started = reactor.preciseTime
                            await self.call(version, Self.payload)
                            return reactor.preciseTime.nanoseconds - started.nanoseconds
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let took = reactor.preciseTime.nanoseconds - started.nanoseconds
            print("\(round)-round-ms \(took / 1_000_000)")
            report(times, prefix: round + "-")
            if round == "first" { print("processes \(await invoker.processCount)") }
        }
    }

    private func report(_ times: [Int64], prefix: String = "") {
        let sorted = times.sorted()
        func at(_ share: Double) -> Double {
            Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1000
        }
        print("\(prefix)p50-us \(at(0.5))")
        print("\(prefix)p99-us \(at(0.99))")
    }
}
