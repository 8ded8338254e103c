import Crypto
import JSON

/// Lists in pages: an opaque marker names the last entry of the page before.
struct Paging {
    let marker: String?
    let limit: Int

    /// The entries after the marker, at most `limit`, and the marker of the next page.
    ///
    /// Entries are in ascending order of their keys, so that a page is stable under insertions.
    func page<Entry>(
        _ entries: [(key: String, value: Entry)]
    ) -> (
        entries: [Entry], next: String?
    ) {
        let rest = marker.map { marker in entries.drop { $0.key <= marker } } ?? entries[...]
        let page = rest.prefix(limit)
        let hasMore = page.count < rest.count
        return (page.map(\.value), hasMore ? page.last?.key : nil)
    }

    /// An opaque marker of a key.
    static func encode(_ key: String?) -> JSONValue? {
        key.map { .string(Base64.encode(Array($0.utf8))) }
    }

    /// The key of an opaque marker, or nil when it is none.
    static func decode(_ marker: String) -> String? {
        Base64.decode(marker).map { String(decoding: $0, as: UTF8.self) }
    }
}
