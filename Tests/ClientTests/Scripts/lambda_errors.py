"""What CreateFunction refuses, in AWS's words, and operations that are not here."""
from support import *

lambda_ = client("lambda", parameter_validation=False)


def refuse(code, text, **members):
    name = members.pop("name", "f")
    with refused(code, text):
        create(lambda_, name, wait=False, **members)


invalid = "InvalidParameterValueException"
refuse(invalid, "Value 'a" , name="a" * 65)
refuse(invalid, "Member must have length less than or equal to 64", name="a" * 65)
refuse("ValidationException", "Member must have length less than or equal to 140", name="a" * 141)
refuse("ValidationException", "at 'functionName' failed to satisfy constraint: Member must satisfy regular expression", name="invalid:function:name")
refuse("ValidationException", "Value 'r1' at 'role' failed to satisfy constraint", Role="r1")
refuse(invalid, "Value NodeJS22.x at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [", Runtime="NodeJS22.x")
refuse(invalid, "The runtime parameter of nodejs14.x is no longer supported", Runtime="nodejs14.x")
refuse("ValidationException", "Value '[x86_64, arm64]' at 'architectures'", Architectures=["x86_64", "arm64"])
refuse("ValidationException", "at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1", Timeout=0)
refuse(invalid, "Could not unzip uploaded file.", Code={"ZipFile": b"no zip"})
refuse(invalid, "Uploaded file must be a non-empty zip", Code={"ZipFile": b""})
refuse(invalid, "S3 Error Code: NoSuchBucket", Code={"S3Bucket": "none", "S3Key": "k"})
refuse(invalid, "The subnet ID 'subnet-1' does not exist", VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
refuse("ValidationException", "at 'snapStart.applyOn'", SnapStart={"ApplyOn": "Always"})
refuse(invalid, "exceeded the 4KB limit. String measured: {\"LARGE_VAR\"", Environment={"Variables": {"LARGE_VAR": "x" * 4081}})
refuse(invalid, "Reserved keys used in this request: AWS_REGION", Environment={"Variables": {"AWS_REGION": "x"}})
refuse("ValidationException", "Map keys must satisfy constraint", Environment={"Variables": {"_x": "x"}})
refuse(invalid, "Functions of container images are not supported here.", PackageType="Image", Code={"ImageUri": "x"})
refuse(invalid, "FileSystemConfigs are not supported here.", FileSystemConfigs=[{
    "Arn": f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/x"}])
create(lambda_, "env", wait=False, Environment={"Variables": {"LARGE_VAR": "x" * 4080}})

for call, members in [
    ("create_code_signing_config", {"AllowedPublishers": {"SigningProfileVersionArns": [f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/x/y"]}}),
]:
    with refused(invalid, "is not supported here", 400):
        getattr(lambda_, call)(**members)
assert lambda_.list_event_source_mappings()["EventSourceMappings"] == []

# Errors as they travel: status, the code in its field, Type, and the case of the message's name ("Errors" of each operation).
import json
import urllib.error
import urllib.request

create(lambda_, "f")


def travel(method, path, body=None, **fields):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, method=method, data=body, headers=fields)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    assert answer.headers["x-amzn-RequestId"], (method, path)
    return answer.status, answer.headers["x-amzn-ErrorType"], json.loads(answer.read())


FUNCTIONS = "/2015-03-31/functions/"
function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
missing, wrong, unread = "ResourceNotFoundException", "InvalidParameterValueException", "InvalidRequestContentException"
for method, path, body, status, code, member, text in [
    ("GET", FUNCTIONS + "none", None, 404, missing, "Message", f"Function not found: {function}none"),
    ("GET", FUNCTIONS + "f/policy", None, 404, missing, "Message", "The resource you requested does not exist."),
    ("GET", "/2021-10-31/functions/f/url", None, 404, missing, "Message", "The resource you requested does not exist."),
    ("GET", "/2019-09-25/functions/f/event-invoke-config", None, 404, missing, "Message", f"The function {function}f:$LATEST"),
    ("POST", FUNCTIONS + "f/aliases", b'{"Name":"a","FunctionVersion":"77"}', 404, missing, "Message", f"Function not found: {function}f:77"),
    ("POST", FUNCTIONS + "f/invocations", b"{x", 400, unread, "message", "Could not parse request body into json: "),
    ("POST", FUNCTIONS, b"no json", 400, unread, "message", "Could not parse request body into json: "),
    ("GET", FUNCTIONS + "?Marker=%25", None, 400, wrong, "message", "The marker"),
    ("DELETE", FUNCTIONS + "f?Qualifier=$LATEST", None, 400, wrong, "message", "$LATEST version cannot be deleted"),
    ("POST", FUNCTIONS + "f/versions", b'{"CodeSha256":"x"}', 400, wrong, "message", "CodeSHA256 (x) is different"),
    ("POST", FUNCTIONS + "f/versions", b'{"RevisionId":"x"}', 412, "PreconditionFailedException", "message", "The Revision Id provided"),
    ("GET", FUNCTIONS + "?MaxItems=0", None, 400, "ValidationException", "message", "1 validation error detected: Value '0' at 'maxItems'"),
    ("POST", FUNCTIONS + "f/aliases", b'{"Name":"1","FunctionVersion":"1"}', 400, "ValidationException", "message", "1 validation error"),
    ("GET", "/2099-01-01/nothing", None, 404, "UnknownOperationException", "message", "GET /2099-01-01/nothing"),
]:
    answer = travel(method, path, body)
    assert answer[:2] == (status, code), (path, answer)
    assert answer[2][member].startswith(text), (path, answer)
    untyped = code in ("ValidationException", "UnknownOperationException")
    assert sorted(answer[2]) == sorted([member] if untyped else ["Type", member]), (path, answer)
    assert untyped or answer[2]["Type"] == "User", (path, answer)

# Payloads over the limit are read to their end and then refused, also where the client only reads once it has sent all.
for size, kind, type_ in [(6_291_457, "RequestResponse", None), (1_048_577, "Event", "Event"), (20_000_000, "RequestResponse", None)]:
    headers = {"X-Amz-Invocation-Type": type_} if type_ else {}
    answer = travel("POST", FUNCTIONS + "f/invocations", b'"' + b"x" * (size - 2) + b'"', **headers)
    assert answer[:2] == (413, "RequestEntityTooLargeException"), answer
    limit = 1_048_576 if type_ else 6_291_456
    text = f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    assert text in (answer[2].get("message"), answer[2].get("Message")), answer

# A runtime that functions may name and nothing runs here, and code signing configurations, of which there are none.
create(lambda_, "java", Runtime="java21")
signing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-0123456789abcdef0"
unsigned = "CodeSigningConfigNotFoundException"
for method, path, body, status, code, text in [
    ("POST", FUNCTIONS + "java/invocations", b"{}", 502, "InvalidRuntimeException", "The runtime java21 is not supported here"),
    ("PUT", "/2020-06-30/functions/f/code-signing-config", json.dumps({"CodeSigningConfigArn": signing}).encode(), 404, unsigned, "The code signing configuration cannot be found."),
    ("GET", "/2020-04-22/code-signing-configs/" + signing, None, 404, missing, f"The Lambda code signing configuration {signing} can not be found."),
]:
    answer = travel(method, path, body)
    assert answer[:2] == (status, code) and answer[2]["Message"].startswith(text), answer
    assert answer[2]["Type"] == ("Service" if status >= 500 else "User"), answer
refuse(unsigned, signing, name="signed", CodeSigningConfigArn=signing)
lambda_.delete_function_code_signing_config(FunctionName="f")
assert lambda_.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"] == ""
