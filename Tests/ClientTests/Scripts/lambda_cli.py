"""The aws command line: each family of operations once, from creation to deletion."""
import json
import pathlib
import tempfile

from support import *


def lambda_(*arguments):
    text = aws("lambda", *arguments)
    return json.loads(text) if text.strip() else None


def functions(code, out):
    made = lambda_(
        "create-function", "--function-name", "f", "--runtime", "nodejs22.x", "--role", ROLE,
        "--handler", "index.handler", "--zip-file", f"fileb://{code}", "--environment", "Variables={A1=b}",
        "--timeout", "60",
    )
    assert made["State"] == "Pending"
    aws("lambda", "wait", "function-active-v2", "--function-name", "f")
    result = lambda_("invoke", "--function-name", "f", "--payload", '{"a":1}', str(out))
    assert result["StatusCode"] == 200 and json.loads(out.read_text())["event"] == {"a": 1}
    event = lambda_("invoke", "--function-name", "f", "--invocation-type", "Event", "--payload", "{}", str(out))
    assert event["StatusCode"] == 202
    lambda_("update-function-configuration", "--function-name", "f", "--timeout", "59")
    aws("lambda", "wait", "function-updated-v2", "--function-name", "f")
    lambda_("update-function-code", "--function-name", "f", "--zip-file", f"fileb://{code}")
    aws("lambda", "wait", "function-updated", "--function-name", "f")
    assert lambda_("get-function-configuration", "--function-name", "f")["Timeout"] == 59
    assert lambda_("get-function", "--function-name", "f")["Code"]["RepositoryType"] == "S3"
    assert [f["FunctionName"] for f in lambda_("list-functions")["Functions"]] == ["f"]
    assert lambda_("get-account-settings")["AccountUsage"]["FunctionCount"] == 1


def versions():
    assert lambda_("publish-version", "--function-name", "f")["Version"] == "1"
    aws("lambda", "wait", "published-version-active", "--function-name", "f", "--qualifier", "1")
    assert [v["Version"] for v in lambda_("list-versions-by-function", "--function-name", "f")["Versions"]] == [
        "$LATEST", "1"]
    lambda_("create-alias", "--function-name", "f", "--name", "live", "--function-version", "1")
    lambda_("update-alias", "--function-name", "f", "--name", "live", "--description", "d")
    assert lambda_("get-alias", "--function-name", "f", "--name", "live")["Description"] == "d"
    assert len(lambda_("list-aliases", "--function-name", "f")["Aliases"]) == 1


def permissions():
    lambda_(
        "add-permission", "--function-name", "f", "--statement-id", "s", "--action", "lambda:InvokeFunction",
        "--principal", "apigateway.amazonaws.com")
    assert "apigateway" in lambda_("get-policy", "--function-name", "f")["Policy"]
    lambda_("remove-permission", "--function-name", "f", "--statement-id", "s")
    assert aws("lambda", "get-policy", "--function-name", "f", check=False).returncode != 0


def concurrency():
    lambda_("put-function-concurrency", "--function-name", "f", "--reserved-concurrent-executions", "5")
    assert lambda_("get-function-concurrency", "--function-name", "f")["ReservedConcurrentExecutions"] == 5
    of_alias = ["--function-name", "f", "--qualifier", "live"]
    lambda_("put-provisioned-concurrency-config", *of_alias, "--provisioned-concurrent-executions", "1")
    shown = lambda_("get-provisioned-concurrency-config", *of_alias)
    assert shown["RequestedProvisionedConcurrentExecutions"] == 1
    listed = lambda_("list-provisioned-concurrency-configs", "--function-name", "f")
    assert len(listed["ProvisionedConcurrencyConfigs"]) == 1
    lambda_("delete-provisioned-concurrency-config", *of_alias)
    lambda_("delete-function-concurrency", "--function-name", "f")


def events():
    lambda_("put-function-event-invoke-config", "--function-name", "f", "--maximum-retry-attempts", "1")
    lambda_("update-function-event-invoke-config", "--function-name", "f", "--maximum-event-age-in-seconds", "60")
    shown = lambda_("get-function-event-invoke-config", "--function-name", "f")
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 60)
    assert len(lambda_("list-function-event-invoke-configs", "--function-name", "f")["FunctionEventInvokeConfigs"]) == 1
    lambda_("delete-function-event-invoke-config", "--function-name", "f")


def mappings():
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    made = lambda_(
        "create-event-source-mapping", "--function-name", "f", "--event-source-arn", queue, "--no-enabled")
    uuid = ["--uuid", made["UUID"]]
    lambda_("update-event-source-mapping", *uuid, "--batch-size", "3")
    assert lambda_("get-event-source-mapping", *uuid)["BatchSize"] == 3
    assert len(lambda_("list-event-source-mappings", "--function-name", "f")["EventSourceMappings"]) == 1
    assert lambda_("delete-event-source-mapping", *uuid)["State"] == "Deleting"
    kafka = aws(
        "lambda", "create-event-source-mapping", "--function-name", "f", "--event-source-arn",
        f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/c/u", "--topics", "topic", "--starting-position", "LATEST", check=False)
    assert kafka.returncode != 0 and "Amazon MSK and Kafka are not supported here" in kafka.stderr, kafka.stderr


def urls():
    made = lambda_("create-function-url-config", "--function-name", "f", "--auth-type", "NONE")
    lambda_("update-function-url-config", "--function-name", "f", "--auth-type", "AWS_IAM")
    shown = lambda_("get-function-url-config", "--function-name", "f")
    assert shown["FunctionUrl"] == made["FunctionUrl"] and shown["AuthType"] == "AWS_IAM"
    assert len(lambda_("list-function-url-configs", "--function-name", "f")["FunctionUrlConfigs"]) == 1
    lambda_("delete-function-url-config", "--function-name", "f")


def layers(code):
    made = lambda_("publish-layer-version", "--layer-name", "l", "--zip-file", f"fileb://{code}")
    first = ["--layer-name", "l", "--version-number", "1"]
    assert lambda_("get-layer-version", *first)["Version"] == 1
    assert lambda_("get-layer-version-by-arn", "--arn", made["LayerVersionArn"])["Version"] == 1
    assert len(lambda_("list-layer-versions", "--layer-name", "l")["LayerVersions"]) == 1
    assert len(lambda_("list-layers")["Layers"]) == 1
    lambda_(
        "add-layer-version-permission", *first, "--statement-id", "s", "--action", "lambda:GetLayerVersion",
        "--principal", "*")
    assert "GetLayerVersion" in lambda_("get-layer-version-policy", *first)["Policy"]
    lambda_("remove-layer-version-permission", *first, "--statement-id", "s")
    lambda_("delete-layer-version", *first)


def tags():
    arn = lambda_("get-function-configuration", "--function-name", "f")["FunctionArn"]
    lambda_("tag-resource", "--resource", arn, "--tags", "a=b,c=d")
    lambda_("untag-resource", "--resource", arn, "--tag-keys", "c")
    assert lambda_("list-tags", "--resource", arn)["Tags"] == {"a": "b"}


def rest():
    assert lambda_("get-runtime-management-config", "--function-name", "f")["UpdateRuntimeOn"] == "Auto"
    lambda_("put-function-recursion-config", "--function-name", "f", "--recursive-loop", "Allow")
    assert lambda_("get-function-recursion-config", "--function-name", "f")["RecursiveLoop"] == "Allow"
    refused = aws(
        "lambda", "create-code-signing-config", "--allowed-publishers",
        f"SigningProfileVersionArns=arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/x/y", check=False)
    assert refused.returncode != 0 and "InvalidParameterValueException" in refused.stderr


with tempfile.TemporaryDirectory() as folder:
    code = pathlib.Path(folder, "f.zip")
    code.write_bytes(archive())
    functions(code, pathlib.Path(folder, "out.json"))
    versions()
    permissions()
    concurrency()
    events()
    mappings()
    urls()
    layers(code)
    tags()
    rest()
    lambda_("delete-alias", "--function-name", "f", "--name", "live")
    lambda_("delete-function", "--function-name", "f")
    gone = aws("lambda", "get-function", "--function-name", "f", check=False)
    assert gone.returncode != 0 and "ResourceNotFoundException" in gone.stderr
