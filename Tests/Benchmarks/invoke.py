#!/usr/bin/env python3
"""Warm and cold invocations through the executor alone, over both of its transports.

usage: invoke.py [BINARY] [--bench FILE] [--only NAME,…]

Builds `InvokeBench` (PORTICO_DEV=1) unless --bench names one that is built. BINARY is taken so that all
benchmarks are called alike; the executor is measured without it. CPU time is that of the executor and of all
its processes together.
"""
import argparse, os, pathlib, subprocess, sys, tempfile, threading, time

from sidebyside import cpu_seconds

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = {
    "index.js": "exports.handler = async (event) => event;\n",
    "app.py": "def handler(event, context):\n    return event\n",
    # One connection and no more of HTTP than the Runtime API has, as AWS's client for Node.js does it in C++.
    "client.js": r"""const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const socket = require('net').connect({ host, port, noDelay: true });
let held = Buffer.alloc(0), waiting;
socket.on('data', (part) => {
  held = held.length ? Buffer.concat([held, part]) : part;
  const head = held.indexOf('\r\n\r\n');
  if (head < 0) return;
  const text = held.toString('latin1', 0, head), start = head + 4;
  const end = start + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
  if (held.length < end) return;
  const body = held.toString('utf8', start, end);
  held = held.subarray(end);
  waiting([text, body]);
});
const ask = (line, body) => new Promise((resolve) => {
  waiting = resolve;
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\n${length}\r\n${body ?? ''}`);
});
const root = '/2018-06-01/runtime/invocation/';
(async () => {
  const handler = async (event) => event;
  for (;;) {
    const [head, body] = await ask(`GET ${root}next`);
    const id = /\r\nlambda-runtime-aws-request-id: (.*)/i.exec(head)[1].trim();
    await ask(`POST ${root}${id}/response`, JSON.stringify(await handler(JSON.parse(body))));
  }
})();
""",
    "http.js": """const http = require('http'), agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({ host, port, agent, method, path: '/2018-06-01/runtime/' + path }, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part));
    answer.on('end', () => resolve([answer.headers, Buffer.concat(parts)]));
  });
  request.on('error', reject);
  request.end(body);
});
(async () => {
  const handler = async (event) => event;
  for (;;) {
    const [headers, body] = await ask('GET', 'invocation/next');
    const answer = await handler(JSON.parse(body));
    await ask('POST', `invocation/${headers['lambda-runtime-aws-request-id']}/response`, JSON.stringify(answer));
  }
})();
""",
    "client.py": """import http.client, json, os
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
connection = http.client.HTTPConnection(host, int(port))
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = connection.getresponse()
    event = json.loads(answer.read())
    identifier = answer.getheader("Lambda-Runtime-Aws-Request-Id")
    connection.request("POST", f"/2018-06-01/runtime/invocation/{identifier}/response", json.dumps(event))
    connection.getresponse().read()
""",
    # AWS's own client, which does its requests in C++.
    "lambdaric.sh": f"exec '{ROOT}/.runtime-client/bin/python3' -m awslambdaric app.handler\n",
    "bootstrap": r"""#!/bin/bash
# The Runtime API in bash alone: one process for each environment.
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
read_answer() {
  local line length=0
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case ${line,,} in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  body=
  [ "$length" -gt 0 ] && LC_ALL=C IFS= read -r -N "$length" body <&3
}
while :; do
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n' >&3
  read_answer || exit
  [ -z "$id" ] && exit
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: runtime\r\nContent-Length: %d\r\n\r\n%s' \
    "$id" "${#body}" "$body" >&3
  read_answer || exit
done
""",
}
TARGETS = {
    ("node-frames", "p50-us"): ("<=", 60), ("python-frames", "p50-us"): ("<=", 60),
    ("node-api", "p50-us"): ("<=", 250),
    ("lambdaric-api", "p50-us"): ("<=", 250),
    ("throughput", "invocations-per-second"): (">=", 20000),
    ("cold-node", "p50-us"): ("<=", 20000), ("cold-python", "p50-us"): ("<=", 20000),
    ("restore-python", "p50-us"): ("<=", 10000),
    ("many", "processes"): (">=", 1000),
}
MODES = ["node-frames", "python-frames", "node-api", "node-http-api", "python-http-api", "lambdaric-api", "bootstrap-api",
         "throughput", "cold-node", "cold-python", "restore-python", "bare-node", "bare-python", "many"]


def build():
    environment = dict(os.environ, PORTICO_DEV="1", PORTICO_MODULES="Executor")
    scratch = ROOT / ".build-invoke"
    command = ["swift", "build", "-c", "release", "--product", "InvokeBench", "--scratch-path", scratch]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)
    return scratch / "release" / "InvokeBench"


# One call after the other: caller and worker sleep in turn. On two cores each call then wakes a core that
# sleeps, twice, which on a virtual machine costs more than the call; so it is measured on one core, and on all of
# them for comparison. The two named http are libraries of the languages, slower than the call itself.
ALTERNATING = {"node-frames", "python-frames", "node-api", "node-http-api", "python-http-api", "lambdaric-api"}
# Bash writes line by line, and each line waits for the receipt of the one before.
COUNTS = {"bootstrap-api": ["100"]}


def run(program, folder, mode, core=None):
    def settle():
        if core is not None:
            os.sched_setaffinity(0, {core})

    process = subprocess.Popen([program, folder, mode, *COUNTS.get(mode, [])], stdout=subprocess.PIPE, text=True,
                               preexec_fn=settle)
    seen = [0.0]
    ended = threading.Event()

    # The time of processes that have ended is lost, so it is read while they live.
    def watch():
        while not ended.wait(0.2):
            seen[0] = max(seen[0], cpu_seconds(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        text, _ = process.communicate(timeout=300)
    finally:
        ended.set()
        watcher.join()
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        sys.exit(f"{mode}: {text.strip() or 'failed'}")
    return [line.split() for line in text.splitlines()], seen[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--bench")
    parser.add_argument("--only", default=",".join(MODES))
    options = parser.parse_args()
    program = options.bench or build()
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (pathlib.Path(folder) / name).write_text(text)
        os.chmod(pathlib.Path(folder) / "bootstrap", 0o755)
        for mode in options.only.split(","):
            core = min(os.sched_getaffinity(0)) if mode in ALTERNATING else None
            figures, cpu = run(program, folder, mode, core)
            if core is not None:
                figures += [["all-cores-" + name, value] for name, value in run(program, folder, mode)[0]]
            for name, value in figures:
                sign, limit = TARGETS.get((mode, name), ("", 0))
                value = float(value)
                fits = not sign or (value <= limit if sign == "<=" else value >= limit)
                missed += not fits
                target = f"  target {sign} {limit}{'' if fits else '  MISSED'}" if sign else ""
                print(f"{mode:14} {name:24} {value:12.1f}{target}", flush=True)
            if mode == "throughput":
                count = next(float(value) for name, value in figures if name.startswith("invocations"))
                print(f"{mode:14} {'cpu-us-per-invocation':24} {cpu / (count * 5 + 6400) * 1e6:12.1f}")
    if missed:
        print(f"{missed} targets missed")


if __name__ == "__main__":
    main()
