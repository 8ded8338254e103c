import DataPlane
import Foundation
import Glibc
import Model
import Reactor
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct PoolTests {
        private static let echo = [
            "index.js": "exports.handler = async (e) => { console.log('n', e); return e; };\n"
                + "exports.pid = async (e) => { await new Promise((r) => setTimeout(r, e)); return process.pid; };"
        ]

        @Test(
            "two hundred callers at once share the budget, and nothing is left after the shutdown"
        )
        func manyAtOnce() async throws {
            let before = try descriptors()
            try await withBench(files: Self.echo) { bench in
                let version = bench.version("index.handler")
                await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            await bench.call(version, "\(number)", id: "id-\(number)").text
                                == "success \(number)"
                        }
                    }
                    for await right in group { #expect(right) }
                }
                #expect(bench.lines.texts.count { $0.hasPrefix("REPORT RequestId: ") } == 200)
                #expect(bench.lines.texts.contains { $0.hasSuffix("Z\tid-7\tINFO\tn 7") })
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } <= 4)
            }
            #expect(try descriptors() <= before + 8)
        }

        @Test("the process budget bounds a function unless concurrency follows AWS")
        func budget() async throws {
            for (lifted, most) in [(false, 2), (true, 6)] {
                try await withBench(
                    files: Self.echo,
                    configure: {
                        $0.environmentsPerFunction = 2
                        $0.liftsProcessBudget = lifted
                    }
                ) { bench in
                    let version = bench.version("index.pid")
                    let pids = await withTaskGroup(of: String.self) { group in
                        for _ in 0..<6 { group.addTask { await bench.call(version, "400").text } }
                        return await group.reduce(into: Set<String>()) { $0.insert($1) }
                    }
                    #expect(pids.count == most, "\(pids)")
                    #expect(pids.allSatisfy { $0.hasPrefix("success ") })
                }
            }
        }

        @Test("what stands behind others comes forward while its first invocation still has time")
        func haste() async throws {
            let code = """
                import os, time
                def handler(event, context):
                    end = time.monotonic() + 2.4
                    was_last = os.sched_getscheduler(0) == os.SCHED_IDLE
                    while os.sched_getscheduler(0) == os.SCHED_IDLE and time.monotonic() < end:
                        time.sleep(0.01)
                    return [was_last, os.sched_getscheduler(0) == os.SCHED_IDLE]
                """
            try await withBench(
                files: ["app.py": code],
                configure: { $0.environmentsPerFunction = 8 }
            ) { bench in
                let version = bench.version("app.handler", "python3.12", timeout: 3)
                let answers = await withTaskGroup(of: String.self) { group in
                    for _ in 0..<8 { group.addTask { await bench.call(version).text } }
                    return await group.reduce(into: Set<String>()) { $0.insert($1) }
                }
                #expect(answers.isSubset(of: ["success [false, false]", "success [true, false]"]))
                #expect(answers.contains("success [true, false]") == Precedence.isReversible)
            }
        }

        @Test("a caller that gets no environment within its limit is throttled")
        func patience() async throws {
            try await withBench(files: Self.echo, configure: { $0.environmentsPerFunction = 1 }) {
                bench in
                let version = bench.version("index.pid")
                _ = await bench.call(version, "0")
                let slow = Task { await bench.call(version, "900").text }
                let started: @Sendable (String) -> Bool = { $0.hasPrefix("START ") }
                while bench.lines.texts.count(where: started) < 2 { await Task.yield() }
                let late = await bench.call(version, "0") { $0.limit = .milliseconds(200) }.text
                let answers = await [slow.value, late]
                #expect(answers.count { $0 == "throttled ConcurrentInvocationLimitExceeded" } == 1)
                #expect(answers.count { $0.hasPrefix("success ") } == 1)
            }
        }

        @Test("a reactor without an idle environment borrows another's")
        func lending() async throws {
            try await withBench(files: Self.echo, reactors: 2) { bench in
                let version = bench.version("index.pid")
                let invoker = bench.invoker
                var pids: Set<String> = []
                for reactor in [0, 1, 0, 1] {
                    let answer = await Task(executorPreference: bench.reactors[reactor]) {
                        await invoker.invoke(
                            Invocation(
                                function: version.qualifiedName,
                                payload: [UInt8(ascii: "0")],
                                requestID: "id"
                            )
                        ).text
                    }.value
                    pids.insert(answer)
                }
                #expect(pids.count == 1, "\(pids)")
            }
        }

        @Test("a full reactor ends the longest idle environment to make room for another function")
        func fullReactor() async throws {
            try await withBench(files: Self.echo, configure: { $0.processes = 2 }) { bench in
                for number in 1...4 {
                    let version = bench.version("index.pid") { $0.name = "f\(number)" }
                    #expect(await bench.call(version, "0").text.hasPrefix("success "))
                }
            }
        }

        @Test("blank workers wait before they are needed and are replaced when taken")
        func blankWorkers() async throws {
            try await withBench(files: Self.echo, configure: { $0.blankWorkers = 1 }) { bench in
                #expect(await bench.invoker.prewarm(runtimes: ["nodejs20.x", "python3.12"]) == nil)
                #expect(await bench.invoker.processCount == 2)
                #expect(await bench.call(bench.version("index.handler"), "1").text == "success 1")
                #expect(await bench.invoker.prewarm(runtimes: ["nodejs20.x"]) == nil)
                #expect(await bench.invoker.processCount >= 3)
                await bench.invoker.shutdown()
                #expect(await bench.invoker.processCount == 0)
            }
        }

        @Test("retired functions end their environments; others stay")
        func retirement() async throws {
            try await withBench(files: Self.echo) { bench in
                let kept = bench.version("index.pid") { $0.name = "kept" }
                let gone = bench.version("index.pid") { $0.name = "gone" }
                let first = await bench.call(kept, "0").text
                let other = await bench.call(gone, "0").text
                bench.invoker.retire(functionsNotIn: ["kept:3"])
                #expect(await bench.call(kept, "0").text == first)
                #expect(await bench.call(gone, "0").text != other)
            }
        }

        private func descriptors() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        }
    }
}

@Suite
struct EnvironmentStateTests {
    @Test("an environment lives through its states and refuses what makes no sense")
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
