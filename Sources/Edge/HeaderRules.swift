package import HTTP
package import JSON
package import Model

/// Which header fields a function may see and change.
package enum HeaderRules {
    /// Whether functions never see or set this field; the name is in lower case.
    package static func isDisallowed(_ name: String) -> Bool { ReservedHeaders.isDisallowed(name) }

    /// The fields that a function of this event sees but must leave alone.
    package static func readOnly(_ event: EdgeEvent) -> [String] {
        switch event {
        case .viewerRequest: ["cdn-loop", "content-length", "host", "transfer-encoding", "via"]
        case .originRequest:
            [
                "accept-encoding", "cdn-loop", "content-length", "if-modified-since",
                "if-none-match", "if-range", "if-unmodified-since", "transfer-encoding", "via",
            ]
        case .originResponse: ["transfer-encoding", "via"]
        case .viewerResponse:
            ["via", "warning", "content-encoding", "content-length", "transfer-encoding"]
        }
    }

    /// Reads the headers object of a result and checks names and values.
    package static func decode(_ value: JSONValue?) throws(EdgeViolation) -> [DecodedHeader] {
        guard let value, !value.isNull else { return [] }
        guard let object = value.object else {
            throw EdgeViolation(.headerEntryNotArray)
        }
        var fields: [DecodedHeader] = []
        for member in object {
            guard let entries = member.value.array else {
                throw EdgeViolation(.headerEntryNotArray)
            }
            let name = member.key.lowercased()
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
                throw EdgeViolation(
                    .invalidHeaderName,
                    "The Lambda function returned an invalid header name, headerName : \(member.key)."
                )
            }
            for entry in entries {
                let key = try spelling(entry["key"], name: name)
                for text in try texts(entry["value"], name: member.key, key: key) {
                    fields.append(DecodedHeader(name: name, key: key, value: text))
                }
            }
        }
        return fields
    }

    /// The new list of fields: hidden ones stay, read-only ones are unchanged, the rest is the function's.
    package static func apply(
        _ fields: [DecodedHeader],
        to old: Headers,
        event: EdgeEvent,
        isGenerated: Bool = false
    ) throws(EdgeViolation) -> Headers {
        if let field = fields.first(where: { isDisallowed($0.name) }) {
            throw EdgeViolation(
                .disallowedHeader,
                "Lambda function result failed validation, the function tried to add a disallowed "
                    + "header, headerName : \(field.key)."
            )
        }
        if event == .viewerRequest { try checkViewerCountry(fields, old: old) }
        if !isGenerated { try checkReadOnly(fields, old: old, event: event) }
        let size = fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= EdgeLimits.head else { throw EdgeViolation(.headersTooLarge) }
        var remaining = fields
        var result = Headers()
        for index in old.indices {
            let lowered = old.name(at: index).lowercased()
            if isDisallowed(lowered) {
                result.append(from: old, at: index)
                continue
            }
            // The whole group of a name goes where the name stood first.
            let group = remaining.filter { $0.name == lowered }
            guard !group.isEmpty else { continue }
            let places = old.indices.filter { old.isNamed(lowered, at: $0) }
            if isUnchanged(group, old, places) {
                // Whatever was left alone goes on with the bytes it came with.
                for place in places { result.append(from: old, at: place) }
            } else {
                for field in group { result.append(field.key, field.value) }
            }
            remaining.removeAll { $0.name == lowered }
        }
        for field in remaining { result.append(field.key, field.value) }
        return result
    }

    private static func isUnchanged(
        _ group: [DecodedHeader],
        _ old: Headers,
        _ places: [Int]
    ) -> Bool {
        group.count == places.count
            && zip(group, places).allSatisfy {
                $0.key == old.name(at: $1) && $0.value == old.value(at: $1)
            }
    }

    /// The header is CloudFront's to add, after the viewer-request hook.
    private static func checkViewerCountry(
        _ fields: [DecodedHeader],
        old: Headers
    ) throws(EdgeViolation) {
        let name = "cloudfront-viewer-country"
        let after = fields.filter { $0.name == name }.map(\.value)
        guard !after.isEmpty, after != old.all(name) else { return }
        throw EdgeViolation(
            .viewerCountry,
            "Lambda function result failed validation, the function tried to add a disallowed "
                + "header, headerName : CloudFront-Viewer-Country."
        )
    }

    private static func checkReadOnly(
        _ fields: [DecodedHeader],
        old: Headers,
        event: EdgeEvent
    ) throws(EdgeViolation) {
        for name in readOnly(event) {
            let before = old.all(name)
            let after = fields.filter { $0.name == name }.map(\.value)
            guard before != after else { continue }
            let verb = before.isEmpty ? "add" : after.isEmpty ? "delete" : "change"
            throw EdgeViolation(
                .readOnlyHeader,
                "Lambda function result failed validation, the function tried to \(verb) read-only "
                    + "header, headerName : \(capitalized(name))."
            )
        }
    }

    private static func spelling(
        _ key: JSONValue?,
        name: String
    ) throws(EdgeViolation) -> String {
        guard let key, !key.isNull else { return capitalized(name) }
        guard let text = key.string, text.lowercased() == name else {
            throw EdgeViolation(
                .invalidHeaderName,
                "The Lambda function returned an invalid header, the key of header :\(name) is not "
                    + "its name in some letter case."
            )
        }
        return text
    }

    private static func texts(
        _ value: JSONValue?,
        name: String,
        key: String
    ) throws(EdgeViolation) -> [String] {
        let all: [String]
        if let text = value?.string {
            all = [text]
        } else if let list = value?.array, list.allSatisfy({ $0.string != nil }) {
            all = list.compactMap(\.string)
        } else {
            throw EdgeViolation(
                .headerValueNotText,
                "The Lambda function returned an invalid entry in the headers object, the value of "
                    + "each header value must be of string or array of string type, header :\(name) has "
                    + "one or more entries whose value is neither string nor array of strings."
            )
        }
        for text in all {
            if let byte = text.utf8.first(where: { ($0 < 0x20 && $0 != 9) || $0 == 0x7F }) {
                let hex = String(byte, radix: 16, uppercase: true)
                throw EdgeViolation(
                    .invalidHeaderValue,
                    "Lambda function result validation failed, the function returned an invalid "
                        + "header, invalid character : '%\(hex.count < 2 ? "0" : "")\(hex)' in header "
                        + "value, headerName : \(key)."
                )
            }
        }
        return all
    }

    /// Each part between hyphens with an initial capital: `user-agent` becomes `User-Agent`.
    package static func capitalized(_ name: String) -> String {
        var name = name
        return name.withUTF8 { name in
            String(unsafeUninitializedCapacity: name.count) { output in
                var isFirst = true
                for (place, byte) in name.enumerated() {
                    let lowered = Headers.lowered(byte)
                    let isLetter = lowered >= UInt8(ascii: "a") && lowered <= UInt8(ascii: "z")
                    output[place] = isFirst && isLetter ? lowered & ~0x20 : lowered
                    isFirst = byte == UInt8(ascii: "-")
                }
                return name.count
            }
        }
    }

    /// Whether a byte may stand in a name in lower case.
    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

/// One field of a function's result.
package struct DecodedHeader: Sendable, Equatable {
    /// In lower case.
    package var name: String
    /// As it is to be sent.
    package var key: String
    package var value: String
}
