import HTTP
import Model

/// Puts the headers that a CloudFront Function returned in the place of those that it saw.
struct FunctionHeaders {
    /// What the event showed.
    let sent: FunctionFields
    /// Names that the function must leave alone.
    let readOnly: [String]
    /// Whether disallowed names and upper case are let through.
    var isLenient = false

    /// What the function never saw stays, what it left alone keeps its bytes, the rest is the function's.
    func apply(
        _ fields: FunctionFields,
        to old: Headers
    ) throws(FunctionViolation) -> Headers {
        for field in fields.fields { try check(field) }
        for name in readOnly where sent[name] != fields[name] {
            throw FunctionViolation(.readOnlyHeader, name)
        }
        var result = Headers()
        var done: Set<String> = []
        for index in old.indices {
            let name = old.name(at: index).lowercased()
            if name == "cookie" || name == "set-cookie" || ReservedHeaders.isDisallowed(name) {
                result.append(from: old, at: index)
                continue
            }
            guard let values = fields[name] else { continue }
            if values == sent[name] {
                result.append(from: old, at: index)
                done.insert(name)
            } else if done.insert(name).inserted {
                append(name, values, &result)
            }
        }
        for field in fields.fields where !done.contains(field.name) {
            append(field.name, field.values, &result)
        }
        return result
    }

    private func append(
        _ name: String,
        _ values: [FunctionFields.Value],
        _ result: inout Headers
    ) {
        let spelled = HeaderRules.capitalized(name)
        for value in values { result.append(spelled, value.text) }
    }

    private func check(_ field: FunctionFields.Field) throws(FunctionViolation) {
        guard isLenient || !field.name.utf8.contains(where: { 0x41...0x5A ~= $0 }) else {
            throw FunctionViolation(.headerCase, field.name)
        }
        let name = isLenient ? field.name.lowercased() : field.name
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isToken) else {
            throw FunctionViolation(.invalidHeaders, field.name)
        }
        let isReserved = ReservedHeaders.isDisallowed(name) && !isLenient
        if isReserved || name == "cookie" || name == "set-cookie" {
            throw FunctionViolation(.disallowedHeader, field.name)
        }
        for value in field.values { try Self.check(value.text, field.name) }
    }

    /// Refuses what must not stand in a header's value.
    static func check(_ text: String, _ name: String) throws(FunctionViolation) {
        guard !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
            throw FunctionViolation(.headerValue, name)
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
