/// Writes XML elements into a buffer.
struct XMLWriter {
    private(set) var bytes: [UInt8] = []

    /// Begins a document.
    mutating func declaration() { bytes += "<?xml version=\"1.0\"?>\n".utf8 }

    mutating func open(_ name: String, namespace: String? = nil) {
        bytes.append(UInt8(ascii: "<"))
        bytes += name.utf8
        if let namespace {
            bytes += " xmlns=\"".utf8
            escape(namespace)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: ">"))
    }

    mutating func close(_ name: String) {
        bytes += "</".utf8
        bytes += name.utf8
        bytes.append(UInt8(ascii: ">"))
    }

    /// An element with text in it.
    mutating func element(_ name: String, _ text: String) {
        open(name)
        escape(text)
        close(name)
    }

    private mutating func escape(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes += "&amp;".utf8
            case UInt8(ascii: "<"): bytes += "&lt;".utf8
            case UInt8(ascii: ">"): bytes += "&gt;".utf8
            case UInt8(ascii: "\""): bytes += "&quot;".utf8
            case UInt8(ascii: "\r"): bytes += "&#13;".utf8
            default: bytes.append(byte)
            }
        }
    }
}
