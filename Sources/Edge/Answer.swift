import DataPlane
import HTTP

/// A response on its way to the viewer.
struct Answer {
    var head: ResponseHead
    var body: Body
    /// What `X-Cache` says before `from cloudfront`.
    var result: String
    /// What logs say of an error more exactly; nil when the result says it all.
    var detail: String?
    /// Unit: seconds.
    var age: Int?
    /// What the origin answered, before its hook; what a function generated counts as well.
    var originStatus: Int
    /// Whether a viewer-response hook may run.
    var runsViewerResponse = true
    /// Whether a custom error page may stand for it.
    var mayHaveErrorPage = false
    /// Whether it is a stored answer: conditions and ranges of the viewer are met from it.
    var isStored = false
    /// The stored answer that a 304 of the origin is about, until both are joined.
    var refreshed: StoredResponse?
    /// What reads the content of a stored answer from a disk.
    var disk: DiskReader?
    /// Whether it came from an origin or its hook and may be kept.
    var mayBeKept = true

    /// An origin's answer, which is given away.
    init(_ response: consuming Response, result: String) {
        self.init(
            head: ResponseHead(status: response.head.status),
            body: .empty,
            result: result
        )
        swap(&head, &response.head)
        swap(&body, &response.body)
    }

    init(head: ResponseHead, body: Body, result: String) {
        self.head = head
        self.body = body
        self.result = result
        originStatus = head.status
    }

    /// Head and content as they go to the viewer; what stays has neither.
    mutating func takeResponse() -> Response { Response(taking: &head, &body) }

    /// A stored answer as it is served.
    init(_ entry: StoredResponse, age: Int, result: String) {
        head = entry.head
        body = entry.body.isEmpty ? .empty : .bytes(entry.body)
        self.result = entry.originStatus >= 400 ? "Error" : result
        self.age = age
        originStatus = entry.originStatus
        isStored = true
        mayBeKept = false
        settle()
    }

    /// A stored answer whose content is on a disk.
    init(_ entry: StoredResponse, _ disk: DiskReader, age: Int, result: String) {
        self.init(entry, age: age, result: result)
        body = .stream(disk, length: disk.length)
        self.disk = disk
    }

    /// An answer that is still arriving for another request.
    init(_ shared: SharedAnswer, now: Int) {
        self.init(shared.preview, age: Freshness.age(of: shared.preview, now: now), result: "Hit")
        body = .stream(shared.makeReader(), length: shared.length)
    }

    init(_ stop: Stop) {
        head = stop.head
        body = stop.body.isEmpty ? .empty : .bytes(stop.body)
        result = stop.result
        detail = stop.detail
        originStatus = stop.head.status
        runsViewerResponse = false
        mayHaveErrorPage = stop.isError
        mayBeKept = false
    }

    /// Draws the consequences of the origin's status.
    mutating func settle() {
        runsViewerResponse = originStatus < 400
        mayHaveErrorPage = head.status >= 400
    }

    /// Whether the connection was switched to another protocol.
    var isUpgrade: Bool { if case .upgrade = body { true } else { false } }
}
