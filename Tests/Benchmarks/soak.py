#!/usr/bin/env python3
"""Half an hour at full load: memory, descriptors and processes of Portico have to stay flat.

usage: soak.py BINARY [--minutes N] [--smoke]

Four loads at once: a proxied path and a cached one over HTTP/1.1, a path with a Node.js function at viewer-request over
HTTP/1.1, and the proxied one over HTTP/2 with connections that end and begin anew. Every `minutes / 30` one sample is
taken; the first third is warm-up. It fails when any request fails, or when the median of the last third exceeds that
of the middle third by more than a tenth (memory) or 20 (descriptors, processes).
"""
import argparse, os, pathlib, re, statistics, subprocess, sys, tempfile, threading, time

from sidebyside import CACHING_DISABLED, CACHING_OPTIMIZED, Stage, cpu_seconds, family, free_port, h2load, wait_for

TEMPLATE = """Resources:
  Hook:
    Type: AWS::Serverless::Function
    Properties: {{ Runtime: nodejs22.x, Handler: index.handler, CodeUri: ./hook, Timeout: 5, AutoPublishAlias: live }}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {{ Id: app, DomainName: app.example.com, CustomOriginConfig: {{ OriginProtocolPolicy: http-only }} }}
        CacheBehaviors:
          - {{ PathPattern: /cached/*, TargetOriginId: app, ViewerProtocolPolicy: allow-all, CachePolicyId: {cached} }}
          - PathPattern: /hook/*
            TargetOriginId: app
            ViewerProtocolPolicy: allow-all
            CachePolicyId: {plain}
            LambdaFunctionAssociations: [{{ EventType: viewer-request, LambdaFunctionARN: !Ref Hook.Version }}]
        DefaultCacheBehavior: {{ TargetOriginId: app, ViewerProtocolPolicy: allow-all, CachePolicyId: {plain} }}
Metadata:
  Portico:
    Origins: {{ app.example.com: "http://127.0.0.1:{origin}" }}
"""
HOOK = """exports.handler = async event => {
  const request = event.Records[0].cf.request;
  request.headers['x-soak'] = [{ key: 'X-Soak', value: 'yes' }];
  return request;
};
"""
# A new cache key for each of many paths keeps eviction and the table busy.
PATHS = """local number = 0
request = function()
  number = (number + 1) % 5000
  return wrk.format("GET", "/cached/" .. number)
end
"""


def start(stage, binary):
    origin = stage.origin(headers="add_header Cache-Control max-age=2;")
    state = pathlib.Path(tempfile.mkdtemp(dir=stage.folder))
    (state / "hook").mkdir()
    (state / "hook" / "index.js").write_text(HOOK)
    (state / "paths.lua").write_text(PATHS)
    (state / "template.yaml").write_text(TEMPLATE.format(
        cached=CACHING_OPTIMIZED, plain=CACHING_DISABLED, origin=origin))
    port = free_port()
    process = stage.start(
        [pathlib.Path(binary).resolve(), "up", "--template", state / "template.yaml", "--state", state / "state",
         "--https-port", port, "--http-port", 0, "--api-port", 0],
        cwd=state, stdout=open(state / "log", "w"), stderr=subprocess.STDOUT)
    wait_for(port)
    return process.pid, port, state


class Loads:
    """The four loads, each begun anew until the end is near."""

    def __init__(self, port, state, until):
        self.port, self.state, self.until = port, state, until
        self.answered, self.failures = 0, []
        self.lock = threading.Lock()
        kinds = (lambda s: self.wrk("/", s), lambda s: self.wrk("/hook/a", s),
                 lambda s: self.wrk("/", s, "-s", self.state / "paths.lua"), self.streams)
        self.threads = [threading.Thread(target=self.repeat, args=(kind,)) for kind in kinds]
        for one in self.threads:
            one.start()

    def repeat(self, kind):
        while (left := self.until - time.monotonic()) > 1:
            answered, failure = kind(int(min(20, max(1, left))))
            with self.lock:
                self.answered += answered
                if failure:
                    self.failures.append(failure)

    def wrk(self, path, seconds, *more):
        done = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}s", "--timeout", "30s", *map(str, more),
             f"https://localhost:{self.port}{path}"], capture_output=True, text=True)
        found = re.search(r"(\d+) requests in", done.stdout)
        bad = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
        return int(found.group(1)) if found else 0, bad.group(0) if bad else None if found else done.stderr

    def streams(self, seconds):
        good, failed, text = h2load(self.port, seconds, "-c4", "-m20")
        return good, f"HTTP/2: {failed} failed" if failed else None

    def join(self):
        for one in self.threads:
            one.join()


def sample(pid):
    """MiB of the process, its descriptors, and how many processes it has."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return (int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024,
            len(os.listdir(f"/proc/{pid}/fd")), len(family(pid)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--smoke", action="store_true", help="twelve seconds, and no verdict about growth")
    options = parser.parse_args()
    seconds = 12 if options.smoke else options.minutes * 60
    with Stage("soak") as stage:
        pid, port, state = start(stage, options.binary)
        began = time.monotonic()
        loads = Loads(port, state, began + seconds)
        samples = []
        for number in range(1, 31):
            time.sleep(max(0, began + seconds * number / 31 - time.monotonic()))
            samples.append(sample(pid))
            if number in (1, 15, 30) or not options.smoke and number % 5 == 0:
                memory, files, processes = samples[-1]
                print(f"{seconds * number / 31 / 60:6.1f} min: {memory:6.1f} MiB, {files} descriptors, "
                      f"{processes} processes", flush=True)
        loads.join()
        took = time.monotonic() - began
        cost = cpu_seconds(pid) / loads.answered * 1e6 if loads.answered else 0
        print(f"{loads.answered} requests in {took:.0f} s, {len(loads.failures)} loads with failures, "
              f"{cost:.0f} µs of CPU each with the functions'")
        for one in loads.failures[:10]:
            print(one)
        if loads.failures or not loads.answered:
            sys.exit(1)
        middle, last = ([statistics.median(one[kind] for one in part) for kind in range(3)]
                        for part in (samples[10:20], samples[20:]))
        if not options.smoke and (last[0] > middle[0] * 1.1 or any(last[kind] > middle[kind] + 20 for kind in (1, 2))):
            sys.exit(f"it grew: {middle} in the middle, {last} at the end")


if __name__ == "__main__":
    main()
