/// An ARN of one of the services that the executor calls.
///
/// Source: "Identify AWS resources with Amazon Resource Names (ARNs)".
package struct ServiceARN: Sendable, Equatable {
    package let text: String
    package let service: String
    package let region: String
    package let account: String
    /// Everything after the account.
    package let resource: String

    /// Reads an ARN; nil when it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            .map(String.init)
        guard parts.count == 6, parts[0] == "arn", !parts[2].isEmpty, !parts[5].isEmpty else {
            return nil
        }
        self.text = text
        service = parts[2]
        region = parts[3]
        account = parts[4]
        resource = parts[5]
    }
}
