"""Signatures: what is signed with a known key passes, everything else gets AWS's errors."""
import json
import time
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from support import *

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
KEYS = {"aws_access_key_id": "AKIAKNOWN", "aws_secret_access_key": "the-secret"}


def made(service, **keys):
    return boto3.client(service, config=Config(retries={"max_attempts": 0}), **{**KEYS, **keys})


lambda_ = made("lambda")
create(lambda_, "f", "exports.handler = async (event) => ({ got: event.body ?? event })")
arn = lambda_.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
assert json.load(lambda_.invoke(FunctionName=arn, Payload='{"a":1}', Qualifier="$LATEST")["Payload"]) == {"got": {"a": 1}}
assert made("sts").get_caller_identity()["Account"] == ACCOUNT
made("events").list_rules()
made("elbv2").describe_load_balancers()
made("cloudfront").list_distributions()

wrong = "The request signature we calculated does not match the signature you provided."
with refused("InvalidSignatureException", wrong, 403):
    made("lambda", aws_secret_access_key="other").list_functions()
with refused("UnrecognizedClientException", "The security token included in the request is invalid.", 403):
    made("lambda", aws_access_key_id="AKIAOTHER").list_functions()
with refused("SignatureDoesNotMatch", wrong, 403):
    made("elbv2", aws_secret_access_key="other").describe_load_balancers()
with refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403):
    made("sts", aws_access_key_id="AKIAOTHER").get_caller_identity()
with refused("InvalidSignatureException", wrong, 403):
    made("events", aws_secret_access_key="other").list_rules()


def ask(url, headers={}, body=None, method=None):
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers.get("x-amzn-ErrorType"), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-amzn-ErrorType"), error.read().decode()


status, kind, body = ask(ENDPOINT + "/2015-03-31/functions/")
assert (status, kind) == (403, "MissingAuthenticationTokenException"), (status, kind, body)
assert json.loads(body) == {"message": "Missing Authentication Token"}, body


def sign(url, body, secret=KEYS["aws_secret_access_key"], kind=botocore.auth.SigV4Auth, headers={}, **more):
    request = botocore.awsrequest.AWSRequest(method="POST" if body else "GET", url=url, data=body, headers=headers)
    keys = botocore.credentials.Credentials(KEYS["aws_access_key_id"], secret)
    kind(keys, "lambda", "us-east-1", **more).add_auth(request)
    return request


# A presigned call passes while it lives.
presigned = sign(ENDPOINT + "/2015-03-31/functions/f", None, kind=botocore.auth.SigV4QueryAuth, expires=300)
status, _, body = ask(presigned.url)
assert status == 200 and json.loads(body)["Configuration"]["FunctionName"] == "f", body

# A function URL that asks for signatures; --http-port serves it without TLS.
url = lambda_.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
host = url.split("//")[1].split("/")[0].split(":")[0]


def call(body, **more):
    address = f"http://127.0.0.1:{os.environ['HTTP_PORT']}/"
    signed = sign(f"http://{host}:{os.environ['HTTP_PORT']}/", body, headers={"Content-Type": "text/plain"}, **more)
    headers = {**dict(signed.headers), "Host": f"{host}:{os.environ['HTTP_PORT']}"}
    return ask(address, headers, body)


for _ in range(600):
    status, kind, body = call(b"hello")
    # The page of a host that the edge does not know yet.
    if "ERROR: The request" not in body:
        break
    time.sleep(0.1)
assert status == 200 and json.loads(body) == {"got": "hello"}, (status, kind, body)
status, kind, body = call(b"hello", secret="other")
assert (status, kind) == (403, "InvalidSignatureException") and wrong in body, (status, kind, body)
status, kind, body = ask(f"http://127.0.0.1:{os.environ['HTTP_PORT']}/", {"Host": host}, b"x")
assert status == 403 and "Forbidden" in body, (status, kind, body)
