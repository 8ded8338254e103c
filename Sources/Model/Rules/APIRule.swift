/// What the AWS APIs refuse of edge functions and their key-value stores.
package enum APIRule: String, Sendable, CaseIterable {
    case functionReplicated = "api.function.replicated"
    case viewerFunctionSize = "api.viewer-function.size"
    case viewerFunctionStore = "api.viewer-function.store"
    case viewerFunctionInUse = "api.viewer-function.in-use"
    case keyValueKey = "api.key-value.key"
    case keyValueValue = "api.key-value.value"
    case keyValueChanges = "api.key-value.changes"
    case keyValueSize = "api.key-value.size"
    case keyValueMatch = "api.key-value.match"

    /// The title of the page of AWS's guide.
    package var title: String {
        switch self {
        case .functionReplicated: "Delete Lambda@Edge functions and replicas"
        case .viewerFunctionSize, .viewerFunctionStore: "Quotas on CloudFront Functions"
        case .viewerFunctionInUse: "API reference: DeleteFunction"
        case .keyValueKey, .keyValueValue, .keyValueChanges, .keyValueSize:
            "Quotas on key value stores"
        case .keyValueMatch: "Work with key value data programmatically"
        }
    }

    /// The status of the answer.
    package var status: Int {
        switch self {
        case .functionReplicated, .viewerFunctionStore, .keyValueKey, .keyValueValue,
            .keyValueChanges:
            400
        case .keyValueSize: 402
        case .viewerFunctionInUse, .keyValueMatch: 409
        case .viewerFunctionSize: 413
        }
    }

    /// The code of AWS's error.
    package var code: String {
        switch self {
        case .functionReplicated: "InvalidParameterValueException"
        case .viewerFunctionSize: "FunctionSizeLimitExceeded"
        case .viewerFunctionStore: "InvalidArgument"
        case .viewerFunctionInUse: "FunctionInUse"
        case .keyValueKey, .keyValueValue, .keyValueChanges: "ValidationException"
        case .keyValueSize: "ServiceQuotaExceededException"
        case .keyValueMatch: "ConflictException"
        }
    }

    /// What the rule asks for.
    package var text: String {
        switch self {
        case .functionReplicated: "A function that edges hold replicas of cannot be deleted."
        case .viewerFunctionSize: "The code of a CloudFront Function has at most 10 KB."
        case .viewerFunctionStore: "A function has at most one key value store."
        case .viewerFunctionInUse: "A function at a cache behavior cannot be deleted."
        case .keyValueKey: "A key has 1 to 512 bytes."
        case .keyValueValue: "A value has 1 to 1024 bytes."
        case .keyValueChanges: "A call changes 1 to 50 keys."
        case .keyValueSize: "A store has at most 5 MB."
        case .keyValueMatch: "A change names the version of the store that it is based on."
        }
    }

    /// A call that breaks the rule.
    package var example: String {
        switch self {
        case .functionReplicated: "DeleteFunction of a version at a hook"
        case .viewerFunctionSize: "CreateFunction with 10241 bytes of code"
        case .viewerFunctionStore: "KeyValueStoreAssociations: {Quantity: 2}"
        case .viewerFunctionInUse: "DeleteFunction of a function in FunctionAssociations"
        case .keyValueKey: "PutKey with a key of 513 bytes"
        case .keyValueValue: "PutKey with a value of 1025 bytes"
        case .keyValueChanges: "UpdateKeys with 51 puts"
        case .keyValueSize: "puts that come to more than 5242880 bytes"
        case .keyValueMatch: "PutKey with the ETag before the last change"
        }
    }

    /// The entry of the catalogue.
    package var rule: Rule {
        Rule(id: rawValue, page: title, status: status, text: text, example: example)
    }
}
