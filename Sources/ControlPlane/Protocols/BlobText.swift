/// Binary values as calls write them: base64, which some encoders break into lines (RFC 2045, section 6.8).
enum BlobText {
    /// The digits alone; archives of many megabytes come this way, nearly all of them without a gap.
    static func compact(_ text: String) -> String {
        guard text.utf8.contains(where: isGap) else { return text }
        return String(decoding: text.utf8.filter { !isGap($0) }, as: UTF8.self)
    }

    private static func isGap(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}
