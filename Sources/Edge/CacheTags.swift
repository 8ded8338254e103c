import HTTP

/// The names beside its path under which an invalidation finds a stored answer.
///
/// Source: "Invalidate files by cache tag": compared without regard to letter case, no wildcards.
package enum CacheTags {
    /// The mark of a tag among the paths of an invalidation.
    package static let mark: Character = "#"
    /// The most tags of an object; others are not kept.
    static let most = 50
    /// The longest tag, in characters; longer ones are not kept.
    static let longest = 256

    /// The tags that the field of an answer lists.
    static func read(_ headers: Headers, from field: String?) -> [String] {
        guard let field else { return [] }
        var tags: [String] = []
        for value in headers.all(field) {
            for piece in value.split(separator: ",") {
                let tag = piece.trimmingASCIIWhitespace().lowercased()
                guard isValid(tag), !tags.contains(tag) else { continue }
                tags.append(tag)
                if tags.count == most { return tags }
            }
        }
        return tags
    }

    /// Whether a text can be a tag.
    package static func isValid(_ tag: some StringProtocol) -> Bool {
        (1...longest).contains(tag.utf8.count)
            && tag.utf8.allSatisfy { 33...126 ~= $0 && $0 != UInt8(ascii: ",") }
    }
}
