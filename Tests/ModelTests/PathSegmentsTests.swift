import Model
import Testing

@Suite("Segments of paths")
struct PathSegmentsTests {
    @Test("a slash ends a segment, whatever stands behind it")
    func marks() {
        #expect("/a/\u{301}b/../c".pathSegments() == ["a", "\u{301}b", "..", "c"])
        #expect("../\u{59E}x".pathSegments().first == "..")
        #expect("/\u{301}".beginsWithSlash && !"a\u{301}/\u{301}".endsWithSlash)
    }

    @Test("empty segments are kept when asked for")
    func empty() {
        #expect("/a//b/".pathSegments() == ["a", "b"])
        #expect("/a//b/".pathSegments(omittingEmpty: false) == ["", "a", "", "b", ""])
        #expect("".pathSegments().isEmpty && "".pathSegments(omittingEmpty: false) == [""])
    }
}
