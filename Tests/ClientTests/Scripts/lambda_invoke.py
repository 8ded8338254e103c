"""Invocation in its three types, by every form of reference, and as a stream."""
import json
import urllib.request

from support import *

lambda_ = client("lambda")
create(lambda_, "f", wait=False)
answer = lambda_.invoke(FunctionName="f", Payload=b'{"a": 1}')
assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer
assert json.load(answer["Payload"]) == {"event": {"a": 1}, "version": "$LATEST"}
lambda_.publish_version(FunctionName="f")
lambda_.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
for name, qualifier in [("f:1", None), (f"{ACCOUNT}:function:f:live", None), (arn + ":live", None), (arn, "1"), (arn + ":1", "1")]:
    options = {"Qualifier": qualifier} if qualifier else {}
    answer = lambda_.invoke(FunctionName=name, **options)
    assert answer["ExecutedVersion"] == "1" and json.load(answer["Payload"])["event"] == {}, name
with refused("InvalidParameterValueException", "The derived qualifier from the function name does not match"):
    lambda_.invoke(FunctionName=arn + ":live", Qualifier="1")
with refused("ResourceNotFoundException", f"Function not found: {arn}:7", 404):
    lambda_.invoke(FunctionName="f", Qualifier="7")
with refused("ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"):
    lambda_.invoke(FunctionName=arn.replace("us-east-1", "eu-west-1"))
with refused("AccessDeniedException", status=403):
    lambda_.invoke(FunctionName=arn.replace(ACCOUNT, "999999999999"))
with refused("InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json"):
    lambda_.invoke(FunctionName="f", Payload=b"{x")
with refused("RequestEntityTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)", 413):
    lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=b'"' + b"x" * 1048575 + b'"')
with refused("ValidationException", "invocationType"):
    lambda_.invoke(FunctionName="f", InvocationType="Nonsense")

dry = lambda_.invoke(FunctionName="f", InvocationType="DryRun")
assert dry["StatusCode"] == 204
event = lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
assert event["StatusCode"] == 202 and event["Payload"].read() == b"" and "ExecutedVersion" not in event

create(lambda_, "bad", "exports.handler = async () => { throw new TypeError('no') }")
failed = lambda_.invoke(FunctionName="bad")
error = json.load(failed["Payload"])
assert failed["StatusCode"] == 200 and failed["FunctionError"] == "Unhandled" and error["errorType"] == "TypeError"

stream = lambda_.invoke_with_response_stream(FunctionName="f", Payload=b'{"s": 1}')
events = list(stream["EventStream"])
body = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
assert json.loads(body)["event"] == {"s": 1} and "InvokeComplete" in events[-1]
events = list(lambda_.invoke_with_response_stream(FunctionName="bad")["EventStream"])
assert events[-1]["InvokeComplete"]["ErrorCode"] == "TypeError" and len(events) == 1

# A function that streams is heard while it runs, and what it had sent stays sent when it fails.
import time

create(lambda_, "streams", """exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((resolve) => setTimeout(resolve, 400));
  if (event.fail) throw new RangeError('late');
  stream.write('second');
  stream.end();
});""")
for event, wanted in [({}, b"firstsecond"), ({"fail": True}, b"first")]:
    stream = lambda_.invoke_with_response_stream(FunctionName="streams", LogType="Tail", Payload=json.dumps(event))
    body, moments = b"", []
    for message in stream["EventStream"]:
        moments.append(time.monotonic())
        if "PayloadChunk" in message:
            body += message["PayloadChunk"]["Payload"]
        else:
            complete = message["InvokeComplete"]
    assert body == wanted, body
    assert moments[-1] - moments[0] > 0.2, moments
    assert complete.get("ErrorCode") == ("RangeError" if event else None), complete
    import base64
    assert b"REPORT RequestId: " in base64.b64decode(complete["LogResult"]), complete

# New code is what the next call runs once the update is over.
lambda_.update_function_code(FunctionName="f", ZipFile=archive("exports.handler = async () => 'new'"))
settle(lambda_, "f")
assert json.load(lambda_.invoke(FunctionName="f")["Payload"]) == "new"
assert json.load(lambda_.invoke(FunctionName="f:1")["Payload"])["version"] == "1"

# A function of the same name made anew does not run old code, though its version has an old number.
lambda_.delete_function(FunctionName="f")
create(lambda_, "f", "exports.handler = async () => 'again'", Publish=True)
assert json.load(lambda_.invoke(FunctionName="f:1")["Payload"]) == "again"

# The tail of the log, and what the context tells of the call.
create(lambda_, "log", """exports.handler = async (event, context) => {
  console.log('hello');
  return { arn: context.invokedFunctionArn, client: context.clientContext };
}""")
import base64

context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
answer = lambda_.invoke(FunctionName="log", LogType="Tail", ClientContext=context)
tail = base64.b64decode(answer["LogResult"]).decode()
assert "START RequestId: " in tail and "hello" in tail and "REPORT RequestId: " in tail, tail
result = json.load(answer["Payload"])
assert result["arn"] == arn.rsplit(":", 1)[0] + ":log", result
assert result["client"]["custom"] == {"a": "b"} or result["client"]["Custom"] == {"a": "b"}, result
with refused("InvalidRequestContentException", "Client context must be"):
    lambda_.invoke(FunctionName="log", ClientContext="x")
