import ArgumentParser
import Foundation
import Reactor

/// Flags that say where segments of invocations go.
struct TracingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Sends X-Ray segments of invocations to the daemon at this address, by UDP.",
            valueName: "host:port"
        )
    )
    var xrayDaemon: String?

    @Option(
        help: ArgumentHelp(
            "Appends X-Ray segments of invocations to this file, one JSON document per line.",
            valueName: "file"
        )
    )
    var xrayFile: String?

    mutating func validate() throws {
        guard xrayDaemon == nil || xrayFile == nil else {
            throw ValidationError("--xray-daemon and --xray-file exclude each other")
        }
        if let xrayDaemon, TraceDestination.address(xrayDaemon) == nil {
            throw ValidationError(
                "--xray-daemon takes an address and a port, such as 127.0.0.1:2000"
            )
        }
    }

    /// What the flags mean.
    var destination: TraceDestination? {
        if let xrayDaemon { return .daemon(xrayDaemon) }
        return xrayFile.map { .file(URL(fileURLWithPath: $0).standardizedFileURL.path) }
    }
}

/// Where segments of invocations go.
enum TraceDestination: Sendable {
    /// A numeric address, or `localhost`, with a port.
    case daemon(String)
    case file(String)

    /// The address of a daemon; nil when the text is none.
    static func address(_ text: String) -> SocketAddress? {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        let host = text[..<colon] == "localhost" ? "127.0.0.1" : String(text[..<colon])
        return SocketAddress(numeric: host, port: port)
    }
}
