import HTTP

/// Values of single fields: dates, cache directives, queries, percent codes.
enum FieldTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        switch (input.first ?? 0) % 4 {
        case 0:
            guard let second = HTTPDate.parse(text, now: 1_800_000_000) else { return }
            let written = HTTPDate.format(second)
            guard (0..<253_402_300_800).contains(second) else { return }
            precondition(HTTPDate.parse(written) == second, "\(written) is another instant")
        case 1:
            let found = CacheControl(text)
            for seconds in [found.maxAge, found.sharedMaxAge, found.staleIfError] {
                precondition((seconds ?? 0) >= 0, "an age below zero")
            }
        case 2:
            let pairs = QueryString.pairs(text)
            let again = QueryString.pairs(QueryString.join(pairs))
            precondition(again == pairs, "the query changed")
        default:
            let encoded = PercentCoding.encode(text)
            precondition(PercentCoding.decode(encoded) == text, "the percent codes changed it")
            _ = PercentCoding.decode(text, plusIsSpace: true)
        }
    }
}
