import Replication

/// Frames of the replication feed: however the bytes are cut, the same frames come out, and nothing waits for ever.
enum FeedTarget {
    private struct Outcome: Equatable {
        var frames: [FeedFrame] = []
        var isRefused = false
    }

    static func run(_ input: ArraySlice<UInt8>) {
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        let whole = read(bytes, pieces: max(1, bytes.count))
        precondition(whole == read(bytes, pieces: Int(first) % 9 + 1), "the cut changed the frames")
        let written = whole.frames.flatMap { $0.encoded() }
        precondition(written.count <= bytes.count, "more was read than had arrived")
        let again = read(written, pieces: max(1, written.count))
        precondition(
            again == Outcome(frames: whole.frames),
            "writing and reading changed the frames"
        )
    }

    private static func read(_ bytes: [UInt8], pieces size: Int) -> Outcome {
        var reader = FeedFrameReader()
        var outcome = Outcome()
        do throws(FeedError) {
            for start in stride(from: 0, to: bytes.count, by: size) {
                reader.append(bytes[start..<min(start + size, bytes.count)])
                while let frame = try reader.next() { outcome.frames.append(frame) }
            }
        } catch {
            outcome.isRefused = true
        }
        return outcome
    }
}
