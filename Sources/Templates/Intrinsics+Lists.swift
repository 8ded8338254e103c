import Foundation

extension Evaluator {
    /// The functions whose argument is a list of values.
    func applyList(
        _ key: String,
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let parts = (argument.list ?? []).compactMap { resolve($0, path) }
        switch key {
        case "Fn::Join":
            guard parts.count == 2, let delimiter = parts[0].text, let items = parts[1].list
            else { return wrong(node, path, key, "a delimiter and a list") }
            let texts = items.compactMap(\.text)
            guard texts.count == items.count else {
                return wrong(node, path, key, "a list of strings")
            }
            return node.scalar(texts.joined(separator: delimiter))
        case "Fn::Split":
            guard parts.count == 2, let delimiter = parts[0].text, let text = parts[1].text,
                !delimiter.isEmpty
            else { return wrong(node, path, key, "a delimiter and a string") }
            return node.list(text.components(separatedBy: delimiter))
        case "Fn::Select":
            guard parts.count == 2, let index = parts[0].text.flatMap({ Int($0) }),
                let items = parts[1].list
            else { return wrong(node, path, key, "an index and a list") }
            guard items.indices.contains(index), !items[index].isNull else {
                error(node, path, "Fn::Select: index \(index) is outside a list of \(items.count)")
                return nil
            }
            return items[index]
        case "Fn::FindInMap": return findInMap(argument, parts, node, path)
        default: return cidr(parts, node, path)
        }
    }

    private func findInMap(
        _ argument: TemplateNode,
        _ parts: [TemplateNode],
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let keys = parts.prefix(3).compactMap(\.text)
        guard keys.count == 3, (3...4).contains(argument.list?.count ?? 0) else {
            return wrong(node, path, "Fn::FindInMap", "a map and two keys")
        }
        if argument.list?.count == 4 { wantsExtensions("a default in Fn::FindInMap", node, path) }
        if let value = root["Mappings"]?[keys[0]]?[keys[1]]?[keys[2]] { return value }
        if parts.count == 4, let fallback = parts[3]["DefaultValue"] { return fallback }
        error(node, path, "Fn::FindInMap: there is no \(keys.joined(separator: "."))")
        return nil
    }

    private func cidr(
        _ parts: [TemplateNode],
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        guard let block = parts.first?.text.flatMap(AddressBlock.init), parts.count >= 2,
            let count = parts[1].text.flatMap({ Int($0) }), (1...256).contains(count),
            let bits = parts.count == 3 ? parts[2].text.flatMap({ Int($0) }) : 8,
            let blocks = block.split(into: count, bits: bits)
        else {
            return wrong(
                node,
                path,
                "Fn::Cidr",
                "an address block that holds count (1 to 256) blocks of cidrBits"
            )
        }
        return node.list(blocks)
    }
}

/// An IPv4 or IPv6 block in CIDR notation.
struct AddressBlock {
    private var start: UInt128
    private var prefix: Int
    private var width: Int

    /// Reads `10.0.0.0/16` or `2001:db8::/56`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let prefix = Int(parts[1]) else { return nil }
        if let four = Self.four(parts[0]) {
            (start, width) = (four, 32)
        } else if let six = Self.six(parts[0]) {
            (start, width) = (six, 128)
        } else {
            return nil
        }
        guard (0...width).contains(prefix) else { return nil }
        self.prefix = prefix
        let host = width - prefix
        start = prefix == 0 ? 0 : (start >> UInt128(host)) << UInt128(host)
    }

    private static func four(_ text: String) -> UInt128? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { UInt8($0) }
        guard parts.count == 4, bytes.count == 4 else { return nil }
        return bytes.reduce(0) { $0 << 8 | UInt128($1) }
    }

    private static func six(_ text: String) -> UInt128? {
        let halves = text.components(separatedBy: "::")
        guard halves.count <= 2 else { return nil }
        let groups = halves.map { half in
            half.split(separator: ":", omittingEmptySubsequences: false)
                .filter { !($0.isEmpty && half.isEmpty) }
        }
        let given = groups.joined().map { UInt16($0, radix: 16) }
        guard given.allSatisfy({ $0 != nil }) else { return nil }
        let missing = 8 - given.count
        guard halves.count == 2 ? missing >= 1 : missing == 0 else { return nil }
        var all = given.compactMap { $0 }
        if halves.count == 2 {
            all.insert(contentsOf: repeatElement(0, count: missing), at: groups[0].count)
        }
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// The first blocks with `bits` host bits; nil when they do not fit.
    func split(into count: Int, bits: Int) -> [String]? {
        let room = width - prefix
        guard (1...width).contains(bits), bits <= room else { return nil }
        guard room - bits >= 9 || count <= 1 << (room - bits) else { return nil }
        return (0..<count).map { index in
            text(of: start + UInt128(index) << UInt128(bits)) + "/\(width - bits)"
        }
    }

    private func text(of address: UInt128) -> String {
        if width == 32 {
            return [24, 16, 8, 0].map { String(address >> $0 & 255) }.joined(separator: ".")
        }
        return stride(from: 112, through: 0, by: -16)
            .map { String(address >> UInt128($0) & 0xFFFF, radix: 16) }.joined(separator: ":")
    }
}
