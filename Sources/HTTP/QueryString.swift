/// A query taken apart at its ampersands, in order and undecoded.
package enum QueryString {
    /// One parameter as it stands in the query.
    package struct Pair: Sendable, Equatable {
        package var name: String
        /// Nil when there is no equals sign.
        package var value: String?

        /// Makes a pair of raw texts.
        package init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// The pairs of a query without its `?`; empty pieces between ampersands are left out.
    package static func pairs(_ query: String) -> [Pair] {
        query.utf8.split(separator: UInt8(ascii: "&")).map { piece in
            guard let sign = piece.firstIndex(of: UInt8(ascii: "=")) else {
                return Pair(name: String(Substring(piece)), value: nil)
            }
            return Pair(
                name: String(Substring(piece[..<sign])),
                value: String(Substring(piece[piece.index(after: sign)...]))
            )
        }
    }

    /// Puts pairs together again.
    package static func join(_ pairs: [Pair]) -> String {
        var query = ""
        for (index, pair) in pairs.enumerated() {
            if index > 0 { query += "&" }
            query += pair.name
            if let value = pair.value {
                query += "="
                query += value
            }
        }
        return query
    }
}
