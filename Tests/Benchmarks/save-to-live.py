#!/usr/bin/env python3
"""How long after the last write of a function file every edge serves the new version.

    save-to-live.py path/to/portico [saves]

Starts a node with two edges and one Node.js and one Python function, edits each in turn and polls every
edge. Prints each function's median and maximum in milliseconds; exits with 1 when a median is above 100.
Then saves a broken file and checks that the old version keeps serving and the log names file and line.
"""
import http.client
import os
import pathlib
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

LIMIT_MS = 100
# Nobody saves a file more often; meanwhile the blank workers that a save used are replaced.
PAUSE_S = 0.5
EDGES = ["iad", "fra"]
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Node:
    Type: AWS::Serverless::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, CodeUri: node, AutoPublishAlias: live}
  Python:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: index.handler, CodeUri: python, AutoPublishAlias: live}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: o, DomainName: o.test, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]
        CacheBehaviors:
          - PathPattern: /python
            TargetOriginId: o
            ViewerProtocolPolicy: allow-all
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
            LambdaFunctionAssociations: [{EventType: viewer-request, LambdaFunctionARN: !Ref Python.Version}]
        DefaultCacheBehavior:
          TargetOriginId: o
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
          LambdaFunctionAssociations: [{EventType: viewer-request, LambdaFunctionARN: !Ref Node.Version}]
Metadata:
  Portico: {Origins: {o.test: 'http://127.0.0.1:9'}}
"""
SOURCES = {
    "node": ("index.js", "exports.handler = async () => ({ status: '200', headers: {}, body: '%s' });\n"),
    "python": ("index.py", "def handler(event, context):\n    return {'status': '200', 'headers': {}, 'body': '%s'}\n"),
}
BROKEN = {"node": "\nexports.handler = async (e => 1;\n", "python": "\ndef handler(event context):\n    pass\n"}


class Node:
    def __init__(self, binary, folder):
        self.folder = folder
        self.log = []
        self.process = subprocess.Popen(
            [binary, "up", "--edges", ",".join(EDGES), "--https-port", "0", "--http-port", "0",
             "--api-port", "0", "--bind", "127.0.0.1"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        for line in self.process.stdout:
            ports = re.match(r"https (\d+)", line)
            if ports:
                self.port = int(ports[1])
            if line == "ready\n":
                break
        else:
            sys.exit("the node did not become ready:\n" + "".join(self.log))
        context = ssl.create_default_context(cafile=folder / ".portico/certs/ca.pem")
        self.connections = {
            edge: http.client.HTTPSConnection("localhost", self.port, context=context, timeout=10)
            for edge in EDGES
        }

    def get(self, path, edge):
        connection = self.connections[edge]
        connection.request("GET", path, headers={"x-portico-edge": edge})
        return connection.getresponse().read().decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def save(folder, kind, text):
    (folder / kind / SOURCES[kind][0]).write_text(text)
    return time.monotonic()


def until_live(node, kind, wanted):
    """The moment at which the last edge serves the wanted body."""
    waiting = list(EDGES)
    deadline = time.monotonic() + 10
    while waiting:
        if time.monotonic() > deadline:
            sys.exit(f"{kind} is not live on {waiting}:\n" + "".join(node.log[-20:]))
        if node.get("/" + kind, waiting[0]) == wanted:
            waiting.pop(0)
    return time.monotonic()


def main():
    binary = os.path.abspath(sys.argv[1])
    saves = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-save-"))
    (folder / "template.yaml").write_text(TEMPLATE)
    for kind, (name, text) in SOURCES.items():
        (folder / kind).mkdir()
        (folder / kind / name).write_text(text % "v0")
    node = Node(binary, folder)
    failed = False
    try:
        for kind in SOURCES:
            until_live(node, kind, "v0")
            times = []
            for number in range(1, saves + 1):
                time.sleep(PAUSE_S)
                began = save(folder, kind, SOURCES[kind][1] % f"v{number}")
                times.append((until_live(node, kind, f"v{number}") - began) * 1000)
            median = statistics.median(times)
            failed |= median > LIMIT_MS
            print(f"{kind}: median {median:.1f} ms, maximum {max(times):.1f} ms over {saves} saves on "
                  f"{len(EDGES)} edges (limit {LIMIT_MS} ms)")
            seen = len(node.log)
            save(folder, kind, BROKEN[kind])
            deadline = time.monotonic() + 10
            place = f"{kind}/{SOURCES[kind][0]}:2:"
            while not any(place in line for line in node.log[seen:]):
                if time.monotonic() > deadline:
                    sys.exit(f"no line names {place}:\n" + "".join(node.log[seen:]))
                time.sleep(0.01)
            for edge in EDGES:
                if node.get("/" + kind, edge) != f"v{saves}":
                    sys.exit(f"{edge} does not serve the old version of {kind}")
            print(f"{kind}: a broken save leaves v{saves} serving and names {place}")
            # A stack is taken whole or not at all, so the next function's saves need this one whole again.
            save(folder, kind, SOURCES[kind][1] % f"v{saves}")
            time.sleep(PAUSE_S)
    finally:
        node.stop()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
