// A custom runtime in one file: no package, plain sockets, one connection.
import Glibc

let address = String(cString: getenv("AWS_LAMBDA_RUNTIME_API")).split(separator: ":")
let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
var target = sockaddr_in()
target.sin_family = sa_family_t(AF_INET)
target.sin_port = in_port_t(Int(address[1]) ?? 0).bigEndian
inet_pton(AF_INET, String(address[0]), &target.sin_addr)
let connected = withUnsafePointer(to: &target) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
}
guard connected == 0 else { exit(2) }

func exchange(_ head: String, _ body: String) -> (head: String, body: String) {
    let text = "\(head)\r\nHost: runtime\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
        let count = left.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
        guard count > 0 else { exit(3) }
        left = left.dropFirst(count)
    }
    var received: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
        let blank: [UInt8] = [13, 10, 13, 10]
        let end = received.indices.dropLast(3).first { received[$0...].starts(with: blank) }
        if let end {
            let head = String(decoding: received[..<end], as: UTF8.self)
            let length =
                head.split(separator: "\r\n").compactMap { line -> Int? in
                    let parts = line.split(separator: ":")
                    guard parts[0].lowercased() == "content-length" else { return nil }
                    return Int(parts[1].drop { $0 == " " })
                }.first ?? 0
            if received.count >= end + 4 + length {
                return (head, String(decoding: received[(end + 4)...], as: UTF8.self))
            }
        }
        let count = read(connection, &piece, piece.count)
        guard count > 0 else { exit(4) }
        received += piece[..<count]
    }
}

while true {
    let next = exchange("GET /2018-06-01/runtime/invocation/next HTTP/1.1", "")
    let name = "lambda-runtime-aws-request-id:"
    let lines = next.head.split(separator: "\r\n")
    guard let line = lines.first(where: { $0.lowercased().hasPrefix(name) }) else { exit(6) }
    let id = line.split(separator: ":")[1].drop { $0 == " " }
    let path = "/2018-06-01/runtime/invocation/\(id)/response"
    let reply = exchange("POST \(path) HTTP/1.1", "{\"swift\":\(next.body)}")
    guard reply.head.hasPrefix("HTTP/1.1 202") else { exit(5) }
}
