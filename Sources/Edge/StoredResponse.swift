package import HTTP

/// A stored answer of an origin.
package final class StoredResponse: Sendable {
    package let head: ResponseHead
    package let body: Bytes
    /// Unit: seconds since 1970.
    package let storedAt: Int
    /// Until when it is served without a question to the origin.
    ///
    /// Unit: seconds since 1970.
    package let expiresAt: Int
    /// Until when its own lifetime said it is fresh; later than this it is stale, however it is served.
    ///
    /// Unit: seconds since 1970.
    package let freshUntil: Int
    /// Until when it is served at once while it is refreshed behind the viewer's back.
    ///
    /// Unit: seconds since 1970.
    package let servedStaleUntil: Int
    /// The age that the origin sent.
    ///
    /// Unit: seconds.
    package let initialAge: Int
    /// What the origin answered, before its hook.
    package let originStatus: Int
    /// Under which names an invalidation may find it beside its path; in lower case.
    let tags: [String]
    /// The parts that are here, when the object is not here as a whole.
    let parts: StoredParts?
    /// Where the content is, when it is not here.
    let disk: DiskObject?

    /// A head that is kept for long takes no room for fields to come.
    private static func kept(_ head: ResponseHead) -> ResponseHead {
        var kept = head
        kept.headers = head.headers.compacted()
        return kept
    }

    /// Makes an entry.
    package init(
        head: ResponseHead,
        body: Bytes,
        storedAt: Int,
        expiresAt: Int,
        servedStaleUntil: Int = 0,
        initialAge: Int = 0,
        originStatus: Int,
        tags: [String] = []
    ) {
        self.head = Self.kept(head)
        self.body = body
        self.storedAt = storedAt
        self.expiresAt = expiresAt
        freshUntil = expiresAt
        self.servedStaleUntil = servedStaleUntil
        self.initialAge = initialAge
        self.originStatus = originStatus
        self.tags = tags
        parts = nil
        disk = nil
    }

    /// An answer whose content is on a disk.
    init(
        head: ResponseHead,
        body: Bytes,
        storedAt: Int,
        expiresAt: Int,
        servedStaleUntil: Int,
        initialAge: Int,
        originStatus: Int,
        tags: [String],
        disk: DiskObject?
    ) {
        self.head = Self.kept(head)
        self.body = body
        self.storedAt = storedAt
        self.expiresAt = expiresAt
        freshUntil = expiresAt
        self.servedStaleUntil = servedStaleUntil
        self.initialAge = initialAge
        self.originStatus = originStatus
        self.tags = tags
        parts = nil
        self.disk = disk
    }

    /// The same answer with its content on a disk.
    convenience init(_ entry: StoredResponse, on disk: DiskObject) {
        self.init(
            head: entry.head,
            body: [],
            storedAt: entry.storedAt,
            expiresAt: entry.expiresAt,
            servedStaleUntil: entry.servedStaleUntil,
            initialAge: entry.initialAge,
            originStatus: entry.originStatus,
            tags: entry.tags,
            disk: disk
        )
    }

    /// The same answer, stale, to be served until the origin is asked again.
    init(_ stale: StoredResponse, heldUntil: Int) {
        head = stale.head
        body = stale.body
        storedAt = stale.storedAt
        expiresAt = heldUntil
        freshUntil = stale.freshUntil
        servedStaleUntil = 0
        initialAge = stale.initialAge
        originStatus = stale.originStatus
        tags = stale.tags
        parts = stale.parts
        disk = stale.disk
    }

    /// Parts of an object.
    init(
        _ parts: StoredParts,
        head: ResponseHead,
        storedAt: Int,
        expiresAt: Int,
        tags: [String]
    ) {
        self.head = Self.kept(head)
        body = []
        self.storedAt = storedAt
        self.expiresAt = expiresAt
        freshUntil = expiresAt
        servedStaleUntil = 0
        initialAge = 0
        originStatus = 206
        self.tags = tags
        self.parts = parts
        disk = nil
    }

    /// What counts against the store's bound.
    ///
    /// Unit: bytes.
    package var cost: Int {
        body.count + (parts?.byteCount ?? 0) + head.headers.byteCount + 512
            + tags.reduce(0) { $0 + $1.utf8.count + 16 }
    }
}
