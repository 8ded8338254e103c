/// How an environment came to be, in Lambda's words: what `AWS_LAMBDA_INITIALIZATION_TYPE` says.
///
/// Source: "Working with Lambda environment variables".
enum InitializationType: String {
    case onDemand = "on-demand"
    case provisioned = "provisioned-concurrency"
    case snapStart = "snap-start"
}
