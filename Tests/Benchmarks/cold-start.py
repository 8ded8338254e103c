#!/usr/bin/env python3
"""Measures how soon Portico is ready, and how soon a function answers after it was published.

    cold-start.py BINARY [COUNT]

`ready`: from the start of the program with an empty state folder to its line `ready`.
`cold start`: from the first Invoke of a function that has just become active, with a booted blank worker
waiting, to its answer. `from nothing`: the same with no worker waiting, which includes booting the runtime.
Everything listens on loopback on free ports, in a temporary folder.
"""
import base64, http.client, io, json, os, pathlib, signal, statistics, subprocess, sys, tempfile, time
import zipfile

TARGETS = {"ready": 150.0, "cold start": 20.0}
CODE = {
    "nodejs20.x": ("index.js", "exports.handler = async (event) => event;\n", "index.handler"),
    "python3.12": ("app.py", "def handler(event, context):\n    return event\n", "app.handler"),
}
TEMPLATE = """Resources:
  Warm:
    Type: AWS::Serverless::Function
    Properties: { Runtime: RUNTIME, Handler: HANDLER, CodeUri: ./code }
"""


class Portico:
    """One running program in a folder of its own."""

    def __init__(self, binary, folder, runtime):
        name, code, handler = CODE[runtime]
        folder.mkdir()
        (folder / "code").mkdir()
        (folder / "code" / name).write_text(code)
        template = TEMPLATE.replace("RUNTIME", runtime).replace("HANDLER", handler)
        (folder / "template.yaml").write_text(template)
        arguments = [binary, "up", "--https-port", "0", "--http-port", "0", "--api-port", "0",
                     "--reactors", "1"]
        started = time.perf_counter()
        self.process = subprocess.Popen(arguments, cwd=folder, stdout=subprocess.PIPE,
                                        stderr=open(folder / "log", "w"), text=True)
        self.port = None
        for line in self.process.stdout:
            if line.startswith("https ") and " api " in line:
                self.port = int(line.split(" api ")[1].split()[0])
            if line.strip() == "ready":
                break
        else:
            sys.exit("portico did not start: " + (folder / "log").read_text())
        self.ready = (time.perf_counter() - started) * 1000
        self.client = http.client.HTTPConnection("127.0.0.1", self.port)

    def request(self, method, path, body=None):
        self.client.request(method, path, body, {"Content-Type": "application/json"})
        answer = self.client.getresponse()
        return answer.status, answer.read()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def archive(runtime, number):
    name, code, _ = CODE[runtime]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        mark = "//" if name.endswith("js") else "#"
        file.writestr(name, code + f"{mark} {number}\n")
    return base64.b64encode(buffer.getvalue()).decode()


def cold_starts(portico, runtime, count, pause):
    times = []
    for number in range(count):
        name = f"cold-{runtime.split('.')[0]}-{pause}-{number}".replace(".", "-")
        time.sleep(pause)
        status, body = portico.request("POST", "/2015-03-31/functions", json.dumps({
            "FunctionName": name, "Runtime": runtime, "Handler": CODE[runtime][2],
            "Role": "arn:aws:iam::123456789012:role/any", "Timeout": 10,
            "Code": {"ZipFile": archive(runtime, number)}, "Publish": True}))
        if status != 201:
            sys.exit(f"CreateFunction answered {status}: {body[:300]!r}")
        for _ in range(200):
            started = time.perf_counter()
            path = f"/2015-03-31/functions/{name}/invocations?Qualifier=1"
            status, body = portico.request("POST", path, b"[1]")
            took = (time.perf_counter() - started) * 1000
            if status not in (404, 409):
                break
            time.sleep(0.01)
        if (status, json.loads(body)) != (200, [1]):
            sys.exit(f"Invoke answered {status}: {body[:300]!r}")
        times.append(took)
    return times


def show(what, times):
    ordered = sorted(times)
    median = statistics.median(ordered)
    target = next((f", target {limit:.0f}" for name, limit in TARGETS.items() if what.startswith(name)), "")
    print(f"{what:32} median {median:7.1f} ms  min {ordered[0]:7.1f}  max {ordered[-1]:7.1f}  "
          f"({len(ordered)} runs{target})", flush=True)


def main():
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 21
    with tempfile.TemporaryDirectory() as root:
        for runtime in CODE:
            folder = pathlib.Path(root)
            ready = []
            for number in range(min(count, 7)):
                portico = Portico(binary, folder / f"{runtime}-{number}", runtime)
                ready.append(portico.ready)
                if number < min(count, 7) - 1:
                    portico.close()
            show(f"ready, {runtime}", ready)
            show(f"cold start, {runtime}", cold_starts(portico, runtime, count, 0.6))
            show(f"from nothing, {runtime}", cold_starts(portico, runtime, count, 0.0)[3:])
            portico.close()


main()
