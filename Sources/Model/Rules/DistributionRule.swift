/// What a distribution's configuration must keep to.
package enum DistributionRule: String, Sendable, CaseIterable {
    case functionVersion = "config.function.version"
    case functionRegion = "config.function.region"
    case functionEventTwice = "config.function.event"
    case functionUnknown = "config.function.exists"
    case functionRole = "config.function.role"
    case functionEnvironment = "config.function.environment"
    case functionTimeout = "config.function.timeout"
    case functionRuntime = "config.function.runtime"
    case functionFeature = "config.function.feature"
    case functionBody = "config.function.include-body"
    case viewerFunctionEvent = "config.function.viewer-event"
    case viewerFunctionMixed = "config.function.mixed"
    case viewerFunctionStage = "config.function.live"
    case allowedMethods = "config.methods.allowed"
    case cachedMethods = "config.methods.cached"
    case pathPattern = "config.path-pattern"
    case grpc = "config.grpc"
    case originPath = "config.origin.path"
    case originSetting = "config.origin.range"
    case originHeader = "config.origin.header"
    case originTarget = "config.origin.target"
    case accessControl = "config.origin.access-control"
    case originShield = "config.origin.shield"
    case originGroup = "config.origin-group"
    case rootObject = "config.root-object"
    case errorPage = "config.error-page"
    case policyConflict = "config.policy.conflict"
    case policyTime = "config.policy.ttl"
    case policyHeader = "config.policy.header"
    case removedHeader = "config.response-headers.remove"
    case publicKey = "config.public-key"
    case country = "config.country"
    case logging = "config.logging"
    case staging = "config.staging"
    case viewerAuthentication = "config.viewer-mtls"
    case trustStore = "config.trust-store"
    case realTimeLog = "config.realtime-log"
    case quantity = "config.quantity"
    case quota = "config.quota"

    /// The title of the page of AWS's guide.
    package var title: String {
        switch self {
        case .functionVersion, .functionRegion, .functionEnvironment, .functionFeature:
            "Restrictions on Lambda@Edge"
        case .functionUnknown, .functionRole: "Set up IAM permissions and roles for Lambda@Edge"
        case .functionTimeout: "Quotas"
        case .functionRuntime: "Restrictions on Lambda@Edge"
        case .functionBody: "Access the request body by choosing the include body option"
        case .accessControl: "Restrict access to an AWS origin"
        case .originShield: "Use Amazon CloudFront Origin Shield"
        case .functionEventTwice, .viewerFunctionMixed: "Restrictions on all edge functions"
        case .viewerFunctionEvent: "Differences between CloudFront Functions and Lambda@Edge"
        case .viewerFunctionStage: "Associate functions with distributions"
        case .allowedMethods, .cachedMethods, .pathPattern: "Cache behavior settings"
        case .grpc: "Using gRPC with CloudFront distributions"
        case .originPath, .originSetting, .originTarget: "Origin settings"
        case .originHeader: "Add custom headers to origin requests"
        case .originGroup: "Optimize high availability with CloudFront origin failover"
        case .rootObject: "Specify a default root object"
        case .errorPage: "Generate custom error responses"
        case .policyConflict, .policyTime: "Understand cache policies"
        case .policyHeader: "Cache content based on request headers"
        case .removedHeader: "Understand response headers policies"
        case .publicKey: "Specify signers that can create signed URLs and signed cookies"
        case .country: "Restrict the geographic distribution of your content"
        case .logging: "Configure standard logging (legacy)"
        case .staging: "Use continuous deployment to safely test CDN configuration changes"
        case .viewerAuthentication: "Enable mutual TLS for CloudFront distributions"
        case .trustStore: "Trust stores and certificate management"
        case .realTimeLog: "Use real-time access logs"
        case .quantity: "API reference: Origins"
        case .quota: "Quotas"
        }
    }

    /// The code of AWS's error.
    package var code: String {
        switch self {
        case .functionVersion, .functionRegion, .functionEventTwice, .functionUnknown,
            .functionRole, .functionEnvironment, .functionTimeout, .functionRuntime,
            .functionFeature, .functionBody:
            "InvalidLambdaFunctionAssociation"
        case .accessControl: "InvalidOriginAccessControl"
        case .viewerFunctionEvent, .viewerFunctionMixed, .viewerFunctionStage:
            "InvalidFunctionAssociation"
        case .originTarget: "NoSuchOrigin"
        case .rootObject: "InvalidDefaultRootObject"
        case .errorPage: "InvalidErrorCode"
        case .country: "InvalidGeoRestrictionParameter"
        case .originHeader: "InvalidHeadersForS3Origin"
        case .quantity: "InconsistentQuantities"
        default: "InvalidArgument"
        }
    }

    /// What the rule asks for.
    package var text: String {
        switch self {
        case .functionVersion: "The function ARN must reference a specific function version."
        case .functionRegion: "The function must be in region 'us-east-1'."
        case .functionEventTwice: "An event type may have one function for each behavior."
        case .functionUnknown: "Lambda@Edge cannot retrieve the specified Lambda function."
        case .functionRole:
            "The function execution role must be assumable with edgelambda.amazonaws.com as well as "
                + "lambda.amazonaws.com principals."
        case .functionEnvironment: "The function cannot have environment variables."
        case .functionTimeout:
            "The function timeout is larger than the maximum allowed for functions that are triggered "
                + "by a CloudFront event."
        case .functionRuntime: "The function runtime is not supported at the edge."
        case .functionFeature:
            "The function cannot have a VPC, a dead letter queue, layers, active tracing, provisioned "
                + "concurrency, an image, arm64, more than 512 MB of storage or other runtime updates "
                + "than Auto."
        case .functionBody: "A body is included at request events only."
        case .viewerFunctionEvent:
            "CloudFront Functions can be associated with viewer-request and viewer-response only."
        case .viewerFunctionMixed:
            "CloudFront Functions and Lambda@Edge cannot both be at viewer events of a behavior."
        case .viewerFunctionStage:
            "A function is published to the LIVE stage before it is associated."
        case .allowedMethods:
            "AllowedMethods are GET, HEAD or GET, HEAD, OPTIONS or all seven methods."
        case .cachedMethods:
            "CachedMethods are GET, HEAD or GET, HEAD, OPTIONS, and are among AllowedMethods."
        case .pathPattern: "A path pattern has 1 to 255 letters, digits and _-.*$/~\"'@:+&?."
        case .grpc:
            "gRPC needs HTTP/2, POST among AllowedMethods, and an origin that is asked by HTTPS."
        case .originPath: "An origin path starts with / and does not end with one."
        case .originSetting: "The setting of the origin is out of its range."
        case .originHeader: "The header cannot be sent to origins as a custom header."
        case .originTarget: "A behavior targets an origin or an origin group of its distribution."
        case .accessControl:
            "An origin names an origin access control that exists, of its own type, and no identity "
                + "beside it."
        case .originShield: "A shield that is on has a Region."
        case .originGroup: "An origin group has two origins and failover codes of the known ones."
        case .rootObject:
            "A default root object has at most 255 characters and does not start with /."
        case .errorPage:
            "A custom error response is for 400, 403, 404, 405, 414, 416, 500, 501, 502, 503 or 504; "
                + "ResponsePagePath and ResponseCode come together."
        case .policyConflict: "CachePolicyId cannot be used with ForwardedValues or TTLs."
        case .policyTime: "MinTTL must not exceed DefaultTTL, nor that MaxTTL."
        case .policyHeader: "The header cannot be part of a policy."
        case .removedHeader: "The header cannot be removed."
        case .publicKey: "A public key is RSA with 2048 bits or ECDSA on P-256, in PEM."
        case .staging:
            "A staging distribution has no aliases and no policy; a policy has a weight up to 0.15 or a "
                + "header that starts with aws-cf-cd-."
        case .logging:
            "The bucket of a log is named by its host, bucket.s3.amazonaws.com; a prefix starts with no /."
        case .country: "Locations are ISO 3166-1 alpha-2 codes in upper case."
        case .viewerAuthentication:
            "Viewer mTLS wants a trust store, no HTTP/3, and https-only or redirect-to-https at every "
                + "behavior."
        case .trustStore:
            "A bundle has 1 to 25 certificates in PEM, together up to 64 KB, with RSA keys of 2048 to "
                + "4096 bits or ECDSA keys on P-256 or P-384."
        case .realTimeLog:
            "A real-time log has known fields, a sampling rate from 1 to 100 and one Kinesis stream; a "
                + "behavior names one that exists."
        case .quantity:
            "The value of Quantity and the size of Items don't match."
        case .quota: "A quota is exceeded."
        }
    }

    /// A setting that breaks the rule.
    package var example: String {
        switch self {
        case .functionVersion: "LambdaFunctionARN: arn:aws:lambda:us-east-1:…:function:f:$LATEST"
        case .functionRegion: "LambdaFunctionARN: arn:aws:lambda:eu-west-1:…:function:f:1"
        case .functionEventTwice: "two associations with EventType: viewer-request"
        case .functionUnknown: "LambdaFunctionARN: arn:aws:lambda:us-east-1:…:function:nobody:1"
        case .functionRole: "a role that only lambda.amazonaws.com may assume"
        case .functionEnvironment: "Environment: {Variables: {STAGE: test}}"
        case .functionTimeout: "Timeout: 31"
        case .functionRuntime: "Runtime: provided.al2023"
        case .functionFeature: "Architectures: [arm64]"
        case .functionBody: "EventType: viewer-response, IncludeBody: true"
        case .viewerFunctionEvent: "FunctionAssociations: [{EventType: origin-request}]"
        case .viewerFunctionMixed:
            "FunctionAssociations beside LambdaFunctionAssociations, both at viewer-request"
        case .viewerFunctionStage: "a function without AutoPublish: true"
        case .allowedMethods: "AllowedMethods: [GET, POST]"
        case .cachedMethods: "CachedMethods: [GET, POST]"
        case .pathPattern: "PathPattern: /a#b"
        case .grpc: "GrpcConfig: {Enabled: true} at AllowedMethods: [GET, HEAD]"
        case .originPath: "OriginPath: production/"
        case .originSetting: "OriginReadTimeout: 121"
        case .originHeader: "OriginCustomHeaders: [{HeaderName: Cookie, HeaderValue: a=1}]"
        case .originTarget: "TargetOriginId: nobody"
        case .accessControl: "OriginAccessControlId: nobody"
        case .originShield: "OriginShield: {Enabled: true}"
        case .originGroup: "StatusCodes: {Items: [401]}"
        case .rootObject: "DefaultRootObject: /index.html"
        case .errorPage: "CustomErrorResponses: [{ErrorCode: 401}]"
        case .policyConflict: "CachePolicyId together with MinTTL"
        case .policyTime: "MinTTL: 10, MaxTTL: 5"
        case .policyHeader: "HeadersConfig: {Headers: [Cookie]}"
        case .removedHeader: "RemoveHeadersConfig: {Items: [{Header: Via}]}"
        case .publicKey: "EncodedKey: an RSA key with 1024 bits"
        case .country: "Locations: [de]"
        case .logging: "Logging: {Bucket: my-logs}"
        case .staging: "SingleWeightConfig: {Weight: 0.5}"
        case .viewerAuthentication: "ViewerMtlsConfig: {Mode: required} at allow-all"
        case .trustStore: "a bundle without a certificate"
        case .realTimeLog: "SamplingRate: 0"
        case .quantity: "OriginGroups: {Quantity: 2, Items: [one]}"
        case .quota: "more than 75 cache behaviors"
        }
    }

    /// The entry of the catalogue; configuration errors answer 400.
    package var rule: Rule {
        Rule(id: rawValue, page: title, status: 400, text: text, example: example)
    }
}
