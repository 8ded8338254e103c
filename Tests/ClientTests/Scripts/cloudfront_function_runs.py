"""CloudFront Functions run: tests by the API, requests through a distribution, a key-value store's new value."""
import json
import socket

from botocore import UNSIGNED

from support import *

cloudfront = client("cloudfront")
runtime = {"Comment": "", "Runtime": "cloudfront-js-2.0"}

# TestFunction
made = cloudfront.create_function(Name="t", FunctionConfig=runtime, FunctionCode=b"""
function handler(event) {
  console.log('uri ' + event.request.uri);
  event.request.uri += 'index.html';
  return event.request;
}""")
event = {
    "version": "1.0", "context": {"eventType": "viewer-request"}, "viewer": {"ip": "1.2.3.4"},
    "request": {"method": "GET", "uri": "/", "querystring": {}, "headers": {}, "cookies": {}},
}
result = cloudfront.test_function(Name="t", IfMatch=made["ETag"], EventObject=json.dumps(event).encode())["TestResult"]
assert json.loads(result["FunctionOutput"])["request"]["uri"] == "/index.html", result
assert result["FunctionExecutionLogs"] == ["uri /"] and result["FunctionErrorMessage"] == ""
assert 0 <= int(result["ComputeUtilization"]) <= 100
assert result["FunctionSummary"]["FunctionMetadata"]["Stage"] == "DEVELOPMENT"
with refused("PreconditionFailed"):
    cloudfront.test_function(Name="t", IfMatch="E0000000000000", EventObject=json.dumps(event).encode())
with refused("NoSuchFunctionExists", "", 404):
    cloudfront.test_function(Name="t", Stage="LIVE", IfMatch=made["ETag"], EventObject=json.dumps(event).encode())
with refused("InvalidArgument"):
    cloudfront.test_function(Name="t", IfMatch=made["ETag"], EventObject=b"{}")
broken = cloudfront.update_function(
    Name="t", IfMatch=made["ETag"], FunctionConfig=runtime, FunctionCode=b"function handler(event) { return event.a.b }")
result = cloudfront.test_function(Name="t", IfMatch=broken["ETag"], EventObject=json.dumps(event).encode())["TestResult"]
assert "TypeError" in result["FunctionErrorMessage"] and result["FunctionOutput"] == ""
with refused("FunctionSizeLimitExceeded", "", 413):
    cloudfront.create_function(Name="big", FunctionConfig=runtime, FunctionCode=b"x" * 10241)

# A distribution with functions at both events; the first reads a store.
store = cloudfront.create_key_value_store(Name="s")["KeyValueStore"]
stored = {**runtime, "KeyValueStoreAssociations": {"Quantity": 1, "Items": [{"KeyValueStoreARN": store["ARN"]}]}}


def publish(name, code, config=runtime):
    etag = cloudfront.create_function(Name=name, FunctionConfig=config, FunctionCode=code)["ETag"]
    return cloudfront.publish_function(Name=name, IfMatch=etag)["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]


answer = publish("answer", b"""import cf from 'cloudfront';
const store = cf.kvs();
async function handler(event) {
  const word = await store.exists('word') ? await store.get('word') : 'nothing';
  return { statusCode: 200, body: word };
}""", stored)
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if host.endswith(".localhost") else host, *rest, **more)
values = boto3.client(
    "cloudfront-keyvaluestore", endpoint_url=os.environ["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"),
    config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))
config = {
    "CallerReference": "f", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1",
        "CustomOriginConfig": {"HTTPPort": 9, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "FunctionAssociations": {"Quantity": 1, "Items": [{"FunctionARN": answer, "EventType": "viewer-request"}]}},
}
with refused("InvalidFunctionAssociation", "LIVE"):
    unpublished = json.loads(json.dumps(config))
    unpublished["DefaultCacheBehavior"]["FunctionAssociations"]["Items"][0]["FunctionARN"] = answer.replace("answer", "t")
    cloudfront.create_distribution(DistributionConfig=unpublished)
with refused("InvalidFunctionAssociation"):
    wrong = json.loads(json.dumps(config))
    wrong["DefaultCacheBehavior"]["FunctionAssociations"]["Items"][0]["EventType"] = "origin-request"
    cloudfront.create_distribution(DistributionConfig=wrong)
distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
cloudfront.get_waiter("distribution_deployed").wait(Id=distribution["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
host, port = distribution["Id"].lower() + ".cloudfront.localhost", os.environ["HTTPS_PORT"]


def get(path="/"):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{host}:{port}:127.0.0.1",
         "-w", " %{http_code} %header{x-cache}", f"https://{host}:{port}{path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


GENERATED = " 200 FunctionGeneratedResponse from cloudfront"
assert get() == "nothing" + GENERATED, get()
described = values.describe_key_value_store(KvsARN=store["ARN"])
values.put_key(KvsARN=store["ARN"], Key="word", Value="new", IfMatch=described["ETag"])
assert get() == "new" + GENERATED, get()
summary = cloudfront.describe_function(Name="answer", Stage="LIVE")["FunctionSummary"]
assert summary["Status"] == "DEPLOYED"
etag = cloudfront.describe_function(Name="answer")["ETag"]
with refused("FunctionInUse", "", 409):
    cloudfront.delete_function(Name="answer", IfMatch=etag)

# An update changes nothing until it is published.
later = cloudfront.update_function(
    Name="answer", IfMatch=etag, FunctionConfig=runtime,
    FunctionCode=b"function handler(event) { return { statusCode: 201, body: 'second' } }")
assert get() == "new" + GENERATED
cloudfront.publish_function(Name="answer", IfMatch=later["ETag"])
assert get() == "second 201 FunctionGeneratedResponse from cloudfront", get()
