import DataPlane
import Foundation
import JSON
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite("Environments out of snapshots", .timeLimit(.minutes(5)))
    struct SnapshotTests {
        private static let code = [
            "app.py": """
            import os, random, secrets, ssl, sys, time, uuid
            from snapshot_restore_py import register_before_snapshot, register_after_restore

            steps = ["init"]
            born = os.getpid()
            open("/tmp/of-init", "w").write("init")

            @register_before_snapshot
            def first():
                steps.append("before first")

            register_before_snapshot(lambda word: steps.append("before " + word), word="second")

            @register_after_restore
            def restored():
                steps.append("after first")
                print("restored", flush=True)

            register_after_restore(steps.append, "after second")

            def handler(event, context):
                if event == "exit":
                    os._exit(3)
                if event == "kill":
                    os.kill(os.getpid(), 11)
                if event == "hoard":
                    return len(bytearray(os.urandom(1 << 20)) * 400)
                meet = event.get("meet") if isinstance(event, dict) else None
                if meet:
                    open("/tmp/%d" % os.getpid(), "w").close()
                    open("%s/%d" % (meet, os.getpid()), "w").close()
                    while len(os.listdir(meet)) < 2:
                        time.sleep(0.005)
                return {
                    "pid": os.getpid(), "group": os.getpgrp(), "born": born, "steps": steps,
                    "random": random.random(), "secret": secrets.token_hex(8),
                    "tls": ssl.RAND_bytes(8).hex(), "uuid1": str(uuid.uuid1()), "uuid4": str(uuid.uuid4()),
                    "tmp": sorted(os.listdir("/tmp")), "group_name": context.log_group_name,
                    "environment": dict(os.environ),
                }
            """
        ]

        private func version(
            _ bench: Bench,
            _ handler: String = "app.handler",
            change: (inout FunctionVersion) -> Void = { _ in }
        ) -> FunctionVersion {
            bench.version(handler, "python3.12", timeout: 60) {
                $0.snapStart = .publishedVersions
                change(&$0)
            }
        }

        private func document(
            _ bench: Bench,
            _ version: FunctionVersion,
            _ payload: String = "{}"
        ) async throws -> JSONValue {
            let text = await bench.call(version, payload).text
            try #require(text.hasPrefix("success "), "\(text) \(bench.lines.texts)")
            return try JSONValue.parse(String(text.dropFirst(8)))
        }

        @Test("static code and hooks run once and in order, and every environment is a copy")
        func copies() async throws {
            try await withBench(files: Self.code, reactors: 2) { bench in
                let version = version(bench)
                let first = try await document(bench, version)
                #expect(
                    first["steps"] == [
                        "init", "before second", "before first", "after first", "after second",
                    ]
                )
                #expect(first["pid"] != first["born"])
                #expect(first["pid"] == first["group"])
                let exit = await bench.call(version, "\"exit\"").text
                #expect(exit.contains("exit status 3"), "\(exit)")
                let second = try await document(bench, version)
                let killed = await bench.call(version, "\"kill\"").text
                #expect(killed.contains("signal: segmentation fault"), "\(killed)")
                let third = try await document(bench, version)
                #expect(first["born"] == second["born"] && second["born"] == third["born"])
                #expect(first["steps"] == second["steps"])
                for key in ["pid", "random", "secret", "tls", "uuid1", "uuid4"] {
                    #expect(first[key] != second[key] && second[key] != third[key], "\(key)")
                }
                #expect(bench.lines.texts.filter { $0.hasPrefix("INIT_START") }.count == 1)
            }
        }

        @Test("variables are those of SnapStart, and the draft starts without it")
        func variables() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                let all = try #require(try await document(bench, version)["environment"])
                #expect(all["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start")
                for name in FunctionIdentity.absentWithSnapStart { #expect(all[name] == nil) }
                #expect(all["GREETING"] == "hej \"du\"")
                #expect(try await document(bench, version)["group_name"] == .null)
                let draft = self.version(bench) { $0.version = FunctionVersion.latest }
                let other = try await document(bench, draft)
                #expect(other["environment"]?["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand")
                #expect(other["pid"] == other["born"])
                #expect(other["steps"] == ["init"])
            }
        }

        @Test("keys come from a URL with a token, and without the token nobody gets them")
        func credentials() async throws {
            let code = [
                "app.py": """
                import json, os, urllib.request, urllib.error

                def handler(event, context):
                    url = os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
                    token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
                    try:
                        urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": "x" + token}))
                    except urllib.error.HTTPError as error:
                        refused = error.code
                    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": token})) as r:
                        return [refused, json.load(r)]
                """
            ]
            try await withBench(files: code) { bench in
                let answer = try await document(bench, version(bench))
                #expect(answer[0]?.int == 404)
                let keys = FunctionCredentials()
                #expect(answer[1]?["AccessKeyId"]?.string == keys.accessKey)
                #expect(answer[1]?["SecretAccessKey"]?.string == keys.secretKey)
                #expect(answer[1]?["Token"]?.string == keys.sessionToken)
                #expect(answer[1]?["Expiration"]?.string?.hasSuffix("Z") == true)
            }
        }

        @Test("the log tells of the snapshot and of each restore, in text and in JSON")
        func logs() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                _ = await bench.call(version)
                _ = await bench.call(version, id: "id-2")
                let texts = bench.lines.texts
                #expect(texts.contains { $0.hasPrefix("INIT_REPORT Init Duration: ") })
                #expect(
                    texts.contains { $0.hasPrefix("RESTORE_START Runtime Version: python3.12\t") }
                )
                #expect(texts.contains { $0.hasPrefix("RESTORE_REPORT Restore Duration: ") })
                #expect(texts.contains("restored"))
                let reports = texts.filter { $0.hasPrefix("REPORT RequestId: ") }
                #expect(reports.count == 2)
                #expect(reports[0].contains(" MB\tRestore Duration: "))
                #expect(reports[0].contains(" ms\tBilled Restore Duration: "))
                #expect(!reports[0].contains("Init Duration"))
                #expect(!reports[1].contains("Restore Duration"))
                let lines = bench.lines.lines
                let restored = try #require(lines.first { $0.text == "restored" })
                let initial = try #require(lines.first { $0.text.hasPrefix("INIT_REPORT") })
                #expect(restored.stream != initial.stream)
                let other = self.version(bench) {
                    $0.name = "other"
                    $0.logging = FunctionLogging(format: .json)
                }
                bench.lines.clear()
                _ = await bench.call(other)
                let records = bench.lines.texts.compactMap { try? JSONValue.parse($0) }
                for type in ["initReport", "restoreStart", "restoreReport"] {
                    #expect(
                        records.contains { $0["type"]?.string == "platform." + type },
                        "\(type)"
                    )
                }
                let report = records.first { $0["type"] == "platform.report" }
                #expect(report?["record"]?["metrics"]?["restoreDurationMs"] != nil)
            }
        }

        @Test("a hook that fails before the snapshot fails the function as static code does")
        func failsBefore() async throws {
            let code = [
                "app.py": """
                from snapshot_restore_py import register_before_snapshot

                @register_before_snapshot
                def hook():
                    raise ValueError("not yet")

                def handler(event, context):
                    return 7
                """
            ]
            try await withBench(files: code) { bench in
                let version = version(bench)
                let failure = await bench.invoker.load(version)
                #expect(failure?.type == "Runtime.BeforeSnapshotError")
                #expect(failure?.message == "not yet")
                #expect(failure?.file == "app.py")
                #expect(
                    bench.lines.texts.contains {
                        $0.hasSuffix("Error Type: Runtime.BeforeSnapshotError")
                    }
                )
            }
        }

        @Test(
            "a hook that fails or hangs after restoring fails the invocation, and the next one is served"
        )
        func failsAfter() async throws {
            let code = [
                "app.py": """
                import os
                from snapshot_restore_py import register_after_restore

                @register_after_restore
                def hook():
                    folder = os.environ["LAMBDA_TASK_ROOT"]
                    if os.path.exists(folder + "/fails"):
                        os.remove(folder + "/fails")
                        raise ValueError("not again")
                    if os.path.exists(folder + "/hangs"):
                        os.remove(folder + "/hangs")
                        while True:
                            pass

                def handler(event, context):
                    return 7
                """,
                "fails": "",
            ]
            try await withBench(files: code, configure: { $0.restoreLimit = .seconds(20) }) {
                bench in
                let version = version(bench)
                let failed = await bench.call(version).text
                #expect(failed.hasPrefix("restoreFailed "), "\(failed)")
                #expect(failed.contains("not again"), "\(failed)")
                #expect(bench.lines.texts.contains { $0.contains("Runtime.AfterRestoreError") })
                #expect(await bench.call(version).text == "success 7")
            }
            try await withBench(files: code, configure: { $0.restoreLimit = .seconds(3) }) {
                bench in
                try FileManager.default.removeItem(atPath: bench.root + "/code/fails")
                try Data().write(to: URL(fileURLWithPath: bench.root + "/code/hangs"))
                let version = version(bench)
                let hung = await bench.call(version).text
                #expect(hung.hasPrefix("restoreTimedOut "), "\(hung)")
                #expect(hung.contains("SnapStartTimeoutException"), "\(hung)")
                #expect(
                    bench.lines.texts.contains {
                        $0.hasPrefix("RESTORE_REPORT") && $0.hasSuffix("Status: timeout")
                    }
                )
            }
        }

        @Test("a module of hooks in the function's folder is the one that counts")
        func ownModule() async throws {
            let code = [
                "snapshot_restore_py.py": """
                calls = []
                def register_after_restore(func):
                    calls.append((func, (1,), {}))
                def get_before_snapshot():
                    return []
                def get_after_restore():
                    return calls
                """,
                "app.py": """
                import snapshot_restore_py
                seen = []
                snapshot_restore_py.register_after_restore(seen.append)
                def handler(event, context):
                    return seen
                """,
            ]
            try await withBench(files: code) { bench in
                #expect(await bench.call(version(bench)).text == "success [1]")
            }
        }

        @Test(
            "when the process of a snapshot dies, environments start without it and it is made anew"
        )
        func lost() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                let first = try await document(bench, version)
                let born = try #require(first["born"]?.int)
                kill(Int32(born), SIGKILL)
                // The copy lives on.
                #expect(try await document(bench, version)["pid"] == first["pid"])
                _ = await bench.call(version, "\"exit\"")
                await isGone(Int32(born))
                let second = try await document(bench, version)
                #expect(second["born"]?.int != born)
                #expect(
                    bench.lines.texts.contains { $0.hasPrefix("The process of the snapshot of ") }
                )
            }
        }

        /// Waits until a process has been reaped; the suite's limit bounds it.
        private func isGone(_ pid: Int32) async {
            while kill(pid, 0) == 0 { await Task.yield() }
        }

        @Test("nothing is left of copies that have ended, nor of anything after the end")
        func leavesNothing() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                var copies: [Int32] = []
                var born: Int32 = 0
                for _ in 0..<12 {
                    let found = try await document(bench, version)
                    copies.append(Int32(try #require(found["pid"]?.int)))
                    born = Int32(try #require(found["born"]?.int))
                    _ = await bench.call(version, "\"exit\"")
                }
                #expect(Set(copies).count == 12)
                for copy in copies { await isGone(copy) }
                await bench.invoker.shutdown()
                await isGone(born)
                #expect(await bench.invoker.processCount == 0)
            }
        }

        @Test("a copy over the memory limit is ended, and its original is not")
        func memory() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                let first = try await document(bench, version)
                let text = await bench.call(version, "\"hoard\"").text
                #expect(text.hasPrefix("outOfMemory "), "\(text)")
                #expect(try await document(bench, version)["born"] == first["born"])
            }
        }

        @Test(
            "each copy has its own /tmp with what static code wrote",
            .enabled(if: Mounting.isPossible)
        )
        func scratch() async throws {
            try await withBench(files: Self.code) { bench in
                let version = version(bench)
                let meeting = bench.root + "/meeting"
                try FileManager.default.createDirectory(
                    atPath: meeting,
                    withIntermediateDirectories: true
                )
                let payload = "{\"meet\":\"\(meeting)\"}"
                async let left = document(bench, version, payload)
                async let right = document(bench, version, payload)
                for found in try await [left, right] {
                    let names = found["tmp"]?.array?.compactMap(\.string) ?? []
                    #expect(names.contains("of-init"))
                    let own = names.filter { Int($0) != nil }
                    #expect(own == [String(try #require(found["pid"]?.int))], "\(names)")
                }
            }
        }

        @Test(
            "a version is pending while its snapshot is made, and failed when its static code fails"
        )
        func status() async throws {
            let code = ["app.py": "import absent\n", "good.py": "def handler(e, c): return 1\n"]
            try await withBench(files: code) { bench in
                bench.invoker.prepareSnapshots(of: [:])
                let bad = version(bench)
                let good = version(bench, "good.handler")
                bench.invoker.prepareSnapshots(
                    of: [bad.qualifiedName: bad, good.qualifiedName: good]
                )
                #expect(bench.invoker.snapshotStatus(of: "nobody:1") == nil)
                #expect(bench.invoker.snapshotStatus(of: good.qualifiedName) != nil)
                while bench.invoker.snapshotStatus(of: good.qualifiedName) == .preparing
                    || bench.invoker.snapshotStatus(of: bad.qualifiedName) == .preparing
                {
                    await Task.yield()
                }
                #expect(bench.invoker.snapshotStatus(of: good.qualifiedName) == .ready)
                guard
                    case .failed(let type, let message) =
                        bench.invoker.snapshotStatus(of: bad.qualifiedName)
                else {
                    Issue.record(
                        "\(String(describing: bench.invoker.snapshotStatus(of: bad.qualifiedName))) \(bench.lines.texts)"
                    )
                    return
                }
                #expect(type == "Runtime.ImportModuleError")
                #expect(message.contains("No module named 'absent'"))
                // The version of which a snapshot waits begins with a restore.
                #expect(await bench.call(good).text == "success 1")
                #expect(bench.lines.texts.filter { $0.hasPrefix("RESTORE_START") }.count == 1)
            }
        }
    }
}
