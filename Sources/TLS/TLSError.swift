import Glibc
import COpenSSL

/// Why a context could not be made or a session ended.
package struct TLSError: Error, Equatable, CustomStringConvertible {
    /// The class of a failure.
    package enum Kind: Sendable, Equatable {
        /// The context's own settings are unusable.
        case configuration
        /// The peer's certificate was not accepted; the number is OpenSSL's verification result.
        case verification(Int)
        /// The peer closed the connection without a close_notify.
        case truncated
        /// The socket reported this error number.
        case system(Int32)
        /// The peer broke the protocol, or ended it with an alert.
        case rejected
    }

    package let kind: Kind
    /// One sentence for a log line.
    package let description: String

    /// Makes an error from its class and text.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// A configuration error that ends with what OpenSSL has to say.
    static func configuration(_ text: String) -> TLSError {
        guard let reason = popReason() else { return TLSError(.configuration, text) }
        return TLSError(.configuration, "\(text): \(reason.text)")
    }

    /// Takes the oldest entry of the thread's error queue and empties the queue.
    static func popReason() -> (code: UInt, text: String)? {
        let code = ERR_get_error()
        guard code != 0 else { return nil }
        ERR_clear_error()
        if let reason = ERR_reason_error_string(code) {
            return (code, String(cString: reason))
        }
        var buffer = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &buffer, buffer.count)
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return (code, String(decoding: text, as: UTF8.self))
    }
}

/// What a step of the handshake asks for next.
package enum TLSStep: Sendable, Equatable {
    case done
    case wantRead
    case wantWrite
    case failed(TLSError)
}

/// What one read or write came to.
package enum TLSIO: Sendable, Equatable {
    case bytes(Int)
    case wantRead
    case wantWrite
    /// The peer sent its close_notify.
    case closed
    case failed(TLSError)
}
