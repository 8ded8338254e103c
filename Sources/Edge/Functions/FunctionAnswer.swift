import JSON

/// Reads what the prelude says of a run.
enum FunctionAnswer {
    static func read(_ said: [UInt8]) -> FunctionOutcome {
        guard let kind = said.first else { return FunctionOutcome(end: .interrupted) }
        switch kind {
        case UInt8(ascii: "E"):
            return FunctionOutcome(end: .exception(String(decoding: said[1...], as: UTF8.self)))
        case UInt8(ascii: "X"): return readWhole(said[1...])
        default: return FunctionOutcome(end: .value(said))
        }
    }

    private static func readWhole(_ text: ArraySlice<UInt8>) -> FunctionOutcome {
        guard let whole = try? JSONValue.parse(text), let said = whole["said"]?.string else {
            return FunctionOutcome(end: .exception("the function's result cannot be read"))
        }
        var outcome = FunctionOutcome(
            end: whole["kind"]?.string == "" ? .value(Array(said.utf8)) : .exception(said)
        )
        outcome.logs = (whole["logs"]?.array ?? []).compactMap(\.string)
        if let changes = whole["changes"], changes.array?.isEmpty == false {
            outcome.changes = changes.encoded()
        }
        return outcome
    }
}
