/// An element of an XML document: name without prefix, children, and the text between them.
struct XMLNode: Sendable {
    var name: String
    var children: [XMLNode] = []
    var text = ""

    func child(_ name: String) -> XMLNode? { children.first { $0.name == name } }

    func all(_ name: String) -> [XMLNode] { children.filter { $0.name == name } }

    /// Why a document cannot be read.
    struct Malformed: Error {}

    /// Reads one document without a document type; entities are the five of XML and numbers.
    static func parse(_ bytes: [UInt8]) throws(Malformed) -> XMLNode {
        var reader = XMLReader(bytes)
        return try reader.document()
    }
}

/// A strict reader of the XML that AWS clients send.
private struct XMLReader {
    /// How deep elements may stand in each other.
    static let maximumDepth = 64

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(XMLNode.Malformed) -> XMLNode {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .init() }
        if starts(with: "\u{FEFF}") { position += 3 }
        try skipMisc()
        let root = try element(depth: 0)
        try skipMisc()
        guard position == bytes.count else { throw .init() }
        return root
    }

    /// White space, comments and processing instructions.
    private mutating func skipMisc() throws(XMLNode.Malformed) {
        while position < bytes.count {
            if isSpace(bytes[position]) {
                position += 1
            } else if starts(with: "<?") {
                try skip(past: "?>")
            } else if starts(with: "<!--") {
                try skip(past: "-->")
            } else {
                return
            }
        }
    }

    private mutating func element(depth: Int) throws(XMLNode.Malformed) -> XMLNode {
        guard depth < Self.maximumDepth, take("<") else { throw .init() }
        var node = XMLNode(name: try name())
        try attributes()
        if take("/>") { return node }
        guard take(">") else { throw .init() }
        var text: [UInt8] = []
        while position < bytes.count {
            if starts(with: "</") {
                position += 2
                guard try name() == node.name else { throw .init() }
                skipSpace()
                guard take(">") else { throw .init() }
                node.text = String(decoding: text, as: UTF8.self)
                return node
            }
            if starts(with: "<!--") {
                try skip(past: "-->")
            } else if take("<![CDATA[") {
                let start = position
                try skip(past: "]]>")
                text += bytes[start..<(position - 3)]
            } else if starts(with: "<?") {
                try skip(past: "?>")
            } else if bytes[position] == UInt8(ascii: "<") {
                node.children.append(try element(depth: depth + 1))
            } else {
                try character(into: &text)
            }
        }
        throw .init()
    }

    private mutating func attributes() throws(XMLNode.Malformed) {
        while true {
            let before = position
            skipSpace()
            guard position < bytes.count else { throw .init() }
            if bytes[position] == UInt8(ascii: ">") || bytes[position] == UInt8(ascii: "/") {
                return
            }
            guard position > before else { throw .init() }
            _ = try name()
            skipSpace()
            guard take("=") else { throw .init() }
            skipSpace()
            guard position < bytes.count, [0x22, 0x27].contains(bytes[position]) else {
                throw .init()
            }
            let quote = bytes[position]
            guard let end = bytes[(position + 1)...].firstIndex(of: quote) else { throw .init() }
            position = end + 1
        }
    }

    /// A name without its namespace prefix.
    private mutating func name() throws(XMLNode.Malformed) -> String {
        let start = position
        let stops = Array(" \t\r\n/>=<&\"'".utf8)
        while position < bytes.count, !stops.contains(bytes[position]) { position += 1 }
        guard position > start else { throw .init() }
        let full = String(decoding: bytes[start..<position], as: UTF8.self)
        return full.split(separator: ":").last.map(String.init) ?? full
    }

    private mutating func character(into text: inout [UInt8]) throws(XMLNode.Malformed) {
        guard bytes[position] == UInt8(ascii: "&") else {
            text.append(bytes[position])
            position += 1
            return
        }
        let limit = min(bytes.count, position + 12)
        guard let end = bytes[position..<limit].firstIndex(of: UInt8(ascii: ";")) else {
            throw .init()
        }
        let entity = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
        position = end + 1
        let named = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
        if let plain = named[entity] {
            text += plain.utf8
        } else {
            guard entity.hasPrefix("#") else { throw .init() }
            let digits = entity.dropFirst()
            let number =
                digits.hasPrefix("x")
                ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
            guard let scalar = number.flatMap(Unicode.Scalar.init) else { throw .init() }
            text += String(Character(scalar)).utf8
        }
    }

    private mutating func take(_ text: StaticString) -> Bool {
        guard starts(with: text) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    private func starts(with text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[position...].starts(with: $0) }
    }

    private mutating func skip(past text: StaticString) throws(XMLNode.Malformed) {
        while position < bytes.count {
            if take(text) { return }
            position += 1
        }
        throw .init()
    }

    private mutating func skipSpace() {
        while position < bytes.count, isSpace(bytes[position]) { position += 1 }
    }

    private func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
