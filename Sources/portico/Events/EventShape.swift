import Crypto
import Foundation
import HTTP
import JSON

/// The events that services send to functions, in the shapes that AWS documents.
enum EventShape: String, CaseIterable {
    case alb
    case apiGatewayV1 = "apigateway-v1"
    case apiGatewayV2 = "apigateway-v2"
    case cloudFrontViewerRequest = "cloudfront-viewer-request"
    case cloudFrontOriginRequest = "cloudfront-origin-request"
    case cloudFrontOriginResponse = "cloudfront-origin-response"
    case cloudFrontViewerResponse = "cloudfront-viewer-response"
    case cloudWatchLogs = "cloudwatch-logs"
    case dynamoDB = "dynamodb"
    case eventBridge = "eventbridge"
    case kinesis
    case s3Delete = "s3-delete"
    case s3Put = "s3-put"
    case schedule
    case sns
    case sqs

    /// What the caller may choose; each shape uses what it has a place for.
    struct Values {
        var bucket = "my-bucket"
        var key = "dir/my file.txt"
        var message = "Hello from Portico"
        var subject: String?
        var name = "sample"
        var method = "GET"
        var path = "/"
        var region = "us-east-1"
        var account = "123456789012"
        /// When it happened.
        var time = Date()
        /// A fresh id for what has one.
        var id = UUID().uuidString.lowercased()
    }

    /// The event with these values.
    func make(_ values: Values) -> JSONValue {
        switch self {
        case .alb, .apiGatewayV1, .apiGatewayV2: HTTPEventShapes(values).make(self)
        case .cloudFrontViewerRequest: CloudFrontShapes(values).make("viewer-request")
        case .cloudFrontOriginRequest: CloudFrontShapes(values).make("origin-request")
        case .cloudFrontOriginResponse: CloudFrontShapes(values).make("origin-response")
        case .cloudFrontViewerResponse: CloudFrontShapes(values).make("viewer-response")
        case .s3Put, .s3Delete: Self.s3(values, isDelete: self == .s3Delete)
        case .sns: Self.sns(values)
        case .sqs: Self.sqs(values)
        case .kinesis: Self.kinesis(values)
        case .dynamoDB: Self.dynamoDB(values)
        case .cloudWatchLogs: Self.logs(values)
        case .eventBridge: Self.eventBridge(values, isSchedule: false)
        case .schedule: Self.eventBridge(values, isSchedule: true)
        }
    }

    private static func time(_ values: Values, fraction: Bool) -> String {
        values.time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: fraction))
    }

    private static func milliseconds(_ values: Values) -> Int {
        Int(values.time.timeIntervalSince1970 * 1000)
    }

    /// A record of a bucket's notification; keys are form-encoded, deletions lack size and tag.
    private static func s3(_ values: Values, isDelete: Bool) -> JSONValue {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_.*/ ")
        let key = values.key.addingPercentEncoding(withAllowedCharacters: allowed) ?? values.key
        var object: JSONObject = JSONObject()
        object["key"] = .string(key.replacing(" ", with: "+"))
        if !isDelete {
            object["size"] = .integer(values.message.utf8.count)
            object["eTag"] = .string(String(Digest.hex(Digest.sha256(values.message)).prefix(32)))
        }
        object["sequencer"] = "0C0F6F405D6ED209E1"
        let record: JSONValue = [
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": .string(values.region),
            "eventTime": .string(time(values, fraction: true)),
            "eventName": isDelete ? "ObjectRemoved:Delete" : "ObjectCreated:Put",
            "userIdentity": ["principalId": "AWS:AIDAEXAMPLE"],
            "requestParameters": ["sourceIPAddress": "127.0.0.1"],
            "responseElements": [
                "x-amz-request-id": "D82B88E5F771F645",
                "x-amz-id-2":
                    "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=",
            ],
            "s3": [
                "s3SchemaVersion": "1.0", "configurationId": .string(values.id),
                "bucket": [
                    "name": .string(values.bucket),
                    "ownerIdentity": ["principalId": "A3I5XTEXAMAI3E"],
                    "arn": .string("arn:aws:s3:::\(values.bucket)"),
                ],
                "object": .object(object),
            ],
        ]
        return ["Records": [record]]
    }

    private static func sns(_ values: Values) -> JSONValue {
        let topic = "arn:aws:sns:\(values.region):\(values.account):\(values.name)"
        let host = "https://sns.\(values.region).amazonaws.com/"
        let message: JSONValue = [
            "SignatureVersion": "1", "Timestamp": .string(time(values, fraction: true)),
            "Signature": "tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j65r==",
            "SigningCertUrl": .string(
                host + "SimpleNotificationService-ac565b8b1a6c5d002d285f9598aa1d9b.pem"
            ),
            "MessageId": .string(values.id), "Message": .string(values.message),
            "MessageAttributes": [:], "Type": "Notification",
            "UnsubscribeUrl": .string(
                host + "?Action=Unsubscribe&SubscriptionArn=\(topic):\(values.id)"
            ),
            "TopicArn": .string(topic), "Subject": values.subject.map { .string($0) } ?? .null,
        ]
        let record: JSONValue = [
            "EventVersion": "1.0", "EventSubscriptionArn": .string("\(topic):\(values.id)"),
            "EventSource": "aws:sns", "Sns": message,
        ]
        return ["Records": [record]]
    }

    private static func sqs(_ values: Values) -> JSONValue {
        let sent = String(milliseconds(values))
        let record: JSONValue = [
            "messageId": .string(values.id),
            "receiptHandle": .string("AQEB" + Base64.encode(Array(values.id.utf8))),
            "body": .string(values.message),
            "attributes": [
                "ApproximateReceiveCount": "1", "SentTimestamp": .string(sent),
                "SenderId": "AIDAEXAMPLE", "ApproximateFirstReceiveTimestamp": .string(sent),
            ],
            "messageAttributes": [:], "md5OfBody": .string(MD5.hex(values.message)),
            "eventSource": "aws:sqs",
            "eventSourceARN": .string(
                "arn:aws:sqs:\(values.region):\(values.account):\(values.name)"
            ),
            "awsRegion": .string(values.region),
        ]
        return ["Records": [record]]
    }

    private static func kinesis(_ values: Values) -> JSONValue {
        let sequence = "49590338271490256608559692538361571095921575989136588898"
        let seconds = String(format: "%.3f", values.time.timeIntervalSince1970)
        let record: JSONValue = [
            "kinesis": [
                "kinesisSchemaVersion": "1.0", "partitionKey": "1",
                "sequenceNumber": .string(sequence),
                "data": .string(Base64.encode(Array(values.message.utf8))),
                "approximateArrivalTimestamp": .number(seconds),
            ],
            "eventSource": "aws:kinesis", "eventVersion": "1.0",
            "eventID": .string("shardId-000000000006:" + sequence),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": .string("arn:aws:iam::\(values.account):role/lambda-role"),
            "awsRegion": .string(values.region),
            "eventSourceARN": .string(
                "arn:aws:kinesis:\(values.region):\(values.account):stream/\(values.name)"
            ),
        ]
        return ["Records": [record]]
    }

    private static func dynamoDB(_ values: Values) -> JSONValue {
        let record: JSONValue = [
            "eventID": .string(values.id.replacing("-", with: "")), "eventName": "INSERT",
            "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": .string(values.region),
            "dynamodb": [
                "ApproximateCreationDateTime": .integer(milliseconds(values) / 1000),
                "Keys": ["Id": ["N": "101"]],
                "NewImage": ["Message": ["S": .string(values.message)], "Id": ["N": "101"]],
                "SequenceNumber": "4421584500000000017450439091", "SizeBytes": 26,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            ],
            "eventSourceARN": .string(
                "arn:aws:dynamodb:\(values.region):\(values.account):table/\(values.name)/stream/"
                    + "2015-05-11T21:21:33.291"
            ),
        ]
        return ["Records": [record]]
    }

    /// The document is gzipped and in base64 (CloudWatch Logs: "Subscription filters with AWS Lambda").
    private static func logs(_ values: Values) -> JSONValue {
        let document: JSONValue = [
            "messageType": "DATA_MESSAGE", "owner": .string(values.account),
            "logGroup": .string("/aws/lambda/\(values.name)"),
            "logStream": "2019/03/13/[$LATEST]94fa867e5374431291a7fc14e2f56ae7",
            "subscriptionFilters": [.string(values.name)],
            "logEvents": [
                [
                    "id": "34622316099697884706540976068822859012661220141643892546",
                    "timestamp": .integer(milliseconds(values)), "message": .string(values.message),
                ]
            ],
        ]
        let encoder = ContentEncoder(.gzip)
        let packed = encoder?.encode(document.encoded()[...], isLast: true) ?? []
        return ["awslogs": ["data": .string(Base64.encode(Array(packed)))]]
    }

    private static func eventBridge(_ values: Values, isSchedule: Bool) -> JSONValue {
        let rule = "arn:aws:events:\(values.region):\(values.account):rule/\(values.name)"
        return [
            "version": "0", "id": .string(values.id),
            "detail-type": isSchedule ? "Scheduled Event" : .string(values.subject ?? "sample"),
            "source": isSchedule ? "aws.events" : .string("portico." + values.name),
            "account": .string(values.account), "time": .string(time(values, fraction: false)),
            "region": .string(values.region),
            "resources": isSchedule ? [.string(rule)] : [],
            "detail": isSchedule ? [:] : ["message": .string(values.message)],
        ]
    }
}
