import CNGHTTP2
import Glibc

/// How the length of a response's content is announced.
package enum H2Length: Sendable, Equatable {
    /// Not at all: the end of the stream tells.
    case unknown
    case known(Int)
    /// As the sender gave it (answers to HEAD, 304).
    case asGiven
    /// Never (1xx, 204, tunnels).
    case none
}

/// Lists a head's fields for libnghttp2, which copies them and lowers their names.
enum H2Fields {
    typealias List = UnsafeMutableBufferPointer<nghttp2_nv>

    static func withResponse(
        _ head: ResponseHead,
        length: H2Length,
        date: [UInt8],
        _ body: (List) -> Void
    ) {
        withList(head.headers, extra: 3) { list, headers, base in
            var digits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            withUnsafeMutableBytes(of: &digits) { room in
                let digits = room.bindMemory(to: UInt8.self)
                let status = write(head.status, into: digits, end: 3)
                list.add(":status", status)
                var hasDate = false
                addFields(headers, base, &list) { name in
                    if name == .date { hasDate = true }
                    return name != .contentLength || length == .asGiven
                }
                if case .known(let count) = length {
                    list.add("content-length", write(count, into: digits, end: digits.count))
                }
                guard !hasDate, head.status >= 200, !date.isEmpty else { return body(list.fields) }
                date.withUnsafeBufferPointer { date in
                    list.add("date", date)
                    body(list.fields)
                }
            }
        }
    }

    /// Lists a request's fields; `Host` becomes `:authority`.
    static func withRequest(
        _ head: RequestHead,
        scheme: StaticString,
        length: Int?,
        isTunnel: Bool,
        takesTrailers: Bool,
        _ body: (List) -> Void
    ) {
        var method = isTunnel ? "CONNECT" : head.method
        var target = head.target
        var authority = head.headers[.host] ?? ""
        withList(head.headers, extra: 8) { list, headers, base in
            method.withUTF8 { method in
                target.withUTF8 { target in
                    authority.withUTF8 { authority in
                        list.add(":method", method)
                        list.add(":scheme", scheme)
                        list.add(":authority", authority)
                        list.add(":path", target)
                        if isTunnel { list.add(":protocol", "websocket" as StaticString) }
                        addFields(headers, base, &list) { name in
                            switch name {
                            case .host, .contentLength: false
                            case .secWebSocketKey: !isTunnel
                            default: true
                            }
                        }
                        if takesTrailers { list.add("te", "trailers" as StaticString) }
                        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
                        withUnsafeMutableBytes(of: &digits) { room in
                            let digits = room.bindMemory(to: UInt8.self)
                            if let length {
                                let text = write(length, into: digits, end: digits.count)
                                list.add("content-length", text)
                            }
                            body(list.fields)
                        }
                    }
                }
            }
        }
    }

    static func withTrailers(_ trailers: Headers, _ body: (List) -> Void) {
        withList(trailers, extra: 0) { list, trailers, base in
            addFields(trailers, base, &list) { $0 != .host && $0 != .contentLength }
            body(list.fields)
        }
    }

    private static func withList(
        _ headers: Headers,
        extra: Int,
        _ body: (inout FieldList, Headers, UnsafeMutablePointer<UInt8>?) -> Void
    ) {
        let isClean = headers.indices.allSatisfy { headers.entry(at: $0).isClean }
        let headers = isClean ? headers : cleaned(headers)
        // SAFETY: the names and values are read by libnghttp2 inside `body` only, which has both this list
        // and the headers' block alive; it does not write to them.
        withExtendedLifetime(headers) {
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: headers.count + extra) {
                var list = FieldList(room: $0)
                body(&list, headers, headers.block?.bytes)
            }
        }
    }

    /// The fields without names that are no tokens, and with spaces for control characters.
    private static func cleaned(_ headers: Headers) -> Headers {
        var cleaned = Headers()
        for (name, value) in headers {
            let isToken = !name.isEmpty && name.utf8.allSatisfy { Grammar.isToken($0) }
            guard isToken else { continue }
            let bytes = value.utf8.map { Grammar.isFieldByte($0) ? $0 : 0x20 }
            cleaned.append(name, String(decoding: bytes, as: UTF8.self))
        }
        return cleaned
    }

    /// Adds the fields that pass to the next hop and whose names pass the test.
    @inline(__always)
    private static func addFields(
        _ headers: Headers,
        _ base: UnsafeMutablePointer<UInt8>?,
        _ list: inout FieldList,
        _ passes: (FieldName) -> Bool
    ) {
        guard let base else { return }
        for index in headers.indices {
            let entry = headers.entry(at: index)
            guard !entry.name.isHopByHop, passes(entry.name) else { continue }
            // RFC 9113 §8.2.1: no white space around a value.
            var start = Int(entry.valueStart)
            var end = start + Int(entry.valueLength)
            while start < end, Grammar.isBlank(base[start]) { start += 1 }
            while end > start, Grammar.isBlank(base[end - 1]) { end -= 1 }
            list.add(
                base + Int(entry.nameStart),
                Int(entry.nameLength),
                base + start,
                end - start,
                isUnique: entry.name.isUnique
            )
        }
    }

    private static func write(
        _ number: Int,
        into room: UnsafeMutableBufferPointer<UInt8>,
        end: Int
    ) -> UnsafeBufferPointer<UInt8> {
        var position = end
        var rest = number
        repeat {
            position -= 1
            room[position] = UInt8(rest % 10) + 48
            rest /= 10
        } while rest > 0
        return UnsafeBufferPointer(rebasing: room[position..<end])
    }
}

extension FieldName {
    /// Whether each message has a value of its own: in the table of HPACK it would push out what comes again.
    fileprivate var isUnique: Bool {
        switch self {
        case .xAmzCfID, .xAmznRequestID, .xAmznTraceID, .xRequestID: true
        default: false
        }
    }
}

/// A list of fields under construction.
private struct FieldList {
    let room: UnsafeMutableBufferPointer<nghttp2_nv>
    var count = 0

    init(room: UnsafeMutableBufferPointer<nghttp2_nv>) { self.room = room }

    var fields: H2Fields.List { H2Fields.List(rebasing: room[0..<count]) }

    mutating func add(
        _ name: UnsafeMutablePointer<UInt8>,
        _ nameCount: Int,
        _ value: UnsafeMutablePointer<UInt8>,
        _ valueCount: Int,
        isUnique: Bool = false
    ) {
        let field = nghttp2_nv(
            name: name,
            value: value,
            namelen: nameCount,
            valuelen: valueCount,
            flags: isUnique ? UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) : 0
        )
        room.initializeElement(at: count, to: field)
        count += 1
    }

    mutating func add(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>) {
        let nameStart = UnsafeMutablePointer(mutating: name.utf8Start)
        // An empty value still needs an address.
        let start = value.baseAddress ?? name.utf8Start
        add(nameStart, name.utf8CodeUnitCount, UnsafeMutablePointer(mutating: start), value.count)
    }

    mutating func add(_ name: StaticString, _ value: StaticString) {
        add(name, UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }
}
