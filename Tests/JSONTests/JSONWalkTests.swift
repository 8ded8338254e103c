import JSON
import Testing

@Suite
struct JSONWalkTests {
    private func skips(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBufferPointer {
            var walk = JSONWalk($0)
            return walk.skipValue() && walk.isAtEnd()
        }
    }

    @Test(
        "whatever it passes over is JSON to the reader that makes values",
        arguments: [
            "{}", "[]", "[1,2]", "{\"a\":1}", "{\"a\":{\"b\":[true,false,null,-1]}}", " [ 1 , 2 ] ",
            "\"text\"", "0", "-0", "12", "[[],{}]", "[[1],[2]]", "{\"a\":[],\"b\":{}}",
        ]
    )
    func passes(_ text: String) throws {
        #expect(skips(text))
        _ = try JSONValue.parse(text)
    }

    @Test(
        "it gives up on what is wrong and on what is rare",
        arguments: [
            "", "{", "[", "[1", "[1,]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1 2]", "01",
            "-",
            "1.5", "1e3", "truex", "tru", "\"a", "\"\\n\"", "\"å\"", "\"\u{1}\"", "[1]]", "{1:2}",
            "[,1]", "{\"a\":1 \"b\":2}",
            String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
        ]
    )
    func givesUp(_ text: String) { #expect(!skips(text)) }
}
