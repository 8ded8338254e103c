import DataPlane
import HTTP
import Model
import Synchronization
import Telemetry

extension EdgePipeline {
    /// Fetches a custom error page through the behaviour of its path, without viewer hooks.
    func errorPage(
        _ page: CustomErrorResponse,
        instead answer: Answer,
        _ exchange: inout Exchange,
        _ outer: Passage
    ) async -> Answer {
        var passage = Passage(requestID: outer.requestID, plan: outer.plan)
        let original = exchange.request
        passage.failed = original
        exchange.request.method = original.method == "HEAD" ? "HEAD" : "GET"
        exchange.request.path = page.responsePagePath ?? "/"
        exchange.request.query = nil
        for name in OriginHeaders.conditional { exchange.request.headers.remove(name) }
        for name in OriginHeaders.contentFields { exchange.request.headers.remove(name) }
        exchange.body = .empty
        var found = await pass(&exchange, &passage)
        exchange.request = original
        if found.head.status < 400 { found.head.status = page.responseCode ?? answer.head.status }
        found.head.reason = ""
        found.result = "Error"
        found.isStored = false
        found.detail = answer.detail
        return found
    }

    /// Gives the answer its last form and adds what CloudFront says of itself.
    func finish(
        _ answer: consuming Answer,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) -> Response {
        // No function changes the method.
        let method = exchange.request.method
        if answer.isStored, answer.head.status == 200 {
            let viewerHead = passage.original ?? exchange.request
            if !passage.plan.forwardsCookies { Delivery.applyConditions(&answer, viewerHead) }
            if method == "GET", answer.head.status == 200 {
                Delivery.applyRange(&answer, viewerHead)
            }
        }
        if method == "HEAD" { Delivery.applyHead(&answer) }
        let rules = passage.plan.responseHeaders
        rules?.remove(&answer.head.headers)
        addOwnHeaders(&answer, passage)
        rules?.add(
            &answer.head.headers,
            ResponseHeaderRules.Context(
                request: passage.original ?? exchange.request,
                isTLS: exchange.viewer.isTLS,
                result: answer.result,
                pop: edge.pop,
                requestID: passage.requestID,
                settings: settings,
                stages: exchange.record.stages
            )
        )
        exchange.record.resultType = answer.result
        exchange.record.status = answer.head.status
        if settings.isLenient { nameBreaches(&answer, exchange) }
        if accessLog != nil || passage.plan.realTimeLog != nil {
            let viewerHead = passage.original ?? exchange.request
            attachAccess(accessLog, answer, viewerHead, &exchange, passage)
        }
        return answer.takeResponse()
    }
}

extension EdgePipeline {
    /// Names the rules whose breach was let through.
    private func nameBreaches(_ answer: inout Answer, _ exchange: Exchange) {
        let rules = exchange.record.stages.compactMap(\.outcome)
            .filter { $0.hasPrefix(Self.lenientMark) }.map { $0.dropFirst(Self.lenientMark.count) }
        guard !rules.isEmpty else { return }
        answer.head.headers.set(EdgeSettings.lenientHeader, rules.joined(separator: ", "))
    }

    /// What CloudFront says of itself, in one growth of the list.
    private func addOwnHeaders(_ answer: inout Answer, _ passage: Passage) {
        answer.head.headers.reserve(fields: 7, bytes: Self.ownBytes)
        if answer.head.status != 101 {
            if !answer.head.headers.contains(.server) {
                answer.head.headers.append(.server, "CloudFront")
            }
            if !answer.head.headers.contains(.date) {
                let second = clock()
                let date = dates.withLock { $0.bytes(at: second) }
                answer.head.headers.append(.date, date[...])
            }
        }
        switch answer.result {
        case "Miss": answer.head.headers.append(contentsOf: missMarks)
        case "Hit": answer.head.headers.append(contentsOf: hitMarks)
        default: answer.head.headers.append(contentsOf: marks(answer.result))
        }
        answer.head.headers.append(.xAmzCfID, passage.requestID)
        if let age = answer.age {
            if answer.head.headers.contains(.age) { answer.head.headers.remove(.age) }
            answer.head.headers.append(.age, String(age))
        }
    }

    /// What the headers of CloudFront need at most.
    ///
    /// Unit: bytes.
    private static let ownBytes = 384

    private func marks(_ result: String) -> Headers { Self.marks(result, viewerVia, edge.pop) }

    /// What CloudFront says of every answer with this result.
    static func marks(_ result: String, _ via: String, _ pop: String) -> Headers {
        ["X-Cache": result + " from cloudfront", "Via": via, "X-Amz-Cf-Pop": pop]
    }
}

/// How a stored answer meets conditions, ranges and HEAD.
enum Delivery {
    /// A 304 when the viewer has this version already (RFC 9110 §13.2.2).
    static func applyConditions(_ answer: inout Answer, _ request: RequestHead) {
        guard request.method == "GET" || request.method == "HEAD",
            isUnchanged(request, answer.head)
        else { return }
        answer.head.status = 304
        answer.head.reason = ""
        answer.head.headers.remove("content-length")
        answer.body = .empty
    }

    private static func isUnchanged(_ request: RequestHead, _ head: ResponseHead) -> Bool {
        let headers = request.headers
        if headers.contains(.ifNoneMatch) {
            guard let tag = head.headers["etag"].map(opaque) else { return false }
            let wanted = headers.all("if-none-match").flatMap { $0.split(separator: ",") }
            return wanted.contains { $0.trimmingASCIIWhitespace() == "*" || opaque($0) == tag }
        }
        guard headers.contains(.ifModifiedSince),
            let since = headers["if-modified-since"].flatMap(WallClock.parse),
            let modified = head.headers["last-modified"].flatMap(WallClock.parse)
        else { return false }
        return modified <= since
    }

    /// A tag without the mark of weakness.
    private static func opaque(_ tag: some StringProtocol) -> String {
        let text = tag.trimmingASCIIWhitespace()
        return String(text.hasPrefix("W/") ? text.dropFirst(2) : text)
    }

    /// What tells versions of an object apart byte for byte: a strong tag, else the date.
    static func strongValidator(_ headers: Headers) -> String? {
        if let tag = headers["etag"], !tag.hasPrefix("W/") { return tag }
        return headers["last-modified"]
    }

    /// Whether a range may be cut from the stored version: `If-Range` names it, or there is none.
    static func mayCut(_ request: Headers, _ stored: Headers) -> Bool {
        guard let wanted = request["if-range"]?.trimmingASCIIWhitespace() else { return true }
        if wanted.hasPrefix("\"") { return stored["etag"].map { $0 == wanted } ?? false }
        return stored["last-modified"].map { $0 == wanted } ?? false
    }

    /// A 206 with the ranges that the viewer asks for, or a 416.
    static func applyRange(_ answer: inout Answer, _ request: RequestHead) {
        guard request.headers.contains(.range), let text = request.headers["range"],
            mayCut(request.headers, answer.head.headers)
        else { return }
        if let disk = answer.disk { return applyRange(&answer, text, disk) }
        var body: Bytes = []
        switch answer.body {
        case .bytes(let bytes): body = bytes
        case .empty: break
        // What is still arriving is passed on whole.
        case .stream, .upgrade: return
        }
        switch ByteRanges(text, size: body.count) {
        case .ignored: return
        case .unsatisfiable:
            answer.head.status = 416
            answer.head.headers.remove("content-length")
            answer.head.headers.set("Content-Range", "bytes */\(body.count)")
            answer.body = .empty
        case .ranges(let ranges) where ranges.count == 1:
            answer.head.status = 206
            let range = ranges[0]
            let first = body.startIndex + range.lowerBound
            answer.head.headers.set("Content-Range", ContentRange(range, of: body.count).text)
            answer.head.headers.set("Content-Length", String(range.count))
            answer.body = .bytes(body[first..<first + range.count])
        case .ranges(let ranges):
            answer.head.status = 206
            multipart(&answer, body, ranges)
        }
        answer.head.reason = ""
    }

    /// Ranges from the disk.
    private static func applyRange(_ answer: inout Answer, _ text: String, _ disk: DiskReader) {
        let size = disk.length
        switch ByteRanges(text, size: size) {
        case .unsatisfiable:
            answer.head.status = 416
            answer.head.headers.remove("content-length")
            answer.head.headers.set("Content-Range", "bytes */\(size)")
            answer.body = .empty
        case .ranges(let ranges) where ranges.count == 1:
            disk.select(ranges[0])
            answer.head.status = 206
            answer.head.headers.set("Content-Range", ContentRange(ranges[0], of: size).text)
            answer.head.headers.set("Content-Length", String(disk.length))
            answer.body = .stream(disk, length: disk.length)
        case .ranges(let ranges):
            let parts = RangeParts(ranges, of: size, type: answer.head.headers["content-type"])
            answer.head.status = 206
            answer.head.headers.set("Content-Type", parts.contentType)
            answer.head.headers.set("Content-Length", String(parts.length))
            answer.body = .stream(DiskParts(disk, parts), length: parts.length)
        case .ignored: return
        }
        answer.head.reason = ""
    }

    /// Several ranges in one body (RFC 9110 §14.6).
    private static func multipart(_ answer: inout Answer, _ body: Bytes, _ ranges: [Range<Int>]) {
        let type = answer.head.headers["content-type"]
        let parts = RangeParts(ranges, of: body.count, type: type)
        var output: [UInt8] = []
        output.reserveCapacity(parts.length)
        for (head, range) in zip(parts.heads, ranges) {
            output += head
            let first = body.startIndex + range.lowerBound
            output += body[first..<first + range.count]
        }
        output += parts.tail
        answer.head.headers.set("Content-Type", parts.contentType)
        answer.head.headers.set("Content-Length", String(output.count))
        answer.body = .bytes(output[...])
    }

    /// The head alone, with the length that the content would have.
    static func applyHead(_ answer: inout Answer) {
        switch answer.body {
        case .bytes(let bytes): answer.head.headers.set("Content-Length", String(bytes.count))
        case .stream(_, let length?):
            answer.head.headers.set("Content-Length", String(length))
        default: break
        }
        answer.body = .empty
    }
}
