"""Functions: create, read, list, change, delete."""
import base64
import hashlib
import re
import urllib.request

from support import *

lambda_ = client("lambda")
created = create(lambda_, "f", wait=False, Description="d", Environment={"Variables": {"A1": "b"}}, Tags={"k": "v"})
assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
assert created["State"] == "Pending" and created["StateReasonCode"] == "Creating" and "LastUpdateStatus" not in created
assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f" and created["Version"] == "$LATEST"
assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(archive()).digest()).decode()
assert created["CodeSize"] == len(archive()) and created["Environment"] == {"Variables": {"A1": "b"}}
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", created["LastModified"])
assert re.fullmatch(r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", created["RuntimeVersionConfig"]["RuntimeVersionArn"])
assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
assert created["EphemeralStorage"] == {"Size": 512} and created["TracingConfig"] == {"Mode": "PassThrough"}
settle(lambda_, "f")

got = lambda_.get_function(FunctionName="f")
configuration = got["Configuration"]
assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful"
assert configuration["RevisionId"] != created["RevisionId"]
assert got["Tags"] == {"k": "v"} and "Concurrency" not in got
assert urllib.request.urlopen(got["Code"]["Location"]).read() == archive()
for form in ["f", f"{ACCOUNT}:function:f", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"]:
    assert lambda_.get_function_configuration(FunctionName=form)["FunctionArn"] == created["FunctionArn"]
latest = lambda_.get_function_configuration(FunctionName="f", Qualifier="$LATEST")
assert latest["FunctionArn"] == created["FunctionArn"] + ":$LATEST"

with refused("ResourceConflictException", "Function already exist: f", 409):
    create(lambda_, "f", wait=False)

changed = lambda_.update_function_configuration(
    FunctionName="f", Timeout=7, MemorySize=256, Environment={"Variables": {}}, RevisionId=configuration["RevisionId"]
)
assert changed["LastUpdateStatus"] == "InProgress" and changed["State"] == "Active" and changed["Timeout"] == 7
settle(lambda_, "f")
now = lambda_.get_function_configuration(FunctionName="f")
assert now["MemorySize"] == 256 and now["Description"] == "d" and now["Environment"] == {"Variables": {}}
with refused("PreconditionFailedException", "The Revision Id provided does not match", 412):
    lambda_.update_function_configuration(FunctionName="f", Timeout=8, RevisionId=configuration["RevisionId"])

before = now["CodeSha256"]
new_code = archive("exports.handler = async () => 2")
dry = lambda_.update_function_code(FunctionName="f", ZipFile=new_code, DryRun=True)
assert dry["CodeSha256"] != before
assert lambda_.get_function_configuration(FunctionName="f")["CodeSha256"] == before
published = lambda_.update_function_code(FunctionName="f", ZipFile=new_code, Publish=True)
assert published["Version"] == "1" and published["FunctionArn"].endswith(":f:1") and published["State"] == "Pending"
settle(lambda_, "f")
assert lambda_.get_function_configuration(FunctionName="f")["CodeSha256"] == published["CodeSha256"]

for number in range(3):
    create(lambda_, f"g{number}", wait=False)
listed = lambda_.list_functions()["Functions"]
assert [entry["FunctionName"] for entry in listed] == ["f", "g0", "g1", "g2"]
assert all("State" not in entry and "RuntimeVersionConfig" not in entry and "LoggingConfig" in entry for entry in listed)
pages = list(lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3}))
assert [len(page["Functions"]) for page in pages] == [3, 1]
every = lambda_.list_functions(FunctionVersion="ALL")["Functions"]
assert [entry["FunctionArn"].split(":function:")[1] for entry in every][:2] == ["f:$LATEST", "f:1"]

with refused("InvalidParameterValueException", "$LATEST version cannot be deleted"):
    lambda_.delete_function(FunctionName="f", Qualifier="$LATEST")
assert lambda_.delete_function(FunctionName="f", Qualifier="77")["ResponseMetadata"]["HTTPStatusCode"] == 204
assert lambda_.delete_function(FunctionName="f")["ResponseMetadata"]["HTTPStatusCode"] == 204
with refused("ResourceNotFoundException", f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:f", 404):
    lambda_.delete_function(FunctionName="f")
created = create(lambda_, "f", Publish=True)
assert created["Version"] == "1" and created["FunctionArn"].endswith(":f:1")

settings = lambda_.get_account_settings()
assert settings["AccountUsage"]["FunctionCount"] == 4 and settings["AccountLimit"]["ConcurrentExecutions"] == 1000
assert lambda_.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "Auto"
assert lambda_.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
assert lambda_.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
assert lambda_.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
assert lambda_.get_function_code_signing_config(FunctionName="f")["FunctionName"] == "f"
