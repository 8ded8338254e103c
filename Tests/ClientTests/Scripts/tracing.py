"""X-Ray: a trace goes on through every door, and its segments arrive; arguments: the file with the segments, moto's server."""
import base64
import json
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from support import *

path, moto = sys.argv[1:]
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


# The template brings the function's APIs, which calls cannot make.
lambda_.update_function_code(FunctionName="traced", ZipFile=archive(CODE))
settle(lambda_, "traced")
places = lambda_.get_function_configuration(FunctionName="places")["Environment"]["Variables"]


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


def get(host, header, way="/"):
    request = urllib.request.Request(f"http://127.0.0.1:{os.environ['HTTP_PORT']}{way}")
    request.add_header("Host", host)
    request.add_header("X-Amzn-Trace-Id", header)
    return json.load(urllib.request.urlopen(request))


def ask(host, way="/"):
    deadline = time.time() + 60
    while True:
        trace = root()
        try:
            check(trace, get(host, f"Root={trace};Parent={PARENT};Sampled=1", way)[0])
            return
        except urllib.error.HTTPError as error:
            # The door or its permission may be under way.
            assert time.time() < deadline, error.read()
            time.sleep(0.1)


balancing = client("elbv2")
balancer = balancing.create_load_balancer(Name="traced", Subnets=["subnet-a", "subnet-b"])["LoadBalancers"][0]
group = balancing.create_target_group(Name="traced", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
lambda_.add_permission(FunctionName="traced", StatementId="balancer", Action="lambda:InvokeFunction",
                       Principal="elasticloadbalancing.amazonaws.com", SourceArn=group)
balancing.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
balancing.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
                          DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
hosts = [(f"{api['ApiId']}.execute-api.localhost", "/"), (urllib.parse.urlsplit(url).hostname, "/"),
         (balancer["DNSName"], "/"), (f"{places['REST']}.execute-api.localhost", "/Prod/")]
for host, way in hosts:
    ask(host, way)


# A WebSocket API: the handshake goes on with its trace, each message begins one.
def exactly(stream, count):
    read = stream.read(count)
    assert len(read) == count, read
    return read


def converse(header):
    """Opens a connection, sends one message, and returns the answer to it."""
    with socket.create_connection(("127.0.0.1", int(os.environ["HTTPS_PORT"])), 60) as plain:
        context = ssl.create_default_context(cafile=os.environ["CA"])
        host = f"{places['WEB']}.execute-api.localhost"
        with context.wrap_socket(plain, server_hostname=host) as connection:
            connection.sendall(
                f"GET /live HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                f"X-Amzn-Trace-Id: {header}\r\n\r\n".encode())
            stream = connection.makefile("rb")
            head = stream.readline()
            assert b" 101 " in head, head
            while stream.readline().strip():
                pass
            text = b'{"action": "any"}'
            # A masked frame of text, masked with zeros (RFC 6455, section 5.2).
            connection.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
            while True:
                kind, length = exactly(stream, 2)
                length = length if length < 126 else int.from_bytes(exactly(stream, 2), "big")
                frame = exactly(stream, length)
                if kind == 0x81:
                    return json.loads(frame)


trace = root()
answer = converse(f"Root={trace};Parent={PARENT};Sampled=1")
check(trace)
of_message = dict(field.split("=", 1) for field in answer[0].split(";"))
assert of_message["Root"] != trace and of_message.get("Sampled") != "1", answer

# A queue: the trace of who sent the message goes on.
queues = boto3.client("sqs", endpoint_url=moto)
queue = queues.create_queue(QueueName="traced")["QueueUrl"]
queued = root()
queues.send_message(QueueUrl=queue, MessageBody="{}", MessageSystemAttributes={"AWSTraceHeader": {
    "DataType": "String", "StringValue": f"Root={queued};Parent={PARENT};Sampled=1"}})
mapping = lambda_.create_event_source_mapping(
    FunctionName="traced", EventSourceArn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:traced", BatchSize=1)
check(queued)
lambda_.delete_event_source_mapping(UUID=mapping["UUID"])

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
