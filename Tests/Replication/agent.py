"""One agent runs beside each node, in the node's network namespace: load, pages and AWS calls.

Reads one JSON command per line on standard input and answers with one JSON line on standard output.
"""
import http.client
import io
import json
import os
import sys
import threading
import time
import zipfile

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
    "Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}}]})
FUNCTION = "versions"


class Load:
    """Requests on kept connections; remembers every answer's body, and when each was first seen."""

    def __init__(self, port, host, clients, pause):
        self.port, self.host, self.pause = port, host, pause
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.counts, self.first, self.last, self.failures = {}, {}, {}, []
        self.requests = 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = None
        while not self.stopping.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                connection.request("GET", "/", headers={"Host": self.host})
                response = connection.getresponse()
                body = response.read().decode("utf-8", "replace")
                self.note(response.status, body, response.getheader("x-amz-cf-pop", ""))
            except Exception as error:
                if not self.stopping.is_set():
                    self.fail(f"{type(error).__name__}: {error}")
                connection = None
            time.sleep(self.pause)

    def note(self, status, body, pop):
        now = time.monotonic()
        if status != 200 or not body.startswith("v"):
            return self.fail(f"{status} {body[:200]}")
        with self.lock:
            self.requests += 1
            self.counts[body] = self.counts.get(body, 0) + 1
            self.first.setdefault(body, now)
            self.last[body] = now
            self.pop = pop

    def fail(self, text):
        with self.lock:
            self.requests += 1
            if len(self.failures) < 50:
                self.failures.append(text)

    def seen(self):
        with self.lock:
            return {"requests": self.requests, "counts": dict(self.counts), "first": dict(self.first),
                    "last": dict(self.last), "failures": list(self.failures), "pop": getattr(self, "pop", "")}


load = None
started = {}


def clients(port):
    import boto3
    from botocore.config import Config
    if port not in started:
        settings = dict(
            endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"max_attempts": 0}, read_timeout=60, connect_timeout=5))
        started[port] = boto3.client("lambda", **settings), boto3.client("cloudfront", **settings)
    return started[port]


def bundle(version, size):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("index.js", f"exports.handler = async () => ({{ status: '200', body: 'v{version}' }});\n")
        packed.writestr("filler.bin", os.urandom(size))
    return content.getvalue()


def publish(port, version, size, distribution=None):
    """A new version of the function at the distribution's viewer-request; makes both when there are none."""
    lambda_, cloudfront = clients(port)
    code = bundle(version, size)
    if distribution is None:
        made = lambda_.create_function(
            FunctionName=FUNCTION, Runtime="nodejs22.x", Role=ROLE, Handler="index.handler", Code={"ZipFile": code},
            Timeout=5, Publish=True)
        arn = made["FunctionArn"] if made["FunctionArn"].endswith(":1") else made["FunctionArn"] + ":1"
        made = cloudfront.create_distribution(DistributionConfig={
            "CallerReference": "replication", "Comment": "", "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "o.test", "CustomOriginConfig": {
                "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
                "LambdaFunctionAssociations": {"Quantity": 1, "Items": [
                    {"LambdaFunctionARN": arn, "EventType": "viewer-request"}]}}})["Distribution"]
        return {"distribution": made["Id"], "arn": arn}
    # The change of before may still be under way to this primary.
    lambda_.get_waiter("function_updated_v2").wait(
        FunctionName=FUNCTION, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    updated = lambda_.update_function_code(FunctionName=FUNCTION, ZipFile=code, Publish=True)
    got = cloudfront.get_distribution_config(Id=distribution)
    items = got["DistributionConfig"]["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"]
    items[0]["LambdaFunctionARN"] = updated["FunctionArn"]
    sent = time.monotonic()
    cloudfront.update_distribution(Id=distribution, DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])
    return {"sent": sent, "acknowledged": time.monotonic(), "arn": updated["FunctionArn"]}


def page(port, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    response = connection.getresponse()
    text = response.read().decode()
    return {"status": response.status, "text": text}


def once(port, host):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Host": host})
    response = connection.getresponse()
    return {"status": response.status, "text": response.read().decode("utf-8", "replace")}


def answer(command):
    global load
    match command["do"]:
        case "publish":
            return publish(command["port"], command["version"], command["size"], command.get("distribution"))
        case "deployed":
            _, cloudfront = clients(command["port"])
            cloudfront.get_waiter("distribution_deployed").wait(
                Id=command["distribution"], WaiterConfig={"Delay": 1, "MaxAttempts": command.get("attempts", 60)})
            return {}
        case "status":
            _, cloudfront = clients(command["port"])
            return {"status": cloudfront.get_distribution(Id=command["distribution"])["Distribution"]["Status"]}
        case "delete":
            lambda_, _ = clients(command["port"])
            try:
                lambda_.delete_function(FunctionName=FUNCTION, Qualifier=command["version"])
                return {"error": ""}
            except lambda_.exceptions.ClientError as error:
                return {"error": error.response["Error"]["Message"]}
        case "page":
            return page(command["port"], command.get("method", "GET"), command["path"])
        case "once":
            return once(command["port"], command["host"])
        case "load":
            load = Load(command["port"], command["host"], command["clients"], command["pause"])
            return {}
        case "seen":
            return load.seen()
        case "unload":
            load.stopping.set()
            for thread in load.threads:
                thread.join()
            return load.seen()


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            result = {"value": answer(json.loads(line))}
        except Exception as error:
            result = {"failure": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)
