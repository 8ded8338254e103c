"""CloudFront Functions and key-value stores."""
import socket
import time

from botocore import UNSIGNED

from support import *

cloudfront = client("cloudfront")
CODE = b"function handler(event) { return event.request }"
function_config = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
made = cloudfront.create_function(Name="f", FunctionConfig=function_config, FunctionCode=CODE)
assert made["FunctionSummary"]["Status"] == "UNPUBLISHED" and made["FunctionSummary"]["FunctionMetadata"]["Stage"] == "DEVELOPMENT"
with refused("FunctionAlreadyExists", "", 409):
    cloudfront.create_function(Name="f", FunctionConfig=function_config, FunctionCode=CODE)
with refused("NoSuchFunctionExists", "", 404):
    cloudfront.describe_function(Name="f", Stage="LIVE")
got = cloudfront.get_function(Name="f")
assert got["FunctionCode"].read() == CODE and got["ContentType"] == "application/octet-stream"
changed = cloudfront.update_function(Name="f", IfMatch=made["ETag"], FunctionConfig=function_config, FunctionCode=CODE + b"\n")
assert changed["ETag"] and changed["ETag"] != made["ETag"]
assert changed["ResponseMetadata"]["HTTPHeaders"]["etag"] == changed["ResponseMetadata"]["HTTPHeaders"]["ettag"]
with refused("PreconditionFailed"):
    cloudfront.publish_function(Name="f", IfMatch=made["ETag"])
live = cloudfront.publish_function(Name="f", IfMatch=changed["ETag"])["FunctionSummary"]
assert live["FunctionMetadata"]["Stage"] == "LIVE" and live["Status"] == "UNASSOCIATED"
assert cloudfront.get_function(Name="f", Stage="LIVE")["FunctionCode"].read() == CODE + b"\n"
assert cloudfront.list_functions(Stage="LIVE")["FunctionList"]["Quantity"] == 1
with refused("FunctionSizeLimitExceeded", "", 413):
    cloudfront.create_function(Name="big", FunctionConfig=function_config, FunctionCode=b"x" * 40961)

store = cloudfront.create_key_value_store(Name="s", Comment="c")
arn = store["KeyValueStore"]["ARN"]
# It is being provisioned until every edge has it.
deadline = time.monotonic() + 30
while (status := cloudfront.describe_key_value_store(Name="s")["KeyValueStore"]["Status"]) != "READY":
    assert status == "PROVISIONING" and time.monotonic() < deadline, status
    time.sleep(0.02)
with refused("EntityAlreadyExists", "", 409):
    cloudfront.create_key_value_store(Name="s")
associated = {**function_config, "KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": arn}]}}
with_store = cloudfront.update_function(Name="f", IfMatch=changed["ETag"], FunctionConfig=associated, FunctionCode=CODE)
with refused("CannotDeleteEntityWhileInUse", "", 409):
    cloudfront.delete_key_value_store(Name="s", IfMatch=store["ETag"])

# The client puts the account in front of the host name, which resolvers may not know.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if host.endswith(".localhost") else host, *rest, **more)
endpoint = os.environ["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
values = boto3.client(
    "cloudfront-keyvaluestore", endpoint_url=endpoint, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
)
described = values.describe_key_value_store(KvsARN=arn)
assert described["ItemCount"] == 0 and described["ETag"] != store["ETag"]
put = values.put_key(KvsARN=arn, Key="a/b c", Value="1", IfMatch=described["ETag"])
assert put["ItemCount"] == 1 and values.get_key(KvsARN=arn, Key="a/b c")["Value"] == "1"
with refused("ConflictException", "", 409):
    values.put_key(KvsARN=arn, Key="b", Value="1", IfMatch=described["ETag"])
with refused("ResourceNotFoundException", "", 404):
    values.get_key(KvsARN=arn, Key="none")
many = values.update_keys(
    KvsARN=arn, IfMatch=put["ETag"], Puts=[{"Key": f"k{n:02}", "Value": "v"} for n in range(20)], Deletes=[{"Key": "a/b c"}])
assert many["ItemCount"] == 20
pages = list(values.get_paginator("list_keys").paginate(KvsARN=arn, PaginationConfig={"PageSize": 8}))
assert [len(page["Items"]) for page in pages] == [8, 8, 4] and pages[0]["Items"][0] == {"Key": "k00", "Value": "v"}
with refused("ValidationException"):
    values.put_key(KvsARN=arn, Key="x", Value="v" * 1025, IfMatch=many["ETag"])
gone = values.delete_key(KvsARN=arn, Key="k00", IfMatch=many["ETag"])
assert gone["ItemCount"] == 19
cloudfront.delete_function(Name="f", IfMatch=with_store["ETag"])
cloudfront.delete_key_value_store(Name="s", IfMatch=store["ETag"])
