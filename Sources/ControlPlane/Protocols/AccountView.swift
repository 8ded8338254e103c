import HTTP
import JSON
import Model

/// The account of this node as a caller sees it: under the twelve digits of the caller's access key.
///
/// There is one account here. Who calls with a key of twelve digits finds everything under that number: it takes the
/// node's place in each call and each answer, and the node's own number takes its place. What functions, doors and
/// other callers see stays as it is. ARNs of services that are elsewhere, such as queues, keep their accounts.
struct AccountView {
    private let own: String

    /// The view of a caller; nil when it is the node's.
    init?(_ head: RequestHead) {
        self.init(account: TokenService.account(ofKey: RequestKey.accessKey(of: head)))
    }

    /// The view of an account; nil when it is the node's.
    init?(account: String) {
        guard account != FunctionARN.account else { return nil }
        own = account
    }

    /// The services whose ARNs have this node's account.
    private static let services: Set<Substring> = [
        "apigateway", "cloudfront", "elasticloadbalancing", "events", "execute-api", "iam",
        "lambda", "logs", "sts",
    ]

    /// A call's parameters or an answer with the two accounts in each other's place.
    func swapped(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): return .string(swapped(text))
        case .array(let elements): return .array(elements.map(swapped))
        case .object(var object):
            for member in object { object[member.key] = swapped(member.value) }
            return .object(object)
        default: return value
        }
    }

    /// A text with the two accounts in each other's place: where one is the whole text, a quoted text in it, or the
    /// account of an ARN; documents inside of documents come with escapes.
    func swapped(_ text: String) -> String {
        guard text.contains(own) || text.contains(FunctionARN.account) else { return text }
        var text = String(other(text[...]))
        for mark in [":", "%3A"] { text = swapped(text, inARNsOf: mark) }
        for mark in ["\"", "%22"] {
            text = text.split(separator: mark, omittingEmptySubsequences: false).map(other)
                .joined(separator: mark)
        }
        return text
    }

    private func swapped(_ text: String, inARNsOf mark: String) -> String {
        var parts = text.split(separator: mark, omittingEmptySubsequences: false)
        for place in parts.indices.dropLast(5) where parts[place].hasSuffix("arn") {
            guard parts[place + 1].hasPrefix("aws"), Self.services.contains(parts[place + 2]) else {
                continue
            }
            parts[place + 4] = other(parts[place + 4])
        }
        return parts.joined(separator: mark)
    }

    private func other(_ account: Substring) -> Substring {
        switch account {
        case own[...]: FunctionARN.account[...]
        case FunctionARN.account[...]: own[...]
        default: account
        }
    }
}
