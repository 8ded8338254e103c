import HTTP
import JSON
import Model

/// Names with one or more values, as events show headers, cookies and parameters of a query.
struct FunctionFields: Equatable {
    struct Value: Equatable {
        var text: String
        /// The attributes of a cookie that a response sets.
        var attributes: String?
    }

    struct Field: Equatable {
        var name: String
        var values: [Value]
    }

    private(set) var fields: [Field] = []

    subscript(name: String) -> [Value]? { fields.first { $0.name == name }?.values }

    mutating func append(_ name: String, _ value: Value) {
        if let known = fields.firstIndex(where: { $0.name == name }) {
            fields[known].values.append(value)
        } else {
            fields.append(Field(name: name, values: [value]))
        }
    }

    mutating func append(_ name: String, _ values: [Value]) {
        fields.append(Field(name: name, values: values))
    }

    /// The headers that functions see: neither cookies nor what is CloudFront's own.
    ///
    /// The host is as CloudFront knows it: in lower case, without a port.
    static func headers(_ headers: Headers, host: String?) -> FunctionFields {
        var result = FunctionFields()
        for index in headers.indices {
            let name = headers.name(at: index).lowercased()
            guard name != "cookie", name != "set-cookie", !ReservedHeaders.isDisallowed(name)
            else { continue }
            let text = name == "host" ? host ?? headers.value(at: index) : headers.value(at: index)
            result.append(name, Value(text: text))
        }
        return result
    }

    static func query(_ query: String?) -> FunctionFields {
        var result = FunctionFields()
        for pair in QueryString.pairs(query ?? "") {
            result.append(pair.name, Value(text: pair.value ?? ""))
        }
        return result
    }

    static func cookies(_ headers: Headers) -> FunctionFields {
        var result = FunctionFields()
        guard headers.contains(.cookie) else { return result }
        for line in headers.all(.cookie) {
            for piece in line.split(separator: ";") {
                let pair = piece.trimmingASCIIWhitespace()
                guard !pair.isEmpty else { continue }
                let name = pair.prefix { $0 != "=" }
                result.append(String(name), Value(text: String(pair.dropFirst(name.count + 1))))
            }
        }
        return result
    }

    static func setCookies(_ headers: Headers) -> FunctionFields {
        var result = FunctionFields()
        guard headers.contains(.setCookie) else { return result }
        for line in headers.all(.setCookie) {
            let pair = line.prefix { $0 != ";" }
            let name = pair.prefix { $0 != "=" }
            let attributes = line.dropFirst(pair.count + 1).trimmingASCIIWhitespace()
            result.append(
                String(name.trimmingASCIIWhitespace()),
                Value(
                    text: String(pair.dropFirst(name.count + 1)),
                    attributes: attributes.isEmpty ? nil : String(attributes)
                )
            )
        }
        return result
    }

    func write(_ writer: inout JSONWriter) {
        writer.beginObject()
        for field in fields {
            guard let first = field.values.first else { continue }
            writer.key(field.name)
            writer.beginObject()
            Self.write(first, &writer)
            if field.values.count > 1 {
                writer.key("multiValue")
                writer.beginArray()
                for value in field.values {
                    writer.beginObject()
                    Self.write(value, &writer)
                    writer.endObject()
                }
                writer.endArray()
            }
            writer.endObject()
        }
        writer.endObject()
    }

    private static func write(_ value: Value, _ writer: inout JSONWriter) {
        writer.field("value", value.text)
        if let attributes = value.attributes { writer.field("attributes", attributes) }
    }
}

extension FunctionFields {
    /// Reads what a function returned, beside what its event had: a changed list of values wins, else a
    /// changed value stands for the first one.
    init(
        _ json: JSONValue?,
        sent: FunctionFields,
        _ rule: FunctionRule
    ) throws(FunctionViolation) {
        guard let json, !json.isNull else { return }
        guard let object = json.object else { throw FunctionViolation(rule) }
        for member in object {
            let (name, entry) = (member.key, member.value)
            guard entry.object != nil else {
                throw FunctionViolation(rule, "\(name) is not an object with a value")
            }
            let old = sent[name] ?? []
            let values: [Value]
            if let list = entry["multiValue"], !list.isNull {
                guard let entries = list.array else {
                    throw FunctionViolation(rule, "\(name): multiValue is not an array")
                }
                var read: [Value] = []
                for entry in entries { read.append(try Self.value(entry, name, rule)) }
                let isChanged = read != old
                if !isChanged, !read.isEmpty, entry["value"] != nil {
                    read[0] = try Self.value(entry, name, rule)
                }
                values = read
            } else {
                let first = try Self.value(entry, name, rule)
                values = [first]
            }
            append(name, values)
        }
    }

    private static func value(
        _ json: JSONValue,
        _ name: String,
        _ rule: FunctionRule
    ) throws(FunctionViolation) -> Value {
        guard let text = json["value"]?.string else {
            throw FunctionViolation(rule, "\(name): its value is not a string")
        }
        if let attributes = json["attributes"], !attributes.isNull, attributes.string == nil {
            throw FunctionViolation(rule, "\(name): its attributes are not a string")
        }
        return Value(text: text, attributes: json["attributes"]?.string)
    }
}
