/// A body in the coding `aws-chunked`: pieces with their length, perhaps signed, and fields at the end.
///
/// Source: Amazon S3 API, "Signature calculations for the authorization header: transferring payload in
/// multiple chunks". Signatures of pieces are not checked.
enum ChunkedUpload {
    /// The bytes of the pieces; nil when the coding is damaged.
    static func decode(_ body: [UInt8]) -> [UInt8]? {
        var content: [UInt8] = []
        content.reserveCapacity(body.count)
        var at = 0
        while true {
            guard let end = body[at...].firstIndex(of: 13), end + 1 < body.count,
                body[end + 1] == 10
            else { return nil }
            let line = String(decoding: body[at..<end], as: UTF8.self)
            guard let length = Int(line.prefix { $0 != ";" }, radix: 16), length >= 0 else {
                return nil
            }
            at = end + 2
            if length == 0 { return content }
            guard length <= body.count - at - 2 else { return nil }
            content += body[at..<(at + length)]
            at += length
            guard body[at] == 13, body[at + 1] == 10 else { return nil }
            at += 2
        }
    }
}
