"""CloudWatch Logs: what functions wrote is read by boto3 and the aws command line; groups and streams of one's own."""
import time

from support import *

lambda_, logs = client("lambda"), client("logs", parameter_validation=False)
create(lambda_, "talker", """
exports.handler = async (event, context) => {
  console.log('plain ' + event.n);
  console.log(JSON.stringify({ level: event.n % 2 ? 'ERROR' : 'INFO', n: event.n }));
  return context.logStreamName;
};""")
streams = set()
for n in range(6):
    answer = lambda_.invoke(FunctionName="talker", Payload=f'{{"n":{n}}}')
    assert "FunctionError" not in answer
    streams.add(answer["Payload"].read().decode().strip('"'))

# Groups and streams.
group = "/aws/lambda/talker"
found = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/talk")["logGroups"]
assert [one["logGroupName"] for one in found] == [group], found
assert found[0]["arn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:*"
assert found[0]["storedBytes"] > 0 and found[0]["metricFilterCount"] == 0
assert logs.describe_log_groups(logGroupNamePattern="TALK")["logGroups"]
assert logs.describe_log_groups(logGroupNamePrefix="none")["logGroups"] == []
shown = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
assert {one["logStreamName"] for one in shown} >= streams, (shown, streams)
assert all(one["firstEventTimestamp"] <= one["lastEventTimestamp"] for one in shown)

# A stream from its end, from its beginning, and page by page.
stream = sorted(streams)[0]
latest = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=1)
assert latest["events"][0]["message"].startswith("REPORT RequestId: "), latest["events"]
assert latest["events"][0]["message"].endswith("\t\n")
whole = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
assert whole[0]["message"].startswith(("INIT_START", "START"))
token, paged = None, []
while True:
    more = {"nextToken": token} if token else {}
    page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, limit=3, **more)
    paged += page["events"]
    if page["nextForwardToken"] == token:
        break
    token = page["nextForwardToken"]
assert paged == whole, (len(paged), len(whole))
back = logs.get_log_events(logGroupIdentifier=found[0]["logGroupArn"], logStreamName=stream, limit=2)
before = logs.get_log_events(
    logGroupName=group, logStreamName=stream, limit=2, nextToken=back["nextBackwardToken"])["events"]
assert before + back["events"] == whole[-4:]

# Filters.
def messages(pattern, **more):
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern=pattern, PaginationConfig={"PageSize": 2}, **more)
    return [event["message"].strip() for page in pages for event in page["events"]]


assert len([m for m in messages('"plain "') if "plain" in m]) == 6
assert len(messages("REPORT")) == 6
assert len(messages("START -INIT_START")) == 6, messages("START")
assert len(messages('"plain 1"')) == 1
assert len(messages("", logStreamNames=[stream])) == len(whole)
events = logs.filter_log_events(logGroupName=group, limit=3)
assert len(events["events"]) == 3 and events["nextToken"]
assert len({event["eventId"] for event in events["events"]}) == 3
assert events["events"][0]["logStreamName"] in streams
assert messages("", startTime=int(time.time() * 1000) + 60_000) == []

# JSON logs.
create(lambda_, "speaker", "exports.handler = async (e) => { console.log({ level: 'x', n: e.n }); };",
       LoggingConfig={"LogFormat": "JSON"})
for n in range(3):
    lambda_.invoke(FunctionName="speaker", Payload=f'{{"n":{n}}}')
group = "/aws/lambda/speaker"
assert len(messages('{ $.type = "platform.report" && $.record.metrics.billedDurationMs >= 1 }')) == 3
assert len(messages("{ $.message.n > 0 }")) == 2, messages("")

# Errors.
missing = ("ResourceNotFoundException", "The specified log group does not exist.", 400)
with refused(*missing):
    logs.describe_log_streams(logGroupName="none")
with refused(*missing):
    logs.filter_log_events(logGroupName="none")
with refused("ResourceNotFoundException", "The specified log stream does not exist."):
    logs.get_log_events(logGroupName=group, logStreamName="none")
with refused("InvalidParameterException", "Invalid character(s) in term 'a.b'"):
    logs.filter_log_events(logGroupName=group, filterPattern="a.b")
with refused("InvalidParameterException", "mutually exclusive"):
    logs.filter_log_events(logGroupName=group, logStreamNames=[stream], logStreamNamePrefix="x")
with refused("InvalidParameterException", "nextToken"):
    logs.get_log_events(logGroupName="/aws/lambda/talker", logStreamName=stream, nextToken="x")
with refused("InvalidParameterException", "'limit'"):
    logs.filter_log_events(logGroupName=group, limit=10_001)
with refused("InvalidParameterException", "'logGroupName'"):
    logs.create_log_group(logGroupName="a b")

# Groups of one's own.
logs.create_log_group(logGroupName="mine", tags={"a": "b"})
with refused("ResourceAlreadyExistsException", "The specified log group already exists"):
    logs.create_log_group(logGroupName="mine")
with refused("InvalidParameterException", "not supported here"):
    logs.create_log_group(logGroupName="other", kmsKeyId="k")
assert logs.list_tags_log_group(logGroupName="mine")["tags"] == {"a": "b"}
logs.create_log_stream(logGroupName="mine", logStreamName="s")
with refused("ResourceAlreadyExistsException", "The specified log stream already exists"):
    logs.create_log_stream(logGroupName="mine", logStreamName="s")
now = int(time.time() * 1000)
put = [{"timestamp": now - 20 * 86_400_000, "message": "old"}, {"timestamp": now, "message": "one"},
       {"timestamp": now + 1, "message": "two"}, {"timestamp": now + 10_000_000, "message": "new"}]
answer = logs.put_log_events(logGroupName="mine", logStreamName="s", logEvents=put)
assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}, answer
read = logs.get_log_events(logGroupName="mine", logStreamName="s", startFromHead=True)["events"]
assert [(event["timestamp"], event["message"]) for event in read] == [(now, "one"), (now + 1, "two")], read
with refused("InvalidParameterException", "chronological"):
    logs.put_log_events(logGroupName="mine", logStreamName="s", logEvents=put[1:3][::-1])
logs.put_retention_policy(logGroupName="mine", retentionInDays=7)
assert logs.describe_log_groups(logGroupNamePrefix="mine")["logGroups"][0]["retentionInDays"] == 7
with refused("InvalidParameterException", "'retentionInDays'"):
    logs.put_retention_policy(logGroupName="mine", retentionInDays=8)
logs.delete_retention_policy(logGroupName="mine")
assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix="mine")["logGroups"][0]
matches = logs.test_metric_filter(filterPattern="[a, b = 2]", logEventMessages=["1 2", "1 3"])["matches"]
assert [match["eventNumber"] for match in matches] == [1]
pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 1})
assert sorted(g["logGroupName"] for page in pages for g in page["logGroups"]) == [
    "/aws/lambda/speaker", "/aws/lambda/talker", "mine"]
logs.delete_log_stream(logGroupName="mine", logStreamName="s")
logs.delete_log_group(logGroupName="mine")
with refused(*missing):
    logs.delete_log_group(logGroupName="mine")

# The command line; and what `aws logs tail --follow` of its second version does: it asks again and again.
found = aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/talker", "--filter-pattern", '"plain 3"',
            "--query", "events[].message", "--output", "text")
assert found.count("plain 3") == 1, found
found = aws("logs", "get-log-events", "--log-group-name", "/aws/lambda/talker", "--log-stream-name", stream)
assert "REPORT RequestId" in found
seen = {event["eventId"] for event in logs.filter_log_events(logGroupName="/aws/lambda/talker")["events"]}
lambda_.invoke(FunctionName="talker", Payload='{"n":77}')
fresh = []
while not any("plain 77" in message for message in fresh):
    page = logs.filter_log_events(logGroupName="/aws/lambda/talker", startTime=read[0]["timestamp"] - 1000)
    fresh += [event["message"] for event in page["events"] if event["eventId"] not in seen]
    seen |= {event["eventId"] for event in page["events"]}
assert sum("plain 77" in message for message in fresh) == 1
