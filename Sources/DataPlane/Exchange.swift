package import HTTP
import Reactor
import TLS
package import Telemetry

/// What is known of the viewer's connection, shared by all its exchanges.
package final class Viewer: Sendable {
    package let address: String
    package let port: Int
    package let isTLS: Bool
    /// The port that the viewer reached, as bound here.
    package let localPort: Int
    /// The address that the viewer reached; empty where there is no connection.
    package let localAddress: String
    package let serverName: String?
    package let tlsProtocol: String?
    package let tlsCipher: String?
    /// The verified certificate that the viewer showed, in DER; nil when it was not asked for one.
    package let certificateDER: [UInt8]?
    /// What the connection is called in logs; nil where it has no name.
    package let connectionID: String?

    /// Makes a description of a viewer's connection.
    package init(
        address: String,
        port: Int,
        isTLS: Bool,
        localPort: Int,
        localAddress: String = "",
        serverName: String? = nil,
        tlsProtocol: String? = nil,
        tlsCipher: String? = nil,
        certificateDER: [UInt8]? = nil,
        connectionID: String? = nil
    ) {
        self.address = address
        self.port = port
        self.isTLS = isTLS
        self.localPort = localPort
        self.localAddress = localAddress
        self.serverName = serverName
        self.tlsProtocol = tlsProtocol
        self.tlsCipher = tlsCipher
        self.certificateDER = certificateDER
        self.connectionID = connectionID
    }

    /// The viewer on whose behalf a proxy has connected.
    func relayed(for source: SocketAddress) -> Viewer {
        Viewer(
            address: source.host,
            port: source.port,
            isTLS: isTLS,
            localPort: localPort,
            localAddress: localAddress
        )
    }

    /// The same viewer with what the TLS handshake brought out.
    func secured(by session: TLSSession) -> Viewer {
        Viewer(
            address: address,
            port: port,
            isTLS: isTLS,
            localPort: localPort,
            localAddress: localAddress,
            serverName: session.serverName,
            tlsProtocol: session.protocolName,
            tlsCipher: session.cipherName,
            certificateDER: session.peerCertificateDER
        )
    }

    /// The same viewer, by the name that its connection was given.
    func named(_ id: String) -> Viewer {
        Viewer(
            address: address,
            port: port,
            isTLS: isTLS,
            localPort: localPort,
            localAddress: localAddress,
            serverName: serverName,
            tlsProtocol: tlsProtocol,
            tlsCipher: tlsCipher,
            certificateDER: certificateDER,
            connectionID: id
        )
    }
}

/// Bytes that arrive over time, pulled by their reader; pulling is the backpressure.
///
/// Confined to its reactor. Letting go of a source before its end abandons it (the connection closes).
package protocol BodySource: AnyObject {
    /// The next piece, nil at the end.
    /// - Throws: a `Fault` when the sender fails or stalls past its deadline.
    func read() async throws(Fault) -> Bytes?
    /// Fields after the last chunk; empty until the end was read.
    var trailers: Headers { get }
    /// Whether the next read returns without waiting; lets head and first piece go out in one write.
    var isReady: Bool { get }
}

extension BodySource {
    /// False: a source that does not know may wait.
    package var isReady: Bool { false }
}

/// Both directions of a connection after an upgrade (WebSocket) or CONNECT.
package protocol DuplexStream: AnyObject {
    /// The next bytes, nil when the peer has shut its side.
    func read() async throws(Fault) -> Bytes?
    /// Sends bytes; returns when the socket has taken them.
    func write(_ bytes: Bytes) async throws(Fault)
    /// Shuts our sending side.
    func finish() async
    /// Ends both directions.
    func close()
}

/// The content of a message.
package enum Body {
    case empty
    case bytes(Bytes)
    /// Content with a known length, or nil for one that is known only at its end.
    case stream(any BodySource, length: Int?)
    /// The answer to an upgrade: what follows the 101 head.
    case upgrade(any DuplexStream)
}

/// A response as a handler returns it: head and the content to pull.
package struct Response {
    package var head: ResponseHead
    package var body: Body
    /// Whether the viewer's connection ends after this response.
    package var closesConnection = false

    /// Makes a response from its parts.
    package init(head: ResponseHead, body: Body = .empty) {
        self.head = head
        self.body = body
    }

    /// Makes a response from parts that change hands, so that no reference is counted for it.
    @inline(__always)
    package init(taking head: inout ResponseHead, _ body: inout Body) {
        self.init(head: ResponseHead(status: 0))
        swap(&self.head, &head)
        swap(&self.body, &body)
    }

    /// Makes a small response of text.
    package init(status: Int, contentType: String = "text/plain", text: String) {
        head = ResponseHead(status: status, headers: ["Content-Type": contentType])
        body = .bytes(Array(text.utf8)[...])
    }
}

/// One request and what its answer needs; transport-neutral: it may come from a socket or another door.
package struct Exchange {
    package var request: RequestHead
    package var body: Body
    package let viewer: Viewer
    /// What the reactor serving this exchange owns: pools, clock, limits.
    package let context: ReactorContext
    /// Filled by the stages; the driver adds duration and bytes and hands it to Telemetry.
    package var record: AccessRecord
    /// How many doors of this process the request has passed, to stop loops.
    package var depth = 0
    /// The way to the viewer while the origin is awaited; nil for an exchange without a viewer of its own.
    package var link: ViewerLink?
    /// Sends an interim (1xx) response to the viewer at once; nil where the transport has none.
    package var sendInterim: ((ResponseHead) async -> Void)? { link?.sendInterim }

    /// Makes an exchange.
    package init(
        request: RequestHead,
        body: Body,
        viewer: Viewer,
        context: ReactorContext,
        record: AccessRecord = AccessRecord()
    ) {
        self.request = request
        self.body = body
        self.viewer = viewer
        self.context = context
        self.record = record
    }
}

/// Whatever answers requests: a door, an API, a page.
///
/// Runs on the reactor of the exchange.
package protocol ExchangeHandler: Sendable {
    /// Who answers a request in place of this handler: the one that it leads to, or itself.
    ///
    /// A driver asks this first, so that what only shows the way has no suspended frame between both.
    func handler(for exchange: inout Exchange) -> any ExchangeHandler
    /// Answers one request. A fault becomes a response here, never an exception above.
    func respond(to exchange: inout Exchange) async -> Response
    /// Decides about a viewer's connection whose TLS handshake has just ended, before it may send requests.
    func admit(_ opening: ConnectionOpening) -> ConnectionVerdict
}

extension ExchangeHandler {
    /// This handler itself.
    package func handler(for exchange: inout Exchange) -> any ExchangeHandler { self }

    /// Lets every connection in.
    package func admit(_ opening: ConnectionOpening) -> ConnectionVerdict { .admitted(id: nil) }
}
