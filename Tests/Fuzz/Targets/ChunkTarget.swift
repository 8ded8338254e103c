import HTTP

/// The chunked coding: however the bytes are cut, the same body comes out, or the same refusal.
enum ChunkTarget {
    private struct Outcome: Equatable {
        var data: [UInt8] = []
        var trailers: [String] = []
        /// The bytes left after the end; nil when there was no end.
        var left: Int?
        var isRefused = false
    }

    static func run(_ input: ArraySlice<UInt8>) {
        guard let first = input.first else { return }
        let body = Array(input.dropFirst())
        let whole = decode(body, pieces: max(1, body.count))
        let pieces = decode(body, pieces: Int(first) % 7 + 1)
        precondition(whole == pieces, "the cut of the pieces changed the body")
        precondition(whole.data.count <= body.count, "more came out than went in")
        guard whole.left != nil else { return }
        var output = IOBuffer()
        H1Serializer.appendChunkSize(whole.data.count, into: &output)
        output.append(whole.data[...])
        output.append("\r\n0\r\n\r\n")
        guard !whole.data.isEmpty else { return }
        let again = decode(Array(output.bytes), pieces: 3)
        precondition(again.data == whole.data && again.left == 0, "writing it again changed it")
    }

    private static func decode(_ body: [UInt8], pieces size: Int) -> Outcome {
        var decoder = ChunkDecoder()
        var outcome = Outcome()
        var position = 0
        do throws(H1Error) {
            while position < body.count {
                let end = min(position + size, body.count)
                var piece = body[position..<end]
                position = end
                while true {
                    let event = try decoder.next(&piece)
                    switch event {
                    case .data(let bytes): outcome.data += bytes
                    case .end(let trailers):
                        outcome.trailers = trailers.map { "\($0): \($1)" }
                        outcome.left = piece.count + body.count - end
                        return outcome
                    case .needMore:
                        precondition(piece.isEmpty, "more is needed while some is left")
                    }
                    if piece.isEmpty { break }
                }
            }
        } catch {
            outcome.isRefused = true
        }
        return outcome
    }
}
