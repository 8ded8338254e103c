import JSON
import Testing

@Suite
struct JSONTests {
    @Test(arguments: [
        #"{"a":1,"b":[true,false,null],"c":"x"}"#, #"[]"#, #"{}"#, #""é😀""#, "-12.50e+3",
        "9223372036854775807", "92233720368547758070", #"{"z":1,"a":{"k":[{}]}}"#,
    ])
    func roundTripKeepsText(_ text: String) throws {
        #expect(try JSONValue.parse(text).text == text)
    }

    @Test
    func accessors() throws {
        let value = try JSONValue.parse(#" { "a" : [ 1 , "two", 3.0, 2.5 ], "b": true } "#)
        #expect(value["a"]?[0]?.int == 1)
        #expect(value["a"]?[1]?.string == "two")
        #expect(value["a"]?[2]?.int == 3)
        #expect(value["a"]?[3]?.int == nil)
        #expect(value["a"]?[3]?.double == 2.5)
        #expect(value["a"]?[4] == nil)
        #expect(value["b"]?.bool == true)
        #expect(value["c"] == nil)
        #expect(value.object?.keys == ["a", "b"])
    }

    @Test
    func escapesBothWays() throws {
        let value = try JSONValue.parse(#""\"\\\/\b\f\n\r\t\u0001\u00e9\ud83d\ude00\ud800x""#)
        #expect(value.string == "\"\\/\u{8}\u{c}\n\r\t\u{1}é😀\u{FFFD}x")
        #expect(JSONValue.string("\"\\\n\u{1}/é").text == #""\"\\\n\u0001/é""#)
    }

    @Test("keys that are literals are written as those that are not, in objects within objects")
    func literalKeys() {
        func write(_ number: (inout JSONWriter, Int) -> Void) -> String {
            var writer = JSONWriter()
            writer.beginObject()
            number(&writer, 1)
            Array("X-B".utf8).withUnsafeBufferPointer { writer.key(lowercasing: $0) }
            writer.beginObject()
            number(&writer, 2)
            writer.endObject()
            number(&writer, 3)
            writer.endObject()
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        let name = "Content-Type"
        let dynamic = write { writer, value in
            writer.key(name)
            writer.int(value)
        }
        #expect(dynamic == #"{"Content-Type":1,"x-b":{"Content-Type":2},"Content-Type":3}"#)
        #expect(write { $0.field("Content-Type", $1) } == dynamic)
    }

    @Test
    func lastOfEqualKeysStays() throws {
        #expect(try JSONValue.parse(#"{"a":1,"b":2,"a":3}"#).text == #"{"a":3,"b":2}"#)
    }

    @Test
    func manyKeysAreFound() throws {
        var object = JSONObject()
        for number in 0..<100 { object["k\(number)"] = .integer(number) }
        object["k50"] = nil
        #expect(object["k99"] == .integer(99))
        #expect(object["k50"] == nil)
        #expect(object.count == 99)
    }

    @Test(arguments: [
        "", "{", "[1,]", #"{"a":1,}"#, #"{a:1}"#, "01", "1.", "-", "1e", "tru", "nul", #""abc"#,
        "\"a\nb\"", #""\x""#, #""\u12g4""#, "1 2", "[1 2]", #"{"a" 1}"#, "'a'", "NaN", "+1",
    ])
    func refuses(_ text: String) {
        #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    }

    @Test
    func refusesInvalidUTF8() {
        #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0xFF, 0x22][...]) }
    }

    @Test
    func namesThePlace() {
        #expect(throws: JSONError("unexpected character", line: 2, column: 4)) {
            try JSONValue.parse("[1,\n   x]")
        }
    }

    @Test
    func depthIsBounded() throws {
        let fine = String(repeating: "[", count: 256) + String(repeating: "]", count: 256)
        #expect(throws: Never.self) { try JSONValue.parse(fine) }
        #expect(throws: JSONError.self) { try JSONValue.parse("[" + fine + "]") }
    }

    @Test
    func writerPutsCommas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("a", 1)
        writer.key("b")
        writer.beginArray()
        writer.string("x")
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.endArray()
        writer.field("c", "d")
        writer.endObject()
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":1,"b":["x",true,null,{}],"c":"d"}"#
        )
    }

    @Test
    func sliceOffsetsAreHonoured() throws {
        let bytes = Array("xx[1]yy".utf8)
        #expect(try JSONValue.parse(bytes[2..<5]) == .array([.integer(1)]))
    }
}
