import JSON
import Testing

@testable import ControlPlane

struct AccountViewTests {
    private let view = AccountView(account: "111122223333")

    @Test("The node's own account needs no view")
    func own() { #expect(AccountView(account: "123456789012") == nil) }

    @Test(
        "An account is the caller's in ARNs of what is here, quoted, or as a whole text",
        arguments: [
            (
                "arn:aws:lambda:us-east-1:123456789012:function:f:1",
                "arn:aws:lambda:us-east-1:111122223333:function:f:1"
            ),
            (
                "no arn:aws:iam::123456789012:role/r here",
                "no arn:aws:iam::111122223333:role/r here"
            ),
            ("123456789012", "111122223333"), (#"{"a":"123456789012"}"#, #"{"a":"111122223333"}"#),
            (
                "%22arn%3Aaws%3Aiam%3A%3A123456789012%3Aroot%22",
                "%22arn%3Aaws%3Aiam%3A%3A111122223333%3Aroot%22"
            ),
            ("%7B%22a%22%3A%22123456789012%22", "%7B%22a%22%3A%22111122223333%22"),
            ("arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:sqs:us-east-1:123456789012:q"),
            ("1234567890123", "1234567890123"), ("call 123456789012 now", "call 123456789012 now"),
            ("arn:aws:iam::444455556666:role/r", "arn:aws:iam::444455556666:role/r"),
        ]
    )
    func swaps(kept: String, shown: String) throws {
        let view = try #require(view)
        #expect(view.swapped(kept) == shown)
        #expect(view.swapped(shown) == kept)
        let nested: JSONValue = ["a": [.string(kept), 1, .null]]
        #expect(view.swapped(nested) == ["a": [.string(shown), 1, .null]])
    }
}
