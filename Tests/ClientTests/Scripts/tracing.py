"""X-Ray: a trace goes on through every door, and its segments arrive; argument: the file with the segments."""
import json
import socket
import sys
import time
import urllib.request

from support import *

path = sys.argv[1]
lambda_ = client("lambda")
PARENT = "6226467e3f845502"
CODE = """
exports.handler = async (event) => ({
  statusCode: 200, body: JSON.stringify([process.env._X_AMZN_TRACE_ID || '', process.env.AWS_XRAY_DAEMON_ADDRESS]) });"""


def root():
    return f"1-{int(time.time()):08x}-{os.urandom(12).hex()}"


def documents(trace, count):
    """The documents of a trace, once there are so many."""
    deadline = time.time() + 60
    while True:
        with open(path) as file:
            # A line may be half there yet.
            found = [json.loads(line) for line in file if line.endswith("\n")]
        found = [one for one in found if one["trace_id"] == trace]
        if len(found) >= count or time.time() > deadline:
            assert len(found) == count, (count, found)
            return {one.get("origin", "own"): one for one in found}
        time.sleep(0.05)


def check(trace, seen=None, parent=PARENT):
    found = documents(trace, 2)
    service, run = found["AWS::Lambda"], found["AWS::Lambda::Function"]
    assert service.get("parent_id") == parent, service
    assert run["parent_id"] == service["id"]
    if seen is not None:
        fields = dict(field.split("=", 1) for field in seen.split(";"))
        assert (fields["Root"], fields["Parent"], fields["Sampled"]) == (trace, run["id"], "1"), seen


create(lambda_, "traced", CODE, TracingConfig={"Mode": "PassThrough"})


def invoke(header, **more):
    caller = client("lambda")
    caller.meta.events.register("before-sign.lambda.*", lambda request, **_: request.headers.add_header(
        "X-Amzn-Trace-Id", header))
    return caller.invoke(FunctionName="traced", **more)


# Direct calls: sampled upstream, not sampled, and asynchronous.
trace = root()
body = json.loads(json.load(invoke(f"Root={trace};Parent={PARENT};Sampled=1")["Payload"])["body"])
check(trace, body[0])
quiet = root()
body = json.loads(json.load(invoke(f"Root={quiet};Parent={PARENT};Sampled=0")["Payload"])["body"])
assert body[0] == f"Root={quiet};Parent={PARENT};Sampled=0", body
trace = root()
assert invoke(f"Root={trace};Parent={PARENT};Sampled=1", InvocationType="Event")["StatusCode"] == 202
check(trace)

# Doors.
lambda_.create_function_url_config(FunctionName="traced", AuthType="NONE")
lambda_.add_permission(FunctionName="traced", StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
                       FunctionUrlAuthType="NONE")
lambda_.add_permission(FunctionName="traced", StatementId="invoke", Action="lambda:InvokeFunction", Principal="*",
                       InvokedViaFunctionUrl=True)
url = lambda_.get_function_url_config(FunctionName="traced")["FunctionUrl"]
arn = lambda_.get_function(FunctionName="traced")["Configuration"]["FunctionArn"]
api = client("apigatewayv2").create_api(Name="a", ProtocolType="HTTP", Target=arn)
lambda_.add_permission(FunctionName="traced", StatementId="api", Action="lambda:InvokeFunction",
                       Principal="apigateway.amazonaws.com")


def get(host, header):
    request = urllib.request.Request(f"http://127.0.0.1:{os.environ['HTTP_PORT']}/")
    request.add_header("Host", host)
    request.add_header("X-Amzn-Trace-Id", header)
    return json.load(urllib.request.urlopen(request))


def ask(host):
    deadline = time.time() + 60
    while True:
        trace = root()
        try:
            check(trace, get(host, f"Root={trace};Parent={PARENT};Sampled=1")[0])
            return
        except urllib.error.HTTPError as error:
            # The door or its permission may be under way.
            assert time.time() < deadline, error.read()
            time.sleep(0.1)


hosts = [f"{api['ApiId']}.execute-api.localhost"]
for host in hosts:
    ask(host)

# Segments that code makes itself; what is no datagram of the protocol is ignored.
host, port = body[1].split(":")
own = {"trace_id": root(), "id": "0000000000000001", "name": "mine", "type": "subsegment", "start_time": 1.0,
       "end_time": 2.0, "parent_id": PARENT}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
    daemon.sendto(b'{"format": "json", "version": 2}\n' + json.dumps({**own, "id": "bad"}).encode(), (host, int(port)))
    daemon.sendto(b'{"format": "json", "version": 1}\n' + json.dumps(own).encode(), (host, int(port)))
assert documents(own["trace_id"], 1)["own"]["id"] == own["id"]

# Active tracing keeps the first call of a second; the log names the trace.
create(lambda_, "active", CODE, TracingConfig={"Mode": "Active"})
assert lambda_.get_function_configuration(FunctionName="active")["TracingConfig"] == {"Mode": "Active"}
answer = lambda_.invoke(FunctionName="active", LogType="Tail")
body = json.loads(json.load(answer["Payload"])["body"])
assert body[0].endswith("Sampled=1"), body
check(dict(field.split("=", 1) for field in body[0].split(";"))["Root"], body[0], parent=None)

# A throttled call.
lambda_.put_function_concurrency(FunctionName="traced", ReservedConcurrentExecutions=0)
trace = root()
with refused("TooManyRequestsException"):
    invoke(f"Root={trace};Parent={PARENT};Sampled=1")
service = documents(trace, 1)["AWS::Lambda"]
assert service["throttle"] and service["error"] and service["http"]["response"]["status"] == 429
text = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_portico/metrics").read().decode()
assert "portico_trace_segments_dropped_total 0" in text, text
with open(path) as file:
    written = len(file.readlines())
assert f"portico_trace_segments_total {written}\n" in text, (written, text)
