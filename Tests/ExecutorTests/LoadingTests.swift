import DataPlane
import Foundation
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct LoadingTests {
        private static let files = [
            "syntax.js": "const a = 1;\nconst b = ;\n",
            "module.mjs": "\n\nexport const x = = 2;",
            "thrown.js": "\nnull.x;", "empty.js": "", "value.js": "exports.x = 5;",
            "inner.js": "const a = 1;\nrequire('./syntax');\n",
            "missing.js": "const a = 1;\nconst b = require('absent');\nexports.x = () => {};",
            "absent.mjs":
                "import fs from 'fs';\nimport absent from 'absent';\nexport const x = () => {};",
            "relative.mjs": "import { y } from './nowhere.mjs';\nexport const x = () => {};",
            "name.mjs": "import { y } from './other.mjs';\nexport const x = () => {};",
            "other.mjs": "export const z = 1;",
            "rejects.mjs": "\nawait Promise.reject(new RangeError('r'));",
            "exits.js": "process.exit(7);",
            "waits.mjs": "await new Promise(() => setTimeout(() => {}, 1e6));",
            "syntax.py": "def handler(e, c):\n    return = 1\n",
            "thrown.py": "a = 1\n\nb = a / 0\n", "missing.py": "import os\nimport absent\n",
            "inner.py": "import syntax\n", "plain.py": "x = 1\n",
            "exits.py": "import sys\nsys.exit(7)\n",
        ]

        private struct Place: Equatable {
            var type: String
            var file: String
            var line: Int
            var column: Int
        }

        @Test("an error of loading names the user's file with line and column")
        func places() async throws {
            let expected = [
                (
                    "syntax.x",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "syntax.js",
                        line: 2,
                        column: 11
                    )
                ),
                (
                    "module.x",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "module.mjs",
                        line: 3,
                        column: 18
                    )
                ),
                (
                    "inner.x",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "syntax.js",
                        line: 2,
                        column: 11
                    )
                ),
                ("thrown.x", Place(type: "TypeError", file: "thrown.js", line: 2, column: 6)),
                (
                    "missing.x",
                    Place(
                        type: "Runtime.ImportModuleError",
                        file: "missing.js",
                        line: 2,
                        column: 11
                    )
                ),
                (
                    "absent.x",
                    Place(type: "Runtime.ImportModuleError", file: "absent.mjs", line: 2, column: 8)
                ),
                (
                    "relative.x",
                    Place(
                        type: "Runtime.ImportModuleError",
                        file: "relative.mjs",
                        line: 1,
                        column: 22
                    )
                ),
                (
                    "name.x",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "name.mjs",
                        line: 1,
                        column: 10
                    )
                ),
                ("rejects.x", Place(type: "RangeError", file: "rejects.mjs", line: 2, column: 22)),
                (
                    "empty.x",
                    Place(type: "Runtime.HandlerNotFound", file: "empty.js", line: 1, column: 1)
                ),
                (
                    "value.x",
                    Place(type: "Runtime.HandlerNotFound", file: "value.js", line: 1, column: 1)
                ),
            ]
            try await withBench(files: Self.files) { bench in
                for (handler, place) in expected {
                    let failure = try #require(await bench.invoker.load(bench.version(handler)))
                    let found = Place(
                        type: failure.type,
                        file: failure.file,
                        line: failure.line,
                        column: failure.column
                    )
                    #expect(found == place, "\(handler)")
                }
            }
        }

        @Test("an error of loading Python names the user's file with its line")
        func pythonPlaces() async throws {
            let expected = [
                (
                    "syntax.handler",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "syntax.py",
                        line: 2,
                        column: 12
                    )
                ),
                (
                    "inner.handler",
                    Place(
                        type: "Runtime.UserCodeSyntaxError",
                        file: "syntax.py",
                        line: 2,
                        column: 12
                    )
                ),
                (
                    "thrown.handler",
                    Place(type: "ZeroDivisionError", file: "thrown.py", line: 3, column: 5)
                ),
                (
                    "missing.handler",
                    Place(type: "Runtime.ImportModuleError", file: "missing.py", line: 2, column: 1)
                ),
                (
                    "plain.nope",
                    Place(type: "Runtime.HandlerNotFound", file: "plain.py", line: 1, column: 1)
                ),
            ]
            try await withBench(files: Self.files) { bench in
                for (handler, place) in expected {
                    let version = bench.version(handler, "python3.12")
                    let failure = try #require(await bench.invoker.load(version))
                    let found = Place(
                        type: failure.type,
                        file: failure.file,
                        line: failure.line,
                        column: failure.column
                    )
                    #expect(found == place, "\(handler)")
                }
            }
        }

        @Test("handler names that cannot be found have Lambda's error types and texts")
        func names() async throws {
            let expected = [
                (
                    "none.x", "nodejs20.x", "Runtime.ImportModuleError",
                    "Error: Cannot find module 'none'"
                ),
                ("nodot", "nodejs20.x", "Runtime.MalformedHandlerName", "Bad handler"),
                (
                    "../up.x", "nodejs20.x", "Runtime.MalformedHandlerName",
                    "'../up.x' is not a valid handler name."
                ),
                ("value.x", "nodejs20.x", "Runtime.HandlerNotFound", "value.x is not a function"),
                (
                    "empty.x", "nodejs20.x", "Runtime.HandlerNotFound",
                    "empty.x is undefined or not exported"
                ),
                (
                    "handler", "python3.12", "Runtime.MalformedHandlerName",
                    "Bad handler 'handler': not enough values to unpack (expected 2, got 1)"
                ),
                (
                    "none.x", "python3.12", "Runtime.ImportModuleError",
                    "Unable to import module 'none': No module named 'none'"
                ),
                (
                    "plain.nope", "python3.12", "Runtime.HandlerNotFound",
                    "Handler 'nope' missing on module 'plain'"
                ),
                (
                    "time.x", "python3.12", "Runtime.BuiltInModuleConflict",
                    "Cannot use built-in module time as a handler module"
                ),
                (
                    "syntax.x", "python3.12", "Runtime.UserCodeSyntaxError",
                    "Syntax error in module 'syntax': invalid syntax (syntax.py, line 2)"
                ),
            ]
            try await withBench(files: Self.files) { bench in
                for (handler, runtime, type, message) in expected {
                    let failure = try #require(
                        await bench.invoker.load(bench.version(handler, runtime))
                    )
                    #expect(failure.type == type)
                    #expect(failure.message.hasPrefix(message), "\(failure.message)")
                }
            }
        }

        @Test("static code that fails runs a second time inside of the invocation")
        func suppressedInit() async throws {
            try await withBench(files: Self.files) { bench in
                let text = await bench.call("thrown.x")
                #expect(text.hasPrefix(#"initFailed {"errorType":"TypeError""#))
                let lines = bench.lines.texts
                let reports = lines.filter { $0.hasPrefix("INIT_REPORT ") }
                #expect(reports.count == 2)
                #expect(
                    reports.first?.hasSuffix("Phase: init\tStatus: error\tError Type: TypeError")
                        == true
                )
                #expect(
                    reports.last?.hasSuffix("Phase: invoke\tStatus: error\tError Type: TypeError")
                        == true
                )
                #expect(lines.contains("START RequestId: id-1 Version: 3"))
                #expect(lines.contains("END RequestId: id-1"))
                #expect(
                    lines.contains { $0.contains("\tundefined\tERROR\tUncaught Exception \t{") }
                )
            }
        }

        @Test("a process that ends while it loads is reported as an exit with the request's id")
        func exits() async throws {
            try await withBench(files: Self.files) { bench in
                let expected =
                    #"initFailed {"errorType":"Runtime.ExitError","errorMessage":"RequestId: id-1 "#
                    + #"Error: Runtime exited with error: exit status 7"}"#
                #expect(await bench.call("exits.x") == expected)
                #expect(await bench.call("exits.x", runtime: "python3.12") == expected)
            }
        }

        @Test(
            "static code over its limit is given the function's timeout and then ends in a timeout"
        )
        func slowInit() async throws {
            try await withBench(files: Self.files, configure: { $0.initLimit = .milliseconds(300) })
            {
                bench in
                let text = await bench.call(bench.version("waits.x", timeout: 1)).text
                #expect(text.contains("Task timed out after 1.00 seconds"), "\(text)")
                let reports = bench.lines.texts.filter { $0.hasPrefix("INIT_REPORT ") }
                #expect(reports.map { $0.hasSuffix("Status: timeout") } == [true, true])
            }
        }

        @Test("a worker that something kills while it boots is booted again")
        func killedBoot() async throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "programs-\(UUID().uuidString)"
            )
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
            let node = try #require(System.find("node", in: path))
            let (program, mark) = (folder.path + "/node", folder.path + "/booted")
            let script = """
                #!/bin/sh
                [ -e \(mark) ] && exec \(node) "$@"
                touch \(mark)
                kill -9 $$

                """
            try script.write(toFile: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
            try await withBench(
                files: Self.files,
                configure: { $0.path = folder.path + ":" + path }
            ) {
                bench in
                #expect(await bench.invoker.load(bench.version("value.x")) != nil)
                #expect(FileManager.default.fileExists(atPath: mark))
                let failure = await bench.invoker.load(bench.version("exits.x"))
                #expect(failure?.message.contains("exit status 7") == true)
            }
        }

        @Test("a runtime that isn't here and a program that isn't installed are said clearly")
        func absence() async throws {
            try await withBench(files: Self.files, configure: { $0.path = "/nonexistent" }) {
                bench in
                let node = try #require(await bench.invoker.load(bench.version("value.x")))
                #expect(node.message.contains("apt install nodejs"))
                let python = try #require(
                    await bench.invoker.load(bench.version("plain.x", "python3.12"))
                )
                #expect(python.message.contains("apt install python3"))
                let java = try #require(await bench.invoker.load(bench.version("a.B::c", "java21")))
                #expect(java.message.contains("java21 is not supported"))
            }
        }
    }
}
