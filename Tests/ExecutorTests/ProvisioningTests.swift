import DataPlane
import Model
import Testing

@testable import Executor

extension ProcessTests {
    @Suite
    struct ProvisioningTests {
        private static let code = [
            "index.js": """
            exports.handler = async (event) => {
              if (event) process.exit(1);
              return [process.pid, process.env.AWS_LAMBDA_INITIALIZATION_TYPE];
            };
            """
        ]

        private func waitFor(_ count: Int, _ what: String, in bench: Bench) async {
            let deadline = ContinuousClock.now + .seconds(30)
            while bench.lines.texts.count(where: { $0.hasPrefix(what) }) < count,
                ContinuousClock.now < deadline
            { await Task.yield() }
        }

        @Test("provisioned environments start unasked, are used first and come back when they end")
        func provisioned() async throws {
            try await withBench(files: Self.code, reactors: 2) { bench in
                let version = bench.version("index.handler")
                bench.invoker.provision([version.qualifiedName: 3])
                await waitFor(3, "INIT_START ", in: bench)
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 3)
                #expect(await bench.invoker.processCount == 3)
                let text = await bench.call(version, "0").text
                #expect(text.hasSuffix(",\"provisioned-concurrency\"]"), "\(text)")
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 3)

                #expect(await bench.call(version, "1").text.hasPrefix("exited "))
                await waitFor(4, "INIT_START ", in: bench)
                #expect(bench.lines.texts.count { $0.hasPrefix("INIT_START ") } == 4)
            }
        }
    }
}
