import DataPlane
import Foundation
import Model
import Testing
import Testkit

@testable import Executor

enum Mounting {
    /// Whether this machine lets us mount, as root or in a namespace of our own.
    static let isPossible: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments =
            (geteuid() == 0 ? [] : ["--user", "--map-root-user"])
            + ["--mount", "--", "/bin/mount", "-t", "tmpfs", "test", "/tmp"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.start()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()
}

extension ProcessTests {
    @Suite("The /tmp of environments", .enabled(if: Mounting.isPossible))
    struct ScratchTests {
        private static let code = [
            "index.js": """
            const fs = require('fs'), childProcess = require('child_process');
            exports.list = async () => fs.readdirSync('/tmp');
            exports.write = async (event) => {
              fs.mkdirSync('/tmp/folder');
              fs.writeFileSync('/tmp/folder/file', event);
              if (event === 'hang') for (;;);
              return fs.readdirSync('/tmp');
            };
            exports.read = async () => fs.readFileSync('/tmp/folder/file', 'utf8');
            exports.both = async (event) => event ? exports.write(event) : exports.read();
            exports.fill = async () => {
              try { for (;;) fs.appendFileSync('/tmp/large', Buffer.alloc(1 << 20)); } catch (error) {
                return [error.code, fs.statSync('/tmp/large').size];
              }
            };
            exports.daemon = async () => {
              const child = childProcess.spawn('sleep', ['310'], { detached: true, stdio: 'ignore' });
              child.unref();
              return child.pid;
            };
            """,
            "bootstrap": """
            #!/bin/bash
            api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
            while :; do
              id=$(curl -sS -D - -o /tmp/event "$api/next" | tr -d '\\r' \
                | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
              ls -A /tmp | tr '\\n' ' ' | curl -sS -o /dev/null --data-binary @- "$api/$id/response"
            done
            """,
        ]

        @Test("two environments do not see each other's files, nor the machine's")
        func separate() async throws {
            try await withBench(files: Self.code) { bench in
                let machine = bench.root + "/../portico-scratch-\(UUID().uuidString)"
                try Data().write(to: URL(fileURLWithPath: machine))
                defer { try? FileManager.default.removeItem(atPath: machine) }
                let first = await bench.call(bench.version("index.write"), "\"a\"").text
                #expect(first.contains("folder"))
                let second = await bench.call(bench.version("index.list")).text
                #expect(!second.contains("folder"), "\(second)")
                #expect(!second.contains("portico-scratch-"), "\(second)")
            }
        }

        @Test("what does not fit is refused with ENOSPC, and the function lives on")
        func full() async throws {
            try await withBench(files: Self.code, configure: { $0.scratchSize = 8 << 20 }) {
                bench in
                let version = bench.version("index.fill")
                let text = await bench.call(version).text
                #expect(text == "success [\"ENOSPC\",8388608]", "\(text)")
                #expect(await bench.call(version).text == text)
            }
        }

        @Test("files stay when a timeout resets the environment")
        func reset() async throws {
            try await withBench(files: Self.code) { bench in
                let version = bench.version("index.both", timeout: 1)
                #expect(await bench.call(version, "\"hang\"").text.hasPrefix("timeout "))
                #expect(await bench.call(version, "null").text == "success \"hang\"")
            }
        }

        @Test("a process that left its group ends with its environment")
        func daemons() async throws {
            try await withBench(files: Self.code) { bench in
                let version = bench.version("index.daemon")
                let text = await bench.call(version).text
                let pid = try #require(Int32(text.dropFirst(8)))
                #expect(kill(pid, 0) == 0)
                await bench.invoker.shutdown()
                // Its parent is gone: whoever adopted it reaps it after the kill.
                let deadline = ContinuousClock.now + .seconds(10)
                while isRunning(pid), ContinuousClock.now < deadline { await Task.yield() }
                #expect(!isRunning(pid))
            }
        }

        private func isRunning(_ pid: Int32) -> Bool {
            guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            else { return false }
            return text.split(separator: ")").last?.split(separator: " ").first != "Z"
        }

        @Test(
            "a program in /tmp, which environments do not share, is refused with a sentence that says so"
        )
        func hiddenProgram() async throws {
            let folder = "/tmp/portico-hidden-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let shell = URL(fileURLWithPath: "/bin/sh").resolvingSymlinksInPath().path
            try FileManager.default.copyItem(atPath: shell, toPath: folder + "/sh")
            let files = ["bootstrap": "#!\(folder)/sh\nexit 3\n"]
            try await withBench(files: files) { bench in
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/code/bootstrap"
                )
                let script = bench.version("any.handler", "provided.al2023")
                let program = bench.version("any.handler", "provided.al2023") {
                    $0.name = "program"
                    $0.image = FunctionCommand(entryPoint: [folder + "/sh"], command: [])
                }
                for version in [script, program] {
                    let text = await bench.call(version).text
                    #expect(text.contains("Runtime.InvalidEntrypoint"), "\(text)")
                    #expect(text.contains("\(folder)/sh lies in /tmp"), "\(text)")
                }
            }
        }

        @Test("a runtime of the function's own has its /tmp as well")
        func provided() async throws {
            try await withBench(files: Self.code) { bench in
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/code/bootstrap"
                )
                let machine = bench.root + "/../portico-scratch-\(UUID().uuidString)"
                try Data().write(to: URL(fileURLWithPath: machine))
                defer { try? FileManager.default.removeItem(atPath: machine) }
                let version = bench.version("any.handler", "provided.al2023")
                let text = await bench.call(version).text
                // Folders that the process needs are there as well.
                #expect(text.split(separator: " ").contains("event"), "\(text)")
                #expect(!text.contains("portico-scratch-"), "\(text)")
            }
        }
    }
}

extension ProcessTests {
    @Suite
    struct SecondAnswerTests {
        private static let code = [
            "app.py": """
            import os, struct

            def handler(event, context):
                # Two frames that look like answers, for no call and for the first one.
                for serial in (0, 1):
                    body = struct.pack("<I", serial) + b'"forged"'
                    os.write(3, struct.pack("<IB", len(body), 13) + body)
                return event
            """
        ]

        @Test("an answer to another call than the current one means nothing")
        func ignored() async throws {
            try await withBench(files: Self.code) { bench in
                let version = bench.version("app.handler", "python3.12")
                #expect(await bench.call(version, "0").text == "success \"forged\"")
                for number in 1..<20 {
                    #expect(await bench.call(version, "\(number)").text == "success \(number)")
                }
            }
        }
    }
}
