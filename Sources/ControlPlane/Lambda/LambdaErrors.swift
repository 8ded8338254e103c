import DataPlane

/// The errors of the Lambda API with the texts that the service uses.
extension APIError {
    static func invalid(_ message: String) -> APIError {
        APIError(400, "InvalidParameterValueException", message)
    }

    static func validation(_ problem: String) -> APIError {
        APIError(400, "ValidationException", "1 validation error detected: " + problem)
    }

    static func missing(_ message: String) -> APIError {
        APIError(404, "ResourceNotFoundException", message)
    }

    static func functionNotFound(_ arn: String) -> APIError {
        missing("Function not found: \(arn)")
    }

    static func conflict(_ message: String) -> APIError {
        APIError(409, "ResourceConflictException", message)
    }

    /// Variables that no key opens.
    ///
    /// Source: "Invoke", errors: KMSNotFoundException.
    static let sealedVariables = APIError(
        502,
        "KMSNotFoundException",
        "Lambda was unable to decrypt the environment variables because the KMS key was not found. They are sealed "
            + "with a key that is not among those of this node (variables.key in its state folder, or "
            + "--variables-key)."
    )

    /// A runtime that functions may be made with and that nothing runs here.
    ///
    /// Source: "Invoke", errors.
    static func runtime(_ name: String) -> APIError {
        APIError(
            502,
            "InvalidRuntimeException",
            "The runtime \(name) is not supported here; functions may use nodejs, python and provided runtimes."
        )
    }

    /// Nothing makes code signing configurations here, so none is found.
    static func noSigning(_ arn: String) -> APIError {
        APIError(
            404,
            "CodeSigningConfigNotFoundException",
            "The code signing configuration cannot be found. Check that the provided configuration is not "
                + "deleted: \(arn)."
        )
    }

    static func throttled(_ reason: String) -> APIError {
        APIError(429, "TooManyRequestsException", "Rate Exceeded.", ["Reason": reason])
    }

    /// What kept an environment from coming out of its snapshot; nil when it was something else.
    ///
    /// Source: "Invoke", errors; "Troubleshooting SnapStart errors for Lambda functions".
    static func snapStart(_ failure: FunctionFailure) -> APIError? {
        switch failure {
        case .restoreFailed:
            APIError(
                400,
                "SnapStartException",
                "The after-restore runtime hook encountered an error. For more information, check "
                    + "the Amazon CloudWatch logs."
            )
        case .restoreTimedOut:
            APIError(
                408,
                "SnapStartTimeoutException",
                "Lambda couldn't restore the snapshot within the timeout limit."
            )
        case .snapshotNotReady:
            APIError(
                409,
                "SnapStartNotReadyException",
                "Lambda is initializing your function. It will be ready to invoke once your "
                    + "function state becomes ACTIVE."
            )
        case .handled, .timeout, .exited, .initFailed, .responseTooLarge, .outOfMemory: nil
        }
    }

    /// A revision id that is not the current one; `call` is where the current one can be read.
    static func precondition(_ call: String) -> APIError {
        APIError(
            412,
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the \(call) API "
                + "to retrieve the latest Revision Id"
        )
    }
}
