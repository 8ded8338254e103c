import DataPlane
import Foundation
import Glibc
import JSON
import Model
import Testing
import Testkit

@testable import Executor

extension Mounting {
    /// Whether this machine lets us make all the namespaces of the strictest level.
    static let isComplete: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        process.arguments = [
            "--user", "--map-root-user", "--mount", "--ipc", "--uts", "--net", "--",
            "/bin/mount", "-t", "tmpfs", "test", "/tmp",
        ]
        process.standardError = FileHandle.nullDevice
        guard (try? process.start()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")
    }()
}

extension ProcessTests {
    @Suite(
        "Isolation levels",
        .enabled(if: Mounting.isComplete),
        .timeLimit(.minutes(10))
    )
    struct IsolationTests {
        private static let python = """
            import errno, os, socket, subprocess

            def attempt(action, *arguments):
                try:
                    return str(action(*arguments))
                except OSError as error:
                    return errno.errorcode[error.errno]

            def connect(port):
                with socket.create_connection(("127.0.0.1", port), 5):
                    return "connected"

            def outside():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.connect(("192.0.2.1", 9))
                    return "connected"

            def handler(event, context):
                root = os.path.dirname(os.environ["LAMBDA_TASK_ROOT"])
                return {
                    "state": sorted(os.listdir(root)),
                    "secret": attempt(os.listdir, root + "/secret"),
                    "own": attempt(lambda: open("own.txt").read()),
                    "write": attempt(lambda: open("new.txt", "w")),
                    "tmp": attempt(lambda: open("/tmp/file", "w").write("a")),
                    "above": sorted(os.listdir("..")),
                    "uncover": subprocess.run(["umount", "-l", root], capture_output=True).returncode != 0,
                    "connect": attempt(connect, event["port"]),
                    "outside": attempt(outside),
                }
            """
        private static let node = """
            const fs = require('fs'), net = require('net'), path = require('path');
            const attempt = (action) => { try { return String(action()); } catch (error) { return error.code; } };
            exports.handler = async (event) => {
              const root = path.dirname(process.env.LAMBDA_TASK_ROOT);
              return {
                state: fs.readdirSync(root).sort(), secret: attempt(() => fs.readdirSync(root + '/secret')),
                own: attempt(() => fs.readFileSync('own.txt', 'utf8')),
                write: attempt(() => fs.writeFileSync('new.txt', '')),
                tmp: attempt(() => fs.writeFileSync('/tmp/file', 'a') || 1), above: fs.readdirSync('..').sort(),
                connect: await new Promise((resolve) => net.connect(event.port, '127.0.0.1')
                  .on('connect', function () { this.destroy(); resolve('connected'); })
                  .on('error', (error) => resolve(error.code))),
              };
            };
            """
        /// Speaks the Runtime API itself.
        private static let bootstrap = """
            #!/usr/bin/python3
            import json, os, urllib.request
            import app
            base = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
            while True:
                with urllib.request.urlopen(base + "next") as answer:
                    identifier, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
                result = json.dumps(app.handler(event, None)).encode()
                urllib.request.urlopen(urllib.request.Request(base + identifier + "/response", result)).read()
            """

        enum Kind: String, CaseIterable, Sendable {
            case pythonFrames, nodeFrames, runtimeAPI, snapshot

            var runtime: String {
                switch self {
                case .pythonFrames, .snapshot: "python3.12"
                case .nodeFrames: "nodejs20.x"
                case .runtimeAPI: "provided.al2023"
                }
            }
        }

        private static let cases = [IsolationLevel.namespaces, .noNetwork].flatMap { level in
            Kind.allCases.map { (level, $0) }
        }

        @Test(
            "a function sees its own files and no other's, and serves, over each transport",
            arguments: cases
        )
        func separates(level: IsolationLevel, kind: Kind) async throws {
            let files = [
                "app.py": Self.python, "index.js": Self.node, "bootstrap": Self.bootstrap,
                "own.txt": "mine", "../secret/other.txt": "theirs",
            ]
            let door = try Door()
            defer { door.close() }
            try await withBench(files: files, configure: { $0.isolation = level }) { bench in
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/code/bootstrap"
                )
                let handler = kind == .nodeFrames ? "index.handler" : "app.handler"
                let version = bench.version(handler, kind.runtime, timeout: 60) {
                    $0.name = "f"
                    if kind == .snapshot { $0.snapStart = .publishedVersions }
                }
                let text = await bench.call(version, "{\"port\":\(door.port)}").text
                try #require(text.hasPrefix("success "), "\(text) \(bench.lines.texts)")
                let found = try JSONValue.parse(String(text.dropFirst(8)))
                #expect(found["state"] == ["code", "workers"])
                #expect(found["above"] == ["code", "workers"])
                #expect(found["secret"] == "ENOENT")
                #expect(found["own"] == "mine")
                #expect(found["write"] == "EROFS")
                #expect(found["tmp"] == "1")
                if kind != .nodeFrames { #expect(found["uncover"] == true) }
                let isOffline = level == .noNetwork
                #expect(found["connect"]?.string == (isOffline ? "ECONNREFUSED" : "connected"))
                if isOffline, kind != .nodeFrames { #expect(found["outside"] == "ENETUNREACH") }
                // And once more: what is warm stays so.
                let again = await bench.call(version, "{\"port\":\(door.port)}").text
                #expect(again.hasPrefix("success "), "\(again)")
                if kind == .snapshot {
                    #expect(bench.lines.texts.contains { $0.hasPrefix("RESTORE_REPORT") })
                    #expect(!bench.lines.texts.contains { $0.contains("without its snapshot") })
                }
            }
        }

        @Test("where the machine refuses, no function runs, and a sentence says why")
        func refusal() async throws {
            let configure: (inout ExecutorConfiguration) -> Void = {
                $0.isolation = .namespaces
                $0.neededFolders = ["/tmp/absent-\(UUID().uuidString)"]
            }
            try await withBench(files: ["app.py": Self.python], configure: configure) { bench in
                let problem = await bench.invoker.isolationProblem()
                #expect(problem?.hasPrefix("--isolation namespaces: this machine ") == true)
                for runtime in ["python3.12", "provided.al2023"] {
                    let version = bench.version("app.handler", runtime) { $0.name = runtime }
                    try Data().write(to: URL(fileURLWithPath: bench.root + "/code/bootstrap"))
                    try FileManager.default.setAttributes(
                        [.posixPermissions: 0o755],
                        ofItemAtPath: bench.root + "/code/bootstrap"
                    )
                    let text = await bench.call(version).text
                    #expect(text.contains("refused the namespaces"), "\(text)")
                }
            }
        }

        @Test("layers are there at every level, and an extension has its environment's network")
        func layers() async throws {
            let files = [
                "app.py": "import lent\ndef handler(event, context):\n    return lent.word\n",
                "../layer/python/lent.py": "word = open('/opt/data').read()\n",
                "../layer/data": "from /opt",
                "../layer/extensions/watcher": """
                #!/usr/bin/python3
                import json, os, urllib.request
                base = "http://%s/2020-01-01/extension/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
                request = urllib.request.Request(
                    base + "register", json.dumps({"events": ["INVOKE"]}).encode(),
                    {"Lambda-Extension-Name": "watcher"})
                identifier = urllib.request.urlopen(request).headers["Lambda-Extension-Identifier"]
                body = {"schemaVersion": "2022-12-13", "types": ["platform"],
                        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9911"}}
                answer = urllib.request.urlopen(urllib.request.Request(
                    base.replace("2020-01-01/extension/", "2022-07-01/telemetry"), json.dumps(body).encode(),
                    {"Lambda-Extension-Identifier": identifier}, method="PUT"))
                print("telemetry", answer.status, flush=True)
                while True:
                    urllib.request.urlopen(urllib.request.Request(
                        base + "event/next", headers={"Lambda-Extension-Identifier": identifier})).read()
                """,
            ]
            for level in IsolationLevel.allCases {
                try await withBench(files: files, configure: { $0.isolation = level }) { bench in
                    try FileManager.default.setAttributes(
                        [.posixPermissions: 0o755],
                        ofItemAtPath: bench.root + "/layer/extensions/watcher"
                    )
                    let version = bench.version("app.handler", "python3.12", timeout: 60) {
                        $0.layers = [bench.root + "/layer"]
                    }
                    let text = await bench.call(version).text
                    #expect(text == "success \"from /opt\"", "\(level): \(text)")
                    #expect(bench.lines.texts.contains { $0.contains("EXTENSION\tName: watcher") })
                    let told = level == .noNetwork ? "telemetry 202" : "telemetry 200"
                    let said = await bench.lines.wait { $0.first { $0.hasPrefix("telemetry ") } }
                    #expect(said == told, "\(level)")
                }
            }
        }

        /// Something on this machine that takes connections.
        private final class Door: Sendable {
            let port: Int
            private let descriptor: Int32

            init() throws {
                descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
                let size = socklen_t(MemoryLayout<sockaddr_in>.size)
                let descriptor = descriptor
                let bound = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                        var length = size
                        return bind(descriptor, generic, size) == 0 && listen(descriptor, 16) == 0
                            && getsockname(descriptor, generic, &length) == 0
                    }
                }
                try #require(bound)
                port = Int(UInt16(bigEndian: address.sin_port))
            }

            func close() { Glibc.close(descriptor) }
        }
    }
}
