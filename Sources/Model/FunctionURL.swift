/// The URL of a function or of one of its aliases.
package struct FunctionURL: Sendable, Codable, Hashable {
    /// 32 lower-case letters and digits.
    package var id: String
    /// `name`, or `name:alias`.
    package var function: String
    /// Whether only signed requests are let in.
    package var requiresIAM = false
    package var cors: HTTPAPI.CORS?
    /// `BUFFERED` or `RESPONSE_STREAM`.
    package var invokeMode = "BUFFERED"

    /// Makes a URL that anyone may use.
    package init(id: String, function: String) {
        self.id = id
        self.function = function
    }
}
