/// The parts of an `Authorization` field of Signature Version 4 as they came, each empty when it is missing.
package struct AuthorizationField: Sendable {
    package private(set) var credential = ""
    package private(set) var signedHeaders = ""
    package private(set) var signature = ""

    /// Reads a field; nil when it names another algorithm.
    package init?(_ text: String) {
        let start = RequestSignature.algorithm + " "
        guard text.hasPrefix(start) else { return nil }
        for part in text.dropFirst(start.count).split(separator: ",") {
            let halves = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            guard halves.count == 2 else { continue }
            switch halves[0] {
            case "Credential": credential = String(halves[1])
            case "SignedHeaders": signedHeaders = String(halves[1])
            case "Signature": signature = String(halves[1])
            default: continue
            }
        }
    }
}
