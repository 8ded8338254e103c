import Foundation
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite("EphemeralStorage of functions")
    struct StorageTests {
        private static let code = [
            "app.py": """
            import os
            def handler(event, context):
                found = os.statvfs('/tmp')
                return found.f_blocks * found.f_frsize >> 20
            """,
            "bootstrap": """
            #!/bin/bash
            api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
            while :; do
              id=$(curl -sS -D - -o /tmp/event "$api/next" | tr -d '\\r' \
                | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
              df -m --output=size /tmp | tail -1 | tr -d ' \\n' \
                | curl -sS -o /dev/null --data-binary @- "$api/$id/response"
            done
            """,
        ]

        @Test(
            "a function's /tmp has the size that it asks for",
            .enabled(if: Mounting.isPossible),
            arguments: ["python3.12", "provided.al2023"],
            [nil, 600]
        )
        func size(runtime: String, storage: Int?) async throws {
            try await withBench(files: Self.code) { bench in
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: bench.root + "/code/bootstrap"
                )
                let version = bench.version("app.handler", runtime, timeout: 120) {
                    $0.ephemeralStorage = storage
                }
                let text = await bench.call(version).text
                #expect(text == "success \(storage ?? 512)", "\(bench.lines.texts)")
            }
        }

        @Test("where mounting is not possible the log says that a size has no effect")
        func unmounted() async throws {
            try await withBench(files: Self.code, configure: { $0.isolatesScratch = false }) {
                bench in
                let version = bench.version("app.handler", "python3.12", timeout: 120) {
                    $0.ephemeralStorage = 600
                }
                _ = await bench.call(version)
                #expect(
                    bench.lines.texts.contains { $0.hasPrefix("EphemeralStorage has no effect") }
                )
            }
        }
    }
}
