import HTTP

/// The PROXY protocol: a header is there with its last byte and never before, whatever follows it.
enum ProxyHeaderTarget {
    private struct Outcome: Equatable {
        var header: ProxyHeader?
        var isRefused = false
    }

    private static func parse(_ bytes: [UInt8]) -> Outcome {
        do throws(ProxyHeader.Failure) {
            return Outcome(header: try ProxyHeader.parse(bytes))
        } catch {
            return Outcome(isRefused: true)
        }
    }

    static func run(_ input: ArraySlice<UInt8>) {
        let bytes = Array(input)
        let whole = parse(bytes)
        guard let header = whole.header else {
            guard !whole.isRefused else { return }
            precondition(bytes.count < ProxyHeader.maximumHeader, "more is awaited than may come")
            return
        }
        precondition((15...ProxyHeader.maximumHeader).contains(header.length), "a wrong length")
        precondition(header.length <= bytes.count, "a header longer than what came")
        for end in [header.source, header.destination].compactMap({ $0 }) {
            precondition([4, 16].contains(end.address.count), "an address of another size")
            precondition((0...65_535).contains(end.port), "a port out of range")
        }
        let exact = Array(bytes[..<header.length])
        precondition(parse(exact) == whole, "what follows changed the header")
        for count in 0..<header.length {
            let early = parse(Array(exact[..<count]))
            precondition(early == Outcome(), "an incomplete header was not waited for")
        }
    }
}
