"""Event source mappings that poll queues and streams of another program."""
import json
import sys
import time
import urllib.request

from support import *

MOTO = sys.argv[1]
lambda_ = client("lambda")
sqs, kinesis, dynamodb, streams = (
    boto3.client(name, endpoint_url=MOTO) for name in ("sqs", "kinesis", "dynamodb", "dynamodbstreams"))


def eventually(check, what):
    for _ in range(1200):
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(what)


def state(uuid, wanted):
    return eventually(lambda: lambda_.get_event_source_mapping(UUID=uuid)["State"] == wanted, wanted)


def queue(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def bodies(url):
    """What a function has passed on, until nothing more is there."""
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def status(uuid):
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_portico/sources") as answer:
        return json.loads(answer.read())[uuid]


# The functions pass on what they get through a destination of an asynchronous call: one place to look.
seen_url, seen = queue("seen")
ECHO_TO_QUEUE = """
const http = require('http');
const send = (body) => new Promise((resolve, reject) => {
  const text = JSON.stringify({ QueueUrl: process.env.SEEN, MessageBody: JSON.stringify(body) });
  const request = http.request(process.env.MOTO, { method: 'POST', headers: {
    'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'AmazonSQS.SendMessage',
    'Authorization': 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0' } },
    (answer) => { answer.resume(); answer.on('end', resolve); });
  request.on('error', reject);
  request.end(text);
});
exports.handler = async (event) => {
  await send(event);
  const failures = event.Records.filter((record) => JSON.stringify(record).includes(process.env.FAIL || '\\u0000'));
  if (process.env.PARTIAL) return { batchItemFailures: failures.map((record) => ({
    itemIdentifier: record.messageId || (record.kinesis || record.dynamodb).sequenceNumber || record.dynamodb.SequenceNumber })) };
  if (failures.length) throw new Error('poison');
};
"""
ENVIRONMENT = {"Variables": {"SEEN": seen_url, "MOTO": MOTO}}
create(lambda_, "taker", ECHO_TO_QUEUE, Environment=ENVIRONMENT, Timeout=30)

# What is refused, in AWS's words.
source_url, source = queue("source")
with refused("InvalidParameterValueException", "Unrecognized event source."):
    lambda_.create_event_source_mapping(FunctionName="taker")
with refused("InvalidParameterValueException", "Function does not exist"):
    lambda_.create_event_source_mapping(FunctionName="none", EventSourceArn=source)
with refused("InvalidParameterValueException", "Maximum batch window in seconds must be greater than 0"):
    lambda_.create_event_source_mapping(FunctionName="taker", EventSourceArn=source, BatchSize=11)
with refused("InvalidParameterValueException", "Invalid filter pattern definition."):
    lambda_.create_event_source_mapping(
        FunctionName="taker", EventSourceArn=source, FilterCriteria={"Filters": [{"Pattern": "no"}]})
with refused("InvalidParameterValueException", "Unsupported DestinationConfig parameter"):
    lambda_.create_event_source_mapping(
        FunctionName="taker", EventSourceArn=source, DestinationConfig={"OnFailure": {"Destination": seen}})
stream_arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/stream"
with refused("InvalidParameterValueException", "Value null at 'startingPosition'"):
    lambda_.create_event_source_mapping(FunctionName="taker", EventSourceArn=stream_arn)
with refused("ResourceNotFoundException", "The resource you requested does not exist."):
    lambda_.get_event_source_mapping(UUID="00000000-0000-0000-0000-000000000000")
with refused("ValidationException", "batchSize"):
    lambda_.create_event_source_mapping(FunctionName="taker", EventSourceArn=source, BatchSize=10001)

# A queue: messages arrive as AWS hands them over and are gone afterwards.
made = lambda_.create_event_source_mapping(
    FunctionName="taker", EventSourceArn=source,
    FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["wanted"]}})}]})
assert made["State"] == "Creating" and made["BatchSize"] == 10, made
assert made["StateTransitionReason"] == "USER_INITIATED" and made["FunctionResponseTypes"] == [], made
assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:taker", made
assert made["EventSourceMappingArn"].endswith(made["UUID"]), made
state(made["UUID"], "Enabled")
with refused("ResourceConflictException", f'An event source mapping with SQS arn (" {source} ") and function (" taker ") already exists.'):
    lambda_.create_event_source_mapping(FunctionName="taker", EventSourceArn=source)
sqs.send_message(
    QueueUrl=source_url, MessageBody=json.dumps({"kind": "wanted", "n": 1}),
    MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}})
sqs.send_message(QueueUrl=source_url, MessageBody=json.dumps({"kind": "other"}))
event = eventually(lambda: bodies(seen_url), "the message came")[0]
record = event["Records"][0]
assert len(event["Records"]) == 1 and json.loads(record["body"]) == {"kind": "wanted", "n": 1}, event
assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == source and record["awsRegion"] == "us-east-1", record
assert record["messageAttributes"] == {
    "k": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}, record
assert record["attributes"]["ApproximateReceiveCount"] == "1", record


def left(url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


eventually(lambda: left(source_url) == 0, "both messages are gone")
assert status(made["UUID"])["filtered"] == 1, status(made["UUID"])

# Switched off it takes nothing; the list finds it by function and by source.
off = lambda_.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
assert off["State"] == "Disabling", off
state(made["UUID"], "Disabled")
for arguments in ({"FunctionName": "taker"}, {"EventSourceArn": source}, {}):
    found = lambda_.list_event_source_mappings(**arguments)["EventSourceMappings"]
    assert [entry["UUID"] for entry in found] == [made["UUID"]], found
assert lambda_.list_event_source_mappings(EventSourceArn=seen)["EventSourceMappings"] == []
deleted = lambda_.delete_event_source_mapping(UUID=made["UUID"])
assert deleted["State"] == "Deleting", deleted
with refused("ResourceNotFoundException", "The resource you requested does not exist."):
    lambda_.delete_event_source_mapping(UUID=made["UUID"])

# Of a batch that fails in part, only what failed comes again.
create(lambda_, "partial", ECHO_TO_QUEUE, Timeout=30, Environment={
    "Variables": {**ENVIRONMENT["Variables"], "PARTIAL": "1", "FAIL": "poison"}})
part_url, part = queue("part", VisibilityTimeout="2")
for text in ("good", "poison"):
    sqs.send_message(QueueUrl=part_url, MessageBody=text)
mapping = lambda_.create_event_source_mapping(
    FunctionName="partial", EventSourceArn=part, FunctionResponseTypes=["ReportBatchItemFailures"])
again = []
eventually(
    lambda: again.extend(record["body"] for event in bodies(seen_url) for record in event["Records"])
    or again.count("poison") >= 2, "the failed message came twice")
assert again.count("good") == 1, again
lambda_.delete_event_source_mapping(UUID=mapping["UUID"])

# A Kinesis stream: in order, with bisecting, and what is given up is told.
kinesis.create_stream(StreamName="stream", ShardCount=1)
kinesis.get_waiter("stream_exists").wait(StreamName="stream")
lost_url, lost = queue("lost")
create(lambda_, "reader", ECHO_TO_QUEUE, Timeout=30, Environment={
    "Variables": {**ENVIRONMENT["Variables"], "FAIL": "cG9pc29u"}})
for data in ("one", "poison", "two"):
    kinesis.put_record(StreamName="stream", Data=data.encode(), PartitionKey="key")
mapping = lambda_.create_event_source_mapping(
    FunctionName="reader", EventSourceArn=stream_arn, StartingPosition="TRIM_HORIZON",
    MaximumRetryAttempts=0, BisectBatchOnFunctionError=True,
    DestinationConfig={"OnFailure": {"Destination": lost}})
assert mapping["BatchSize"] == 100 and mapping["LastProcessingResult"] == "No records processed", mapping
assert mapping["MaximumRecordAgeInSeconds"] == -1 and mapping["ParallelizationFactor"] == 1, mapping
info = eventually(lambda: bodies(lost_url), "the lost record was told")[0]
assert info["requestContext"]["condition"] == "RetryAttemptsExhausted", info
assert info["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}, info
assert info["KinesisBatchInfo"]["batchSize"] == 1 and info["KinesisBatchInfo"]["streamArn"] == stream_arn, info
events = []
eventually(
    lambda: events.extend(bodies(seen_url)) or any(
        [record["kinesis"]["data"] for record in event["Records"]] == ["dHdv"] for event in events),
    "the record after it came")
first = events[0]["Records"][0]
assert first["eventName"] == "aws:kinesis:record" and first["eventSource"] == "aws:kinesis", first
assert first["eventID"] == f"shardId-000000000000:{first['kinesis']['sequenceNumber']}", first
assert first["kinesis"]["partitionKey"] == "key" and first["kinesis"]["data"] == "b25l", first
# A whole second comes without its fraction.
assert isinstance(first["kinesis"]["approximateArrivalTimestamp"], (int, float)), first
eventually(lambda: lambda_.get_event_source_mapping(UUID=mapping["UUID"])["LastProcessingResult"] == "OK", "OK")
assert status(mapping["UUID"])["dropped"] == 1, status(mapping["UUID"])
lambda_.delete_event_source_mapping(UUID=mapping["UUID"])

# The stream of a table.
table = dynamodb.create_table(
    TableName="table", BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
table_stream = table["TableDescription"]["LatestStreamArn"]
with refused("InvalidParameterValueException", "Unsupported starting position for arn type"):
    lambda_.create_event_source_mapping(
        FunctionName="taker", EventSourceArn=table_stream, StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=1)
dynamodb.put_item(TableName="table", Item={"id": {"S": "a"}, "n": {"N": "1"}})
mapping = lambda_.create_event_source_mapping(
    FunctionName="taker", EventSourceArn=table_stream, StartingPosition="TRIM_HORIZON")
event = eventually(lambda: bodies(seen_url), "the change came")[0]
record = event["Records"][0]
assert record["eventName"] == "INSERT" and record["eventSourceARN"] == table_stream, record
assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}, record
lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
