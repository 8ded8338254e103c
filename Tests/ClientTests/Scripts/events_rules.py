"""EventBridge: rules, targets, events and buses, with boto3 and the aws command line."""
import json
import sys
import time

from support import *

OUT = sys.argv[1]
events, lambda_ = client("events"), client("lambda")
create(lambda_, "taker", "exports.handler = async (event) => event")
create(lambda_, "teller", "exports.handler = async (event) => { require('fs').appendFileSync(process.env.OUT, JSON.stringify(event) + '\\n') }",
       Environment={"Variables": {"OUT": OUT}})
teller = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:teller"


def told():
    with open(OUT) as file:
        return [json.loads(line) for line in file]


def eventually(check, what):
    for _ in range(1200):
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(what)


open(OUT, "w").close()

# What is refused.
with refused("ValidationException", "EventPattern or ScheduleExpression must be specified"):
    events.put_rule(Name="r")
with refused("ValidationException", "Parameter ScheduleExpression is not valid."):
    events.put_rule(Name="r", ScheduleExpression="rate(5 minute)")
with refused("InvalidEventPatternException", "Event pattern is not valid. Reason:"):
    events.put_rule(Name="r", EventPattern='{"source":"x"}')
with refused("ResourceNotFoundException", "Rule none does not exist on EventBus default."):
    events.describe_rule(Name="none")
with refused("ResourceNotFoundException", "Event bus none does not exist."):
    events.put_rule(Name="r", EventBusName="none", EventPattern='{"source":["x"]}')

# The command line makes a rule, a target and an event.
arn = json.loads(aws("events", "put-rule", "--name", "made", "--event-pattern", '{"source":["my.app"]}'))["RuleArn"]
assert arn == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/made", arn
lambda_.add_permission(
    FunctionName="teller", StatementId="rules", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
    SourceArn=arn)
assert json.loads(aws("events", "put-targets", "--rule", "made", "--targets", f"Id=1,Arn={teller}")) == {
    "FailedEntryCount": 0, "FailedEntries": []}
entries = [{"Source": "my.app", "DetailType": "Made", "Detail": '{"n":1}', "Resources": ["r"]},
           {"Source": "your.app", "DetailType": "Made", "Detail": "{}"}]
answer = json.loads(aws("events", "put-events", "--entries", json.dumps(entries)))
assert answer["FailedEntryCount"] == 0 and len(answer["Entries"]) == 2, answer
found = eventually(told, "the event came")
assert found[0]["source"] == "my.app" and found[0]["detail"] == {"n": 1} and found[0]["resources"] == ["r"], found
assert found[0]["id"] == answer["Entries"][0]["EventId"], found

# Entries with mistakes fail by themselves.
answer = events.put_events(Entries=[
    {"Source": "x", "DetailType": "d", "Detail": "no"}, {"Source": "aws.x", "DetailType": "d", "Detail": "{}"},
    {"DetailType": "d", "Detail": "{}"}])
assert [entry["ErrorCode"] for entry in answer["Entries"]] == ["MalformedDetail", "NotAuthorizedForSource", "InvalidArgument"], answer
assert events.test_event_pattern(
    EventPattern='{"a":[{"numeric":[">",1]}]}',
    Event='{"a":2,"id":"1","account":"1","source":"s","time":"t","region":"r","resources":[],"detail-type":"d"}')["Result"]

# Reading, switching and deleting.
described = events.describe_rule(Name="made")
assert described["EventPattern"] == '{"source":["my.app"]}' and described["State"] == "ENABLED", described
events.put_rule(Name="scheduled", ScheduleExpression="cron(0 12 * * ? *)", State="DISABLED", Description="noon")
names = [rule["Name"] for rule in events.list_rules()["Rules"]]
assert names == ["made", "scheduled"], names
page = events.list_rules(Limit=1)
assert [rule["Name"] for rule in events.list_rules(Limit=1, NextToken=page["NextToken"])["Rules"]] == ["scheduled"]
assert events.list_rule_names_by_target(TargetArn=teller)["RuleNames"] == ["made"]
assert events.list_targets_by_rule(Rule="made")["Targets"] == [{"Id": "1", "Arn": teller}]
events.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "b"}])
assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
with refused("ValidationException", "has targets"):
    events.delete_rule(Name="made")
events.disable_rule(Name="made")
assert events.describe_rule(Name="made")["State"] == "DISABLED"
assert events.remove_targets(Rule="made", Ids=["1", "2"])["FailedEntries"][0]["TargetId"] == "2"
events.delete_rule(Name="made")
events.delete_rule(Name="made")

# Another bus, whose rule transforms what it passes on.
events.create_event_bus(Name="own")
assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default", "own"]
with refused("ValidationException", "only on the default event bus"):
    events.put_rule(Name="r", EventBusName="own", ScheduleExpression="rate(1 minute)")
own = events.put_rule(Name="r", EventBusName="own", EventPattern='{"detail-type":["Made"]}')["RuleArn"]
assert own.endswith(":rule/own/r"), own
lambda_.add_permission(
    FunctionName="teller", StatementId="own", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
    SourceArn=own)
events.put_targets(Rule="r", EventBusName="own", Targets=[{
    "Id": "1", "Arn": teller, "InputTransformer": {
        "InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"number": <n>}'}}])
events.put_events(Entries=[{"EventBusName": "own", "Source": "my.app", "DetailType": "Made", "Detail": '{"n":7}'}])
assert eventually(lambda: [event for event in told() if event == {"number": 7}], "the number came")
with refused("ValidationException", "has rules"):
    events.delete_event_bus(Name="own")
