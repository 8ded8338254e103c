"""Real-time logs by boto3: the life of a configuration, and records that arrive."""
import base64
import http.server
import json
import pathlib
import queue
import sys
import threading
import time

from support import *

cloudfront = client("cloudfront")
calls = queue.Queue()


class Kinesis(http.server.BaseHTTPRequestHandler):
    """Keeps calls of PutRecords."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        calls.put((self.headers["X-Amz-Target"], json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kinesis)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Where the stream is on this machine; the node follows its template.
pathlib.Path(sys.argv[1]).write_text(
    f"Metadata: {{ Portico: {{ Streams: {{ visits: 'kinesis+http://127.0.0.1:{server.server_address[1]}/' }} }} }}\nResources: {{}}\n")
stream = {"StreamType": "Kinesis", "KinesisStreamConfig": {
    "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/r", "StreamARN": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/visits"}}
given = {"Name": "log", "SamplingRate": 100, "Fields": ["sc-status", "cs-uri-stem", "cs-method"], "EndPoints": [stream]}
made = cloudfront.create_realtime_log_config(**given)["RealtimeLogConfig"]
arn = made["ARN"]
assert arn == f"arn:aws:cloudfront::{ACCOUNT}:realtime-log-config/log" and made["SamplingRate"] == 100
with refused("RealtimeLogConfigAlreadyExists", "", 409):
    cloudfront.create_realtime_log_config(**given)
for wrong in [{"SamplingRate": 0}, {"Fields": ["nothing"]}, {"EndPoints": [stream, stream]}, {"SamplingRate": 101}]:
    with refused("InvalidArgument", "", 400):
        cloudfront.create_realtime_log_config(**{**given, "Name": "bad", **wrong})
assert cloudfront.get_realtime_log_config(Name="log")["RealtimeLogConfig"] == made
assert cloudfront.get_realtime_log_config(ARN=arn)["RealtimeLogConfig"] == made
with refused("NoSuchRealtimeLogConfig", "", 404):
    cloudfront.get_realtime_log_config(Name="none")
assert [item["Name"] for item in cloudfront.list_realtime_log_configs()["RealtimeLogConfigs"]["Items"]] == ["log"]

config = {
    "CallerReference": "t", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
            "HTTPPort": 1, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "RealtimeLogConfigArn": arn,
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"},
}
with refused("NoSuchRealtimeLogConfig", "", 404):
    cloudfront.create_distribution(DistributionConfig={
        **config, "DefaultCacheBehavior": {**config["DefaultCacheBehavior"], "RealtimeLogConfigArn": arn + "x"}})
site = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
# The node was told to take a reference once only.
with refused("DistributionAlreadyExists", site["Id"], 409):
    cloudfront.create_distribution(DistributionConfig=config)
cloudfront.get_waiter("distribution_deployed").wait(Id=site["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
by_log = cloudfront.list_distributions_by_realtime_log_config(RealtimeLogConfigName="log")["DistributionList"]
assert [item["Id"] for item in by_log["Items"]] == [site["Id"]]
with refused("RealtimeLogConfigInUse", "", 400):
    cloudfront.delete_realtime_log_config(Name="log")

host, port = site["Id"].lower() + ".cloudfront.localhost", os.environ["HTTPS_PORT"]


def get(path):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "60", "-o", "/dev/null", "--cacert", os.environ["CA"], "--resolve",
         f"{host}:{port}:127.0.0.1", f"https://{host}:{port}{path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


deadline = time.monotonic() + 120
while calls.empty():
    assert time.monotonic() < deadline
    get("/a")
target, call = calls.get(timeout=120)
assert target == "Kinesis_20131202.PutRecords" and call["StreamName"] == "visits"
assert base64.b64decode(call["Records"][0]["Data"]) == b"502\tGET\t/a\n", call
changed = cloudfront.update_realtime_log_config(ARN=arn, SamplingRate=100, Fields=["s-ip", "cs-uri-stem"], EndPoints=[stream])
assert changed["RealtimeLogConfig"]["Fields"] == ["s-ip", "cs-uri-stem"]
# The next requests follow it as soon as the edge has it.
deadline = time.monotonic() + 120
record = b""
while record != b"127.0.0.1\t/new\n":
    assert time.monotonic() < deadline, record
    get("/new")
    record = base64.b64decode(calls.get(timeout=120)[1]["Records"][-1]["Data"])
got = cloudfront.get_distribution_config(Id=site["Id"])
got["DistributionConfig"]["DefaultCacheBehavior"]["RealtimeLogConfigArn"] = ""
cloudfront.update_distribution(Id=site["Id"], DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])
cloudfront.delete_realtime_log_config(ARN=arn)
assert cloudfront.list_realtime_log_configs()["RealtimeLogConfigs"].get("Items", []) == []
server.shutdown()
