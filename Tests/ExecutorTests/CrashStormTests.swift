import DataPlane
import Foundation
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct CrashStormTests {
        private static let faults = [
            "exits", "exitsQuietly", "killed", "aborts", "throwsLater", "rejects", "garbage",
            "closes", "logsAndExits", "leavesChild", "callbackTwice",
        ]

        @Test(
            "functions that crash in every way leave nothing behind and do not touch another function"
        )
        func storm() async throws {
            try await withBench("commonjs", configure: { $0.environmentsPerFunction = 2 }) {
                bench in
                let quiet = bench.version("index.async")
                let versions = Self.faults.map { name in
                    bench.version(name == "callbackTwice" ? "index.\(name)" : "faults.\(name)") {
                        $0.timeout = 2
                    }
                }
                await withTaskGroup(of: Void.self) { group in
                    for version in versions {
                        group.addTask {
                            for _ in 0..<3 {
                                let text = await bench.call(version).text
                                #expect(!text.hasPrefix("throttled"), "\(version.handler): \(text)")
                            }
                        }
                    }
                    group.addTask {
                        for number in 0..<60 {
                            let text = await bench.call(quiet, "{\"a\":\(number)}").text
                            #expect(text.hasPrefix("success {\"got\":\(number),"), "\(text)")
                        }
                    }
                }
                await bench.invoker.shutdown()
                #expect(await bench.invoker.processCount == 0)
            }
        }
    }

    @Suite
    struct FreezeTests {
        private static let ticking = [
            "index.js": """
            let ticks = 0;
            setInterval(() => { ticks += 1; }, 5);
            exports.handler = async (event) => {
              await new Promise((resolve) => setTimeout(resolve, event));
              return ticks;
            };
            """
        ]

        @Test("a frozen process does no work between invocations and goes on with the next")
        func freezes() async throws {
            for freezes in [true, false] {
                try await withBench(
                    files: Self.ticking,
                    configure: { $0.freezesBetweenInvocations = freezes }
                ) { bench in
                    let version = bench.version("index.handler")
                    let first = try #require(Int(await bench.call(version, "30").text.dropFirst(8)))
                    let other = bench.version("index.handler") { $0.name = "other" }
                    _ = await bench.call(other, "400")
                    let second = try #require(Int(await bench.call(version, "0").text.dropFirst(8)))
                    #expect((second - first < 20) == freezes, "\(first) \(second)")
                }
            }
        }
    }

    @Suite
    struct InterpreterTests {
        @Test(
            "a runtime's name picks its own interpreter when there is one, else the nearest with a warning"
        )
        func interpreters() async throws {
            try await withBench("commonjs") { bench in
                let folder = bench.root + "/bin"
                try FileManager.default.createDirectory(
                    atPath: folder,
                    withIntermediateDirectories: true
                )
                for (name, text) in [
                    ("node", "#!/bin/sh\nPATH='$REAL' exec node \"$@\"\n"),
                    ("node22", "#!/bin/sh\nexit 127\n"),
                ] {
                    let real = ProcessInfo.processInfo.environment["PATH"] ?? ""
                    let script = text.replacingOccurrences(of: "$REAL", with: real)
                    try script.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
                    try FileManager.default.setAttributes(
                        [.posixPermissions: 0o755],
                        ofItemAtPath: folder + "/" + name
                    )
                }
                try await withBench("commonjs", configure: { $0.path = folder + ":/usr/bin:/bin" })
                {
                    inner in
                    let version = inner.version("index.promise", "nodejs22.x")
                    #expect(await inner.call(version).text == "success 7")
                    #expect(
                        inner.lines.texts.contains {
                            $0.hasPrefix("nodejs22.x runs on Node.js ")
                                && $0.hasSuffix(", the nearest on this machine")
                        }
                    )
                }
            }
        }

        @Test("a name asks for a major version of Node.js and for major and minor of Python")
        func names() {
            #expect(RuntimeKind.node.isExact("nodejs20.x", version: "20.20.2"))
            #expect(!RuntimeKind.node.isExact("nodejs22.x", version: "20.20.2"))
            #expect(RuntimeKind.python.isExact("python3.11", version: "3.11.7"))
            #expect(!RuntimeKind.python.isExact("python3.12", version: "3.11.7"))
            #expect(RuntimeKind.node.exactProgram("nodejs22.x") == "node22")
            #expect(RuntimeKind.python.exactProgram("python3.12") == "python3.12")
        }
    }
}
