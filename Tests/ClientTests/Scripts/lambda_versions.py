"""Versions and aliases, weighted routing."""
import json

from support import *

lambda_ = client("lambda")
create(lambda_, "f")
first = lambda_.publish_version(FunctionName="f", Description="one")
assert first["Version"] == "1" and first["Description"] == "one" and first["ResponseMetadata"]["HTTPStatusCode"] == 201
assert lambda_.publish_version(FunctionName="f")["Version"] == "1"
lambda_.update_function_code(FunctionName="f", ZipFile=archive("exports.handler = async (e, c) => c.functionVersion"))
settle(lambda_, "f")
with refused("InvalidParameterValueException", "is different from current CodeSHA256 in $LATEST"):
    lambda_.publish_version(FunctionName="f", CodeSha256=first["CodeSha256"])
with refused("PreconditionFailedException", "Call the GetFunction/GetAlias API"):
    lambda_.publish_version(FunctionName="f", RevisionId=first["RevisionId"])
assert lambda_.publish_version(FunctionName="f")["Version"] == "2"
versions = lambda_.list_versions_by_function(FunctionName="f")["Versions"]
assert [entry["Version"] for entry in versions] == ["$LATEST", "1", "2"]
assert versions[0]["FunctionArn"].endswith(":f:$LATEST")

alias = lambda_.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
assert alias["AliasArn"].endswith(":f:live") and alias["Description"] == "" and "RoutingConfig" not in alias
assert alias["ResponseMetadata"]["HTTPStatusCode"] == 201
with refused("ResourceConflictException", f"Alias already exists: {alias['AliasArn']}", 409):
    lambda_.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
got = lambda_.get_function_configuration(FunctionName="f:live")
assert got["FunctionArn"].endswith(":f:live") and got["Version"] == "1"
with refused("ResourceNotFoundException", "Cannot find alias arn: "):
    lambda_.get_alias(FunctionName="f", Name="none")
with refused("ResourceNotFoundException", "Alias not found: "):
    lambda_.update_alias(FunctionName="f", Name="none", FunctionVersion="1")
with refused("ResourceNotFoundException", ":function:f:10"):
    lambda_.update_alias(FunctionName="f", Name="live", FunctionVersion="10")
with refused("ValidationException", "(?!^[0-9]+$)([a-zA-Z0-9-_]+)"):
    lambda_.create_alias(FunctionName="f", Name="123", FunctionVersion="1")

weights = lambda **given: {"AdditionalVersionWeights": {key[1:]: value for key, value in given.items()}}
with refused("InvalidParameterValueException", "cannot be greater than 1"):
    lambda_.update_alias(FunctionName="f", Name="live", RoutingConfig=weights(v1=0.1, v2=0.1))
with refused("InvalidParameterValueException", "Invalid function version 1. Function version 1 is already included"):
    lambda_.update_alias(FunctionName="f", Name="live", RoutingConfig=weights(v1=0.1))
with refused("ValidationException", "Map value must satisfy constraint"):
    lambda_.update_alias(FunctionName="f", Name="live", RoutingConfig=weights(v2=2.0))
with refused("InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version"):
    lambda_.update_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST", RoutingConfig=weights(v2=0.5))
moved = lambda_.update_alias(FunctionName="f", Name="live", RoutingConfig=weights(v2=0.5), Description="half")
assert moved["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.5}} and moved["RevisionId"] != alias["RevisionId"]
with refused("PreconditionFailedException"):
    lambda_.update_alias(FunctionName="f", Name="live", Description="x", RevisionId=alias["RevisionId"])
seen = {lambda_.invoke(FunctionName="f", Qualifier="live")["ExecutedVersion"] for _ in range(60)}
assert seen == {"1", "2"}, seen
with refused("ResourceConflictException"):
    lambda_.delete_function(FunctionName="f", Qualifier="2")
assert "RoutingConfig" not in lambda_.update_alias(FunctionName="f", Name="live", RoutingConfig=weights())
lambda_.create_alias(FunctionName="f", Name="other", FunctionVersion="2")
assert [entry["Name"] for entry in lambda_.list_aliases(FunctionName="f")["Aliases"]] == ["live", "other"]
assert [entry["Name"] for entry in lambda_.list_aliases(FunctionName="f", FunctionVersion="2")["Aliases"]] == ["other"]
lambda_.create_alias(FunctionName="f", Name="draft", FunctionVersion="$LATEST")
answer = lambda_.invoke(FunctionName="f:draft")
assert answer["ExecutedVersion"] == "$LATEST" and json.load(answer["Payload"]) == "$LATEST"
for _ in range(2):
    assert lambda_.delete_alias(FunctionName="f", Name="other")["ResponseMetadata"]["HTTPStatusCode"] == 204

lambda_.delete_function(FunctionName="f", Qualifier="2")
lambda_.update_function_configuration(FunctionName="f", Timeout=9)
settle(lambda_, "f")
assert lambda_.publish_version(FunctionName="f")["Version"] == "3"
