import Foundation
import Testing

@Suite("Debuggers", .serialized, .timeLimit(.minutes(10)))
struct DebuggingTests {
    private static let files = [
        "template.yaml": """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          Slow:
            Type: AWS::Serverless::Function
            Properties: { Runtime: nodejs22.x, Handler: index.handler, CodeUri: slow, Timeout: 1 }
          Other:
            Type: AWS::Serverless::Function
            Properties: { Runtime: nodejs22.x, Handler: index.handler, CodeUri: slow, Timeout: 1 }
        """,
        "slow/index.js": """
        exports.handler = async (event) => {
          await new Promise((resolve) => setTimeout(resolve, event.wait));
          return process.pid;
        };
        """,
    ]

    private func invoke(_ name: String, _ wait: Int, _ port: Int) throws -> CommandRun.Result {
        try CommandRun(
            ["invoke", name, "--event", "-", "--api-port", "\(port)"],
            in: try CommandRun.folder(),
            input: "{\"wait\":\(wait)}"
        ).finish()
    }

    @Test("a time limit is held while a debugger is attached, and kept while none is")
    func holds() throws {
        let debug = try Self.freePort()
        let node = try CommandRun.node(
            ["up", "--debug", "Slow", "--debug-port", "\(debug)"],
            in: try CommandRun.folder(Self.files)
        )
        let api = try node.port("api")
        let first = try invoke("Slow", 0, api)
        #expect(first.status == 0, "\(first.errors)")

        let debugger = try Self.attach(to: debug)
        let held = try invoke("Slow", 2500, api)
        #expect(held.status == 0, "\(held.errors)")
        #expect(held.output == first.output, "the environment is the one of before")
        close(debugger)

        let late = try invoke("Slow", 600_000, api)
        #expect(late.status != 0)
        #expect(late.output.contains("Task timed out after"), "\(late.output)")
        let again = try invoke("Slow", 0, api)
        #expect(again.status == 0 && again.output != first.output)
        close(try Self.attach(to: debug))
        #expect(try invoke("Other", 600_000, api).output.contains("Task timed out after"))
    }

    private static let code = """
        import os, time

        def handler(event, context):
            twice = event["number"] * 2
            time.sleep(event.get("wait", 0))
            return {"twice": twice, "pid": os.getpid(), "file": __file__, "line": 4}
        """

    /// The folder of debugpy's package, where `scripts/install-dependencies test` puts it.
    private static let debugpy = RunningNode.root.appendingPathComponent(".debugger/debugpy")

    @Test(
        "debugpy stops a Python function at a breakpoint, whatever its time limit, and lets it go on",
        .enabled(if: FileManager.default.fileExists(atPath: debugpy.path))
    )
    func python() throws {
        let folder = try CommandRun.folder([
            "template.yaml": """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Slow:
                Type: AWS::Serverless::Function
                Properties:
                  { FunctionName: slow, Runtime: python3.12, Handler: app.handler, CodeUri: slow, Timeout: 4 }
            """,
            "slow/app.py": Self.code,
        ])
        // As a user brings it: with the function's own packages.
        try FileManager.default.copyItem(
            at: Self.debugpy,
            to: folder.appendingPathComponent("slow/debugpy")
        )
        let debug = try Self.freePort()
        let node = try CommandRun.node(
            ["up", "--debug", "Slow", "--debug-port", "\(debug)"],
            in: folder
        )
        try PythonClient.run(
            "debugpy_session.py",
            ports: ["api": try node.port("api")],
            ["\(debug)"]
        )
        _ = node.stop()
    }

    /// Connects as a debugger does and asks the inspector who it is.
    private static func attach(to port: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size)
            }
        }
        try #require(result == 0, "no inspector at port \(port)")
        let ask = "GET /json/version HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n"
        try #require(send(descriptor, ask, ask.utf8.count, 0) == ask.utf8.count)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        try #require(text.hasPrefix("HTTP/1."), "\(text)")
        return descriptor
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(result)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
