import JSON

/// Reads what the prelude says of a run.
enum FunctionAnswer {
    static func read(_ said: [UInt8]) -> FunctionOutcome {
        guard let kind = said.first else { return FunctionOutcome(end: .interrupted) }
        let rest = said[1...]
        switch kind {
        case UInt8(ascii: "O"): return FunctionOutcome(end: .value(Array(rest)))
        case UInt8(ascii: "E"):
            return FunctionOutcome(end: .exception(String(decoding: rest, as: UTF8.self)))
        default: return readWhole(rest)
        }
    }

    private static func readWhole(_ text: ArraySlice<UInt8>) -> FunctionOutcome {
        guard let whole = try? JSONValue.parse(text), let said = whole["said"]?.string else {
            return FunctionOutcome(end: .exception("the function's result cannot be read"))
        }
        var outcome = FunctionOutcome(
            end: whole["kind"]?.string == "O" ? .value(Array(said.utf8)) : .exception(said)
        )
        outcome.logs = (whole["logs"]?.array ?? []).compactMap(\.string)
        if let changes = whole["changes"], changes.array?.isEmpty == false {
            outcome.changes = changes.encoded()
        }
        return outcome
    }
}
