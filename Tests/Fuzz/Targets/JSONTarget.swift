import JSON

/// JSON documents: what was read and written is read as the same again.
enum JSONTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        guard let value = try? JSONValue.parse(input) else { return }
        let written = value.encoded()
        guard let again = try? JSONValue.parse(written[...]) else {
            preconditionFailure("what was written is no JSON")
        }
        precondition(again == value, "writing and reading changed the value")
    }
}
