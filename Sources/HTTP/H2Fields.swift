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
        withList(head.headers, extra: 3) { list, base in
            var digits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            withUnsafeMutableBytes(of: &digits) { room in
                let digits = room.bindMemory(to: UInt8.self)
                let status = write(head.status, into: digits, end: 3)
                list.add(":status", status)
                let hasDate = addFields(head.headers, base, keepsLength: length == .asGiven, &list)
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
        var authority = head.headers["host"] ?? ""
        withList(head.headers, extra: 8) { list, base in
            method.withUTF8 { method in
                target.withUTF8 { target in
                    authority.withUTF8 { authority in
                        list.add(":method", method)
                        list.add(":scheme", scheme)
                        list.add(":authority", authority)
                        list.add(":path", target)
                        if isTunnel { list.add(":protocol", "websocket" as StaticString) }
                        addFields(head.headers, base, keepsLength: false, isRequest: true, &list)
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
        withList(trailers, extra: 0) { list, base in
            addFields(trailers, base, keepsLength: false, isRequest: true, &list)
            body(list.fields)
        }
    }

    private static func withList(
        _ headers: Headers,
        extra: Int,
        _ body: (inout FieldList, UnsafeMutablePointer<UInt8>?) -> Void
    ) {
        // SAFETY: the names and values are read by libnghttp2 inside `body` only, which has both this list
        // and the headers' buffer borrowed; it does not write to them.
        headers.buffer.withUnsafeBufferPointer { buffer in
            withUnsafeTemporaryAllocation(
                of: nghttp2_nv.self,
                capacity: headers.entries.count + extra
            ) { room in
                var list = FieldList(room: room)
                body(&list, UnsafeMutablePointer(mutating: buffer.baseAddress))
            }
        }
    }

    /// Adds what may pass to the next hop and is clean; tells whether there was a `Date`.
    @discardableResult
    private static func addFields(
        _ headers: Headers,
        _ base: UnsafeMutablePointer<UInt8>?,
        keepsLength: Bool,
        isRequest: Bool = false,
        _ list: inout FieldList
    ) -> Bool {
        guard let base else { return false }
        var hasDate = false
        for entry in headers.entries {
            let name = base + Int(entry.nameStart)
            let length = Int(entry.nameLength)
            switch length {
            case 4 where Grammar.equal(name, 4, "date"): hasDate = true
            case 4 where isRequest && Grammar.equal(name, 4, "host"): continue
            case 14 where !keepsLength && Grammar.equal(name, 14, "content-length"): continue
            case 2, 7, 10, 16, 17: if Headers.isHopByHop(name, length) { continue }
            default: break
            }
            let value = base + Int(entry.valueStart)
            // A name or value that HTTP/1 could not carry is left out, as in every other writer.
            guard Grammar.isToken(name, length), Grammar.isValue(value, Int(entry.valueLength))
            else { continue }
            list.add(name, length, value, Int(entry.valueLength))
        }
        return hasDate
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
        _ valueCount: Int
    ) {
        let field = nghttp2_nv(
            name: name,
            value: value,
            namelen: nameCount,
            valuelen: valueCount,
            flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
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
