import HTTP
import JSON
import Model

/// The methods of values in mapping templates, and those of `$input` and `$util`.
struct VelocityTools {
    let body: Bytes
    let path: [String: String]
    let query: [(key: String, values: [String])]
    let headers: Headers

    func property(_ name: String, of value: VelocityValue) -> VelocityValue? {
        switch value {
        case .map(let map): map[name]
        case .list(let list) where name == "size" || name == "length":
            .integer(list.items.count)
        case .tool(.input) where name == "body": .string(bodyText)
        default: nil
        }
    }

    private var bodyText: String {
        body.isEmpty ? "{}" : String(decoding: body, as: UTF8.self)
    }

    /// Calls a method; nil when the value has none of this name.
    func call(
        _ name: String,
        on value: VelocityValue,
        _ arguments: [VelocityValue]
    ) throws(VelocityError) -> VelocityValue? {
        switch value {
        case .tool(.input): return input(name, arguments)
        case .tool(.util): return util(name, arguments)
        case .string(let text): return Self.string(text, name, arguments)
        case .list(let list): return Self.list(list, name, arguments)
        case .map(let map): return Self.map(map, name, arguments)
        case .null: return nil
        case .integer, .decimal, .bool:
            switch name {
            case "toString": return .string(value.text)
            case "intValue", "longValue": return value.number.map { .integer(Int($0)) }
            case "equals": return arguments.first.map { .bool(value.equals($0)) }
            default: return nil
            }
        }
    }

    // MARK: $input

    private func input(_ name: String, _ arguments: [VelocityValue]) -> VelocityValue? {
        switch name {
        case "json":
            return .string(find(arguments)?.text ?? "null")
        case "path": return find(arguments).map(VelocityValue.init) ?? .null
        case "params": return arguments.isEmpty ? allParameters : parameter(arguments[0].text)
        default: return nil
        }
    }

    private func find(_ arguments: [VelocityValue]) -> JSONValue? {
        guard let document = try? JSONValue.parse(Array(bodyText.utf8)[...]) else { return nil }
        return JSONPath.find(arguments.first?.text ?? "$", in: document)
    }

    private var allParameters: VelocityValue {
        func map(_ pairs: [(String, String)]) -> VelocityValue {
            let result = VelocityMap()
            for (key, value) in pairs { result.set(key, .string(value)) }
            return .map(result)
        }
        let all = VelocityMap()
        all.set("path", map(path.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }))
        all.set("querystring", map(query.map { ($0.key, $0.values.last ?? "") }))
        all.set("header", map(headers.map { ($0.name, $0.value) }))
        return .map(all)
    }

    /// A parameter of the path, else of the query, else a header field.
    private func parameter(_ name: String) -> VelocityValue {
        if let value = path[name] { return .string(value) }
        if let value = query.first(where: { $0.key == name })?.values.last { return .string(value) }
        return .string(headers.all(name).last ?? "")
    }

    // MARK: $util

    private func util(_ name: String, _ arguments: [VelocityValue]) -> VelocityValue? {
        guard let argument = arguments.first else { return nil }
        let text = argument.isNull ? "" : argument.text
        switch name {
        case "escapeJavaScript": return .string(Self.escapeJavaScript(text))
        case "parseJson":
            return (try? JSONValue.parse(text)).map(VelocityValue.init) ?? .null
        case "urlEncode":
            return .string(PercentCoding.encode(text, allowed: "*").replacing("%20", with: "+"))
        case "urlDecode": return .string(PercentText.decode(text, plusIsSpace: true))
        case "base64Encode": return .string(Base64Text.encode(Array(text.utf8)[...]))
        case "base64Decode":
            return Base64Text.decode(text).map { .string(String(decoding: $0, as: UTF8.self)) }
        default: return nil
        }
    }

    private static func escapeJavaScript(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "'": result += "\\'"
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "/": result += "\\/"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{8}": result += "\\b"
            case "\u{c}": result += "\\f"
            case "\u{20}"..."\u{7e}": result.unicodeScalars.append(scalar)
            default:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: true)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result
    }

    // MARK: Lists and maps

    private static func list(
        _ list: VelocityList,
        _ name: String,
        _ arguments: [VelocityValue]
    ) -> VelocityValue? {
        func index() -> Int? {
            guard case .integer(let index)? = arguments.first, list.items.indices.contains(index)
            else { return nil }
            return index
        }
        switch name {
        case "size", "length": return .integer(list.items.count)
        case "isEmpty": return .bool(list.items.isEmpty)
        case "get": return index().map { list.items[$0] }
        case "add":
            guard let last = arguments.last else { return nil }
            if arguments.count == 2, case .integer(let place) = arguments[0],
                (0...list.items.count).contains(place)
            {
                list.items.insert(last, at: place)
            } else {
                list.items.append(last)
            }
            return .bool(true)
        case "addAll":
            if case .list(let more)? = arguments.first { list.items += more.items }
            return .bool(true)
        case "set":
            guard let place = index(), arguments.count == 2 else { return nil }
            let before = list.items[place]
            list.items[place] = arguments[1]
            return before
        case "remove": return index().map { list.items.remove(at: $0) }
        case "contains":
            return arguments.first.map { wanted in
                .bool(list.items.contains { $0.equals(wanted) })
            }
        case "indexOf":
            return arguments.first.map { wanted in
                .integer(list.items.firstIndex { $0.equals(wanted) } ?? -1)
            }
        case "toString": return .string(VelocityValue.list(list).text)
        default: return nil
        }
    }

    private static func map(
        _ map: VelocityMap,
        _ name: String,
        _ arguments: [VelocityValue]
    ) -> VelocityValue? {
        let key = arguments.first?.text ?? ""
        switch name {
        case "get": return map[key]
        case "getOrDefault": return map[key] ?? arguments.last
        case "put":
            guard arguments.count == 2 else { return nil }
            let before = map[key]
            map.set(key, arguments[1])
            return before ?? .null
        case "putAll":
            if case .map(let more)? = arguments.first {
                for entry in more.entries { map.set(entry.key, entry.value) }
            }
            return .null
        case "remove": return map.remove(key) ?? .null
        case "containsKey": return .bool(map[key] != nil)
        case "containsValue":
            return arguments.first.map { wanted in
                .bool(map.entries.contains { $0.value.equals(wanted) })
            }
        case "keySet": return .list(VelocityList(map.entries.map { .string($0.key) }))
        case "values": return .list(VelocityList(map.entries.map(\.value)))
        case "entrySet":
            return .list(
                VelocityList(
                    map.entries.map { entry in
                        let pair = VelocityMap()
                        pair.set("key", .string(entry.key))
                        pair.set("value", entry.value)
                        return .map(pair)
                    }
                )
            )
        case "getKey": return map["key"]
        case "getValue": return map["value"]
        case "size": return .integer(map.entries.count)
        case "isEmpty": return .bool(map.entries.isEmpty)
        case "toString": return .string(VelocityValue.map(map).text)
        default: return nil
        }
    }

    // MARK: Strings

    private static func string(
        _ text: String,
        _ name: String,
        _ arguments: [VelocityValue]
    ) -> VelocityValue? {
        let first = arguments.first?.text ?? ""
        let second = arguments.count > 1 ? arguments[1].text : ""
        switch name {
        case "length": return .integer(text.utf16.count)
        case "isEmpty": return .bool(text.isEmpty)
        case "toString": return .string(text)
        case "toLowerCase": return .string(text.lowercased())
        case "toUpperCase": return .string(text.uppercased())
        case "trim": return .string(String(text.trimmingSpaces()))
        case "contains": return .bool(text.contains(first))
        case "startsWith": return .bool(text.hasPrefix(first))
        case "endsWith": return .bool(text.hasSuffix(first))
        case "equals": return .bool(text == first)
        case "equalsIgnoreCase": return .bool(text.lowercased() == first.lowercased())
        case "concat": return .string(text + first)
        case "replace": return .string(text.replacing(first, with: second))
        case "replaceAll", "replaceFirst":
            guard let regex = try? LinearRegex(first) else { return nil }
            return .string(
                name == "replaceAll"
                    ? regex.replacingAll(in: text, with: second)
                    : regex.replacingFirst(in: text, with: second) ?? text
            )
        case "matches":
            return (try? LinearRegex("^(?:\(first))$")).map { .bool($0.isFound(in: text)) }
        case "indexOf":
            let place = text.firstRange(of: first)?.lowerBound
            return .integer(place.map { text.utf16.distance(from: text.startIndex, to: $0) } ?? -1)
        case "substring": return substring(text, arguments)
        case "split":
            let parts = text.split(separator: first, omittingEmptySubsequences: false)
            return .list(VelocityList(parts.map { .string(String($0)) }))
        default: return nil
        }
    }

    private static func substring(_ text: String, _ arguments: [VelocityValue]) -> VelocityValue? {
        guard case .integer(let start)? = arguments.first else { return nil }
        let units = Array(text.utf16)
        var end = units.count
        if arguments.count > 1, case .integer(let given) = arguments[1] { end = given }
        guard start >= 0, start <= end, end <= units.count else { return nil }
        return .string(String(decoding: units[start..<end], as: UTF16.self))
    }
}

extension String {
    /// Without white space at its ends.
    func trimmingSpaces() -> Substring {
        var result = self[...]
        while result.first?.isWhitespace ?? false { result.removeFirst() }
        while result.last?.isWhitespace ?? false { result.removeLast() }
        return result
    }
}
