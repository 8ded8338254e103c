import ControlPlane
import Executor
import Foundation
import Reactor

/// What makes segments in a process.
struct TracingParts: Sendable {
    let tracer: Tracer
    let output: TraceOutput
    /// Takes the segments that functions make themselves, when a file gets them all.
    private let receiver: DatagramSocket?

    /// Opens what a destination means; nil for none.
    ///
    /// - Throws: `CommandFailure` when the address or the file is of no use.
    init?(_ destination: TraceDestination?) throws {
        switch destination {
        case nil: return nil
        case .daemon(let text)?:
            guard let address = TraceDestination.address(text) else {
                throw CommandFailure("\(text) is no address with a port")
            }
            do throws(SocketError) {
                output = TraceOutput(daemon: try DatagramSocket.connected(to: address))
            } catch {
                throw CommandFailure("--xray-daemon: \(error.text)")
            }
            receiver = nil
            tracer = Tracer(output: output, address: text)
        case .file(let path)?:
            guard let handle = FileHandle(forUpdatingAtPath: path) ?? Self.make(path) else {
                throw CommandFailure("--xray-file: cannot write \(path)")
            }
            try handle.close()
            output = TraceOutput(file: path)
            guard let address = SocketAddress(numeric: "127.0.0.1", port: 0) else { return nil }
            do throws(SocketError) {
                let socket = try DatagramSocket.bound(to: address)
                receiver = socket
                tracer = Tracer(output: output, address: "127.0.0.1:\(socket.port)")
            } catch {
                throw CommandFailure("--xray-file: \(error.text)")
            }
        }
    }

    /// How many segments left.
    var counts: SegmentCounts { SegmentCounts(sent: output.sent, dropped: output.dropped) }

    private static func make(_ path: String) -> FileHandle? {
        guard FileManager.default.createFile(atPath: path, contents: nil) else { return nil }
        return FileHandle(forUpdatingAtPath: path)
    }

    /// Begins to take the segments that functions make themselves.
    func start(on reactor: Reactor, log: LogWriter) {
        guard let receiver else { return }
        let output = output
        Task(executorPreference: reactor) {
            await receiver.receive(on: reactor) { datagram in
                if let document = TraceOutput.document(in: datagram) {
                    output.send(Array(document))
                } else {
                    log.line("a datagram for the X-Ray daemon cannot be read", level: .warning)
                }
            }
        }
    }
}
