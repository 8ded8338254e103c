"""Destinations and dead letter targets at services of another program."""
import json
import sys
import time

from support import *

MOTO = sys.argv[1]
lambda_ = client("lambda")
sqs, sns, events, s3 = (
    boto3.client(name, endpoint_url=MOTO) for name in ("sqs", "sns", "events", "s3"))


def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def message(url):
    for _ in range(600):
        found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
        if found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"nothing came to {url}")


def record(url):
    return json.loads(message(url)["Body"])


CODE = "exports.handler = async (event) => { if (event.fail) throw new TypeError('no ' + event.fail); return { got: event.n } }"
create(lambda_, "worker", CODE)
good_url, good = queue("good")
bad_url, bad = queue("bad")
lambda_.put_function_event_invoke_config(
    FunctionName="worker", MaximumRetryAttempts=0,
    DestinationConfig={"OnSuccess": {"Destination": good}, "OnFailure": {"Destination": bad}})

lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"n":1}')
found = record(good_url)
assert list(found) == ["version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"], found
assert found["version"] == "1.0" and found["requestPayload"] == {"n": 1} and found["responsePayload"] == {"got": 1}, found
context = found["requestContext"]
assert list(context) == ["requestId", "functionArn", "condition", "approximateInvokeCount"], context
assert context["functionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker:$LATEST", context
assert context["condition"] == "Success" and context["approximateInvokeCount"] == 1, context
assert found["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}, found

# A destination and a dead letter queue both get what is given up.
letters_url, letters = queue("letters")
lambda_.update_function_configuration(FunctionName="worker", DeadLetterConfig={"TargetArn": letters})
settle(lambda_, "worker")
assert lambda_.get_function_configuration(FunctionName="worker")["DeadLetterConfig"] == {"TargetArn": letters}
answer = lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"fail":"luck"}')
found = record(bad_url)
assert found["requestContext"]["condition"] == "RetriesExhausted", found
assert found["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}, found
assert found["responsePayload"]["errorMessage"] == "no luck", found
letter = message(letters_url)
assert json.loads(letter["Body"]) == {"fail": "luck"}, letter
attributes = {name: (value["DataType"], value["StringValue"]) for name, value in letter["MessageAttributes"].items()}
assert attributes == {
    "RequestID": ("String", found["requestContext"]["requestId"]), "ErrorCode": ("Number", "200"),
    "ErrorMessage": ("String", "no luck")}, attributes

# A topic, seen through a queue that subscribes to it.
topic = sns.create_topic(Name="topic")["TopicArn"]
seen_url, seen = queue("seen")
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=seen)
# An event bus, seen through a rule with a queue.
events.put_rule(Name="all", EventPattern=json.dumps({"source": ["lambda"]}))
ruled_url, ruled = queue("ruled")
events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": ruled}])
bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
lambda_.put_function_event_invoke_config(
    FunctionName="worker", MaximumRetryAttempts=0,
    DestinationConfig={"OnSuccess": {"Destination": topic}, "OnFailure": {"Destination": bus}})
lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"n":2}')
assert json.loads(record(seen_url)["Message"])["responsePayload"] == {"got": 2}
lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"fail":"bus"}')
event = record(ruled_url)
assert event["source"] == "lambda", event
assert event["detail-type"] == "Lambda Function Invocation Result - Failure", event
assert event["resources"] == [bus, f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker:$LATEST"], event
assert event["detail"]["responsePayload"]["errorMessage"] == "no bus", event
assert json.loads(message(letters_url)["Body"]) == {"fail": "bus"}

# A bucket for what is given up.
s3.create_bucket(Bucket="given-up")
lambda_.put_function_event_invoke_config(
    FunctionName="worker", MaximumRetryAttempts=0,
    DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}})
lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"fail":"disk"}')
for _ in range(600):
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="given-up").get("Contents", [])]
    if keys:
        break
    time.sleep(0.1)
assert len(keys) == 1 and keys[0].startswith("aws/lambda/async/worker/20"), keys
stored = json.loads(s3.get_object(Bucket="given-up", Key=keys[0])["Body"].read())
assert stored["responsePayload"]["errorMessage"] == "no disk", stored

# Another function gets the record as its event, and passes on what it got.
create(lambda_, "sink", "exports.handler = async (event) => event")
lambda_.put_function_event_invoke_config(
    FunctionName="sink", DestinationConfig={"OnSuccess": {"Destination": good}})
sink = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:sink"
lambda_.put_function_event_invoke_config(
    FunctionName="worker", DestinationConfig={"OnSuccess": {"Destination": sink}})
lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"n":3}')
found = record(good_url)
assert found["requestPayload"]["requestPayload"] == {"n": 3}, found

# A function whose reserve is nothing is not run: its event is given up at once.
lambda_.put_function_event_invoke_config(
    FunctionName="worker", DestinationConfig={"OnFailure": {"Destination": bad}})
lambda_.put_function_concurrency(FunctionName="worker", ReservedConcurrentExecutions=0)
lambda_.invoke(FunctionName="worker", InvocationType="Event", Payload='{"n":4}')
found = record(bad_url)
assert found["requestContext"]["condition"] == "ZeroReservedConcurrency", found
assert "responseContext" not in found and "responsePayload" not in found, found
letter = message(letters_url)
while json.loads(letter["Body"]) != {"n": 4}:
    letter = message(letters_url)
assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429", letter
