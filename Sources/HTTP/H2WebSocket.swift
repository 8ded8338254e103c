/// The two forms of opening a WebSocket: extended CONNECT (RFC 8441) and the upgrade (RFC 6455).
package enum H2WebSocket {
    /// Turns the fields of an extended CONNECT into those of an upgrade, with a key of this side's.
    static func makeUpgrade(_ head: inout RequestHead) {
        head.headers.remove(.secWebSocketKey)
        head.headers.append("connection", "Upgrade")
        head.headers.append("upgrade", "websocket")
        head.headers.append("sec-websocket-key", makeKey())
    }

    /// Turns the head of an accepted upgrade into that of an accepted CONNECT.
    package static func makeAnswer(_ head: ResponseHead) -> ResponseHead {
        var answer = head
        answer.status = 200
        answer.reason = ""
        for name in [.upgrade, .connection, .secWebSocketAccept] as [FieldName] {
            answer.headers.remove(name)
        }
        return answer
    }

    /// Sixteen random bytes in base64 (RFC 6455 §4.1).
    static func makeKey() -> String {
        let alphabet = Array(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        )
        var key: [UInt8] = []
        var random = SystemRandomNumberGenerator()
        // 128 bits are 21 letters of six bits and one letter of two.
        for _ in 0..<21 { key.append(alphabet[Int.random(in: 0..<64, using: &random)]) }
        key.append(alphabet[Int.random(in: 0..<4, using: &random) << 4])
        return String(decoding: key, as: UTF8.self) + "=="
    }
}
