import HTTP
import JSON
import Model

/// Reads results of CloudFront Functions that are as plain as most are, in one pass and without making values.
///
/// What a function left alone is found by its bytes, which are those of the event. Whatever is rare and whatever
/// breaks a rule gives nil: `FunctionResults` reads it again and has the words for it. So a result that is
/// taken here means the same as there.
struct QuickFunctionResult {
    private let event: FunctionEvent
    private let text: FunctionEventText

    init(_ event: FunctionEvent, _ text: FunctionEventText) {
        self.event = event
        self.text = text
    }

    /// What the function made of the message, nil when that is for the careful reader.
    func read(_ json: [UInt8]) -> FunctionResults.Result? {
        guard text.groups.isWhole else { return nil }
        return json.withUnsafeBufferPointer { result in
            text.bytes.withUnsafeBufferPointer { sent in
                if let response = event.response { return read(result, sent, response) }
                return readRequest(result, sent)
            }
        }
    }

    private func readRequest(
        _ result: UnsafeBufferPointer<UInt8>,
        _ sent: UnsafeBufferPointer<UInt8>
    ) -> FunctionResults.Result? {
        var walk = JSONWalk(result)
        var head = event.request
        var seen = 0
        guard walk.enterObject() else { return nil }
        while true {
            let (step, key) = walk.nextKey()
            if step == .end { break }
            guard step == .item else { return nil }
            switch Member(result, key) {
            case .method: guard walk.take(sent[slice: text.method]) else { return nil }
            case .uri: guard takePath(&walk, result, sent, &head) else { return nil }
            case .querystring: guard walk.take(sent[slice: text.query]) else { return nil }
            case .headers:
                guard
                    let headers = headers(&walk, result, sent, event.request.headers)
                else { return nil }
                head.headers = headers
            case .cookies: guard walk.take(sent[slice: text.cookies]) else { return nil }
            case .statusCode, .statusDescription, .body: return nil
            case nil:
                guard walk.skipValue() else { return nil }
                continue
            }
            seen += 1
        }
        // Each is there once, for what JSON.stringify writes has no name twice.
        guard seen == 5, walk.isAtEnd(),
            head.path.utf8.count + (head.query ?? "").utf8.count < EdgeLimits.uriAndQuery
        else { return nil }
        return .request(head)
    }

    private func read(
        _ result: UnsafeBufferPointer<UInt8>,
        _ sent: UnsafeBufferPointer<UInt8>,
        _ response: ResponseHead
    ) -> FunctionResults.Result? {
        var walk = JSONWalk(result)
        var head = response
        var seen = 0
        guard walk.enterObject() else { return nil }
        while true {
            let (step, key) = walk.nextKey()
            if step == .end { break }
            guard step == .item else { return nil }
            switch Member(result, key) {
            case .statusCode: guard walk.take(sent[slice: text.status]) else { return nil }
            case .statusDescription: guard walk.take(sent[slice: text.reason]) else { return nil }
            case .headers:
                guard let headers = headers(&walk, result, sent, response.headers) else {
                    return nil
                }
                head.headers = headers
            case .cookies: guard walk.take(sent[slice: text.cookies]) else { return nil }
            case .body: return nil
            case .method, .uri, .querystring, nil:
                guard walk.skipValue() else { return nil }
                continue
            }
            seen += 1
        }
        guard seen == 4, walk.isAtEnd() else { return nil }
        head.reason = FunctionEvent.reason(of: response)
        return .response(head, nil)
    }

    private func takePath(
        _ walk: inout JSONWalk,
        _ result: UnsafeBufferPointer<UInt8>,
        _ sent: UnsafeBufferPointer<UInt8>,
        _ head: inout RequestHead
    ) -> Bool {
        if walk.take(sent[slice: text.uri]) { return true }
        guard let range = walk.string(), result[range].first == UInt8(ascii: "/") else {
            return false
        }
        for byte in result[slice: range] {
            guard byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "#"), byte != UInt8(ascii: "?")
            else { return false }
        }
        head.path = String(decoding: result[range], as: UTF8.self)
        return true
    }

    /// Reads the headers and puts them in the place of those that the function saw.
    private func headers(
        _ walk: inout JSONWalk,
        _ result: UnsafeBufferPointer<UInt8>,
        _ sent: UnsafeBufferPointer<UInt8>,
        _ old: Headers
    ) -> Headers? {
        let groups = text.groups.groups
        var fates = [FunctionHeaderGroups.Fate](repeating: .removed, count: groups.count)
        var added: [(key: Range<Int>, value: Range<Int>)] = []
        var (kept, cursor) = (0, 0)
        guard walk.enterObject() else { return nil }
        while true {
            let (step, key) = walk.nextKey()
            if step == .end { break }
            guard step == .item else { return nil }
            // Functions mostly leave the order as it was.
            var place: Int? = cursor
            if cursor >= groups.count || !isSame(groups[cursor].key, sent, key, result) {
                place = groups.firstIndex { isSame($0.key, sent, key, result) }
            }
            guard let place else {
                guard let name = QuickFields.plainName(result, key), isFree(name),
                    name != .cookie, name != .setCookie, let value = value(&walk, result)
                else { return nil }
                added.append((key, value))
                continue
            }
            cursor = place + 1
            if walk.take(sent[slice: groups[place].value]) {
                fates[place] = .kept
                kept += 1
                continue
            }
            guard isFree(groups[place].name), let value = value(&walk, result) else { return nil }
            fates[place] = .replaced(value)
        }
        var headers = old
        if kept < groups.count {
            for (place, group) in groups.enumerated() {
                if case .removed = fates[place], !isFree(group.name) { return nil }
            }
            headers = text.groups.apply(fates, result, to: old)
        }
        for field in added {
            headers.append(
                HeaderRules.capitalized(String(decoding: result[field.key], as: UTF8.self)),
                String(decoding: result[field.value], as: UTF8.self)
            )
        }
        return headers
    }

    /// Whether the function may change a field of this name.
    private func isFree(_ name: FieldName) -> Bool {
        switch name {
        case .via: false
        case .warning: event.response == nil
        case .cdnLoop, .contentLength, .host, .transferEncoding: event.response != nil
        default: true
        }
    }

    /// Reads an object with one value and nothing else.
    private func value(
        _ walk: inout JSONWalk,
        _ result: UnsafeBufferPointer<UInt8>
    ) -> Range<Int>? {
        guard walk.enterObject() else { return nil }
        let (step, key) = walk.nextKey()
        guard step == .item, QuickField.equal(result, key, "value"), let value = walk.string(),
            walk.nextKey().step == .end, !result[slice: value].contains(0x7F)
        else { return nil }
        return value
    }

    private func isSame(
        _ left: Range<Int>,
        _ sent: UnsafeBufferPointer<UInt8>,
        _ right: Range<Int>,
        _ result: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard left.count == right.count else { return false }
        for offset in 0..<left.count
        where sent[left.lowerBound + offset] != result[right.lowerBound + offset] {
            return false
        }
        return true
    }

    /// The members that mean something.
    private enum Member {
        case method, uri, querystring, headers, cookies, statusCode, statusDescription, body

        init?(_ bytes: UnsafeBufferPointer<UInt8>, _ key: Range<Int>) {
            func matches(_ name: StaticString) -> Bool { QuickField.equal(bytes, key, name) }
            switch key.count {
            case 3 where matches("uri"): self = .uri
            case 4 where matches("body"): self = .body
            case 6 where matches("method"): self = .method
            case 7 where matches("headers"): self = .headers
            case 7 where matches("cookies"): self = .cookies
            case 10 where matches("statusCode"): self = .statusCode
            case 11 where matches("querystring"): self = .querystring
            case 17 where matches("statusDescription"): self = .statusDescription
            default: return nil
            }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// A part as a buffer of its own.
    fileprivate subscript(slice range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self[range])
    }
}
