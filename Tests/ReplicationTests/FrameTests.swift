import Testing

@testable import Replication

@Suite("Feed frames")
struct FrameTests {
    @Test("frames survive any cut of the stream")
    func survivesCuts() throws {
        let frames: [FeedFrame] = [
            .revision(Array("{}".utf8)[...]), .head(7), .hash(revision: 7, digest: "ab"),
            .fragment(Array("x".utf8)[...]), .snapshotRequired, .fault("kill"),
        ]
        let bytes = frames.flatMap { $0.encoded() }
        for size in 1...bytes.count {
            var reader = FeedFrameReader()
            var found: [FeedFrame] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                reader.append(rest.prefix(size))
                rest = rest.dropFirst(size)
                while let frame = try reader.next() { found.append(frame) }
            }
            #expect(found == frames, "in pieces of \(size)")
        }
    }

    @Test("a revision larger than a frame goes in fragments")
    func fragments() throws {
        let large = [UInt8](repeating: 7, count: 2 * FeedProtocol.maximumFrame + 1)
        var reader = FeedFrameReader()
        reader.append(FeedFrame.frames(ofRevision: large)[...])
        var joined: [UInt8] = []
        var kinds: [String] = []
        while let frame = try reader.next() {
            switch frame {
            case .fragment(let bytes):
                joined += bytes
                kinds.append("fragment")
            case .revision(let bytes):
                joined += bytes
                kinds.append("revision")
            default: Issue.record("\(frame)")
            }
        }
        #expect(joined == large && kinds == ["fragment", "fragment", "revision"])
    }

    @Test(
        "what is no frame is refused",
        arguments: [
            [0xFF, 0, 0, 0, 1], [0, 0, 0, 1, 9, 0], [0, 0, 0, 1, 3, 0x78], [0, 0, 0, 1, 4, 0x31],
            [0, 0, 0, 1, 5, 0x31],
        ] as [[UInt8]]
    )
    func refuses(bytes: [UInt8]) {
        var reader = FeedFrameReader()
        reader.append(bytes[...])
        #expect(throws: FeedError.self) { try reader.next() }
    }
}
