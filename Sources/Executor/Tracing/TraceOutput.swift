import Glibc
package import Reactor
import Synchronization

/// Where segments go: to a daemon by UDP, or into a file.
///
/// Nothing waits for it: what finds no room is counted and lost.
package final class TraceOutput: Sendable {
    /// What stands before each document.
    ///
    /// Source: AWS X-Ray, "Sending trace data to AWS X-Ray", with the daemon.
    static let preamble = Array("{\"format\": \"json\", \"version\": 1}\n".utf8)
    /// How large a file grows before it becomes the one of before, whose place it takes.
    ///
    /// Unit: bytes.
    package static let maximumFile = 64 << 20

    private enum Destination {
        case daemon(DatagramSocket)
        case file(TraceFile, BlockingPool)
    }

    private let destination: Destination
    private let lost = Atomic<Int>(0)
    private let passed = Atomic<Int>(0)

    /// Sends to a daemon from a connected socket.
    package init(daemon socket: consuming DatagramSocket) {
        destination = .daemon(socket)
    }

    /// Appends lines of JSON to a file; at `maximumFile` bytes it is renamed to end in `.1`.
    package init(file path: String, maximumFile: Int = TraceOutput.maximumFile) {
        destination = .file(TraceFile(path: path, maximum: maximumFile), BlockingPool(threads: 1))
    }

    /// How many documents were sent or written.
    package var sent: Int { passed.load(ordering: .relaxed) }

    /// How many documents found no room or nobody who takes them.
    package var dropped: Int { lost.load(ordering: .relaxed) }

    /// Counts a document that is not sent.
    func drop() { lost.add(1, ordering: .relaxed) }

    /// Sends a document, or counts it as lost.
    package func send(_ document: [UInt8]) {
        let isTaken: Bool
        switch destination {
        case .daemon(let socket): isTaken = socket.send(Self.preamble + document)
        case .file(let file, let pool):
            // The pool takes no more jobs than its capacity.
            isTaken = pool.submit { [self] in if !file.append(document) { drop() } }
        }
        if isTaken { passed.add(1, ordering: .relaxed) } else { drop() }
    }

    /// The document of a datagram of the daemon's protocol; nil when it isn't one.
    package static func document(in datagram: [UInt8]) -> ArraySlice<UInt8>? {
        TraceDatagram.document(in: datagram)
    }

    /// Waits until what was given is written; only a file has to.
    package func flush() async {
        guard case .file(_, let pool) = destination else { return }
        await pool.run {}
    }
}

/// A file of lines that begins anew when it is full.
private final class TraceFile: Sendable {
    private let path: String
    private let maximum: Int

    init(path: String, maximum: Int) {
        self.path = path
        self.maximum = maximum
    }

    /// Appends a line; false when that fails.
    func append(_ line: [UInt8]) -> Bool {
        var status = stat()
        if stat(path, &status) == 0, Int(status.st_size) + line.count >= maximum {
            rename(path, path + ".1")
        }
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = line + [10]
        return write(descriptor, bytes, bytes.count) == bytes.count
    }
}
