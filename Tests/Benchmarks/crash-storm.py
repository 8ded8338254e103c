#!/usr/bin/env python3
"""Functions that crash in every way, ten thousand times, beside one that must not notice.

usage: crash-storm.py BINARY [--count N] [--smoke]

The functions exit, hang, allocate without end, fork children, write garbage to the transport, fill /tmp, close
their descriptors, answer twice and answer late. Meanwhile a witness calls another function: its 99th percentile
must stay within three times the quiet value (printed by --smoke, not judged: a few calls say little). At the
end no process, no descriptor and no file may be left.
"""
import argparse, http.client, json, os, pathlib, random, statistics, subprocess, sys, threading, time

from sidebyside import Stage, family

FAULTS = r'''
import os, signal, socket, struct, subprocess, sys, threading, time

def frame(kind, body):
    return struct.pack("<IB", len(body), kind) + body

def exits(event, context):
    os._exit(event["n"] % 3)

def hangs(event, context):
    time.sleep(3600)

def allocates(event, context):
    held = []
    while True:
        held.append(bytearray(8 << 20))

def forks(event, context):
    for number in range(4):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
            time.sleep(3600)
            os._exit(0)
    if event["n"] % 2:
        os._exit(1)
    return "forked"

def garbage(event, context):
    os.write(3, os.urandom(64) if event["n"] % 2 else b"\xff" * 64)
    time.sleep(3600)

def fills(event, context):
    taken = 0
    try:
        with open("/tmp/filled", "wb", 0) as file:
            while True:
                taken += file.write(bytes(4 << 20))
    except OSError as error:
        os._exit(1) if event["n"] % 2 else None
        return [taken, error.errno]

def closes(event, context):
    os.closerange(0, 64)
    time.sleep(3600)

def twice(event, context):
    os.write(3, frame(13, b'"first"'))
    return "second"

def late(event, context):
    def answer():
        time.sleep(0.3)
        for _ in range(200):
            os.write(3, frame(13, b'"late"'))
    if event["n"] % 2:
        threading.Thread(target=answer, daemon=True).start()
        return "early"
    time.sleep(1.5)
    return "late"
'''
WITNESS = "exports.handler = async (event) => event;\n"
# How many of ten thousand, and what an invocation may end in.
SHARES = {
    "exits": (2100, {"Runtime.ExitError"}),
    "hangs": (500, {"Sandbox.Timedout"}),
    "allocates": (500, {"Runtime.ExitError"}),
    "forks": (1500, {"Runtime.ExitError", None}),
    "garbage": (2000, {"Runtime.ExitError", "Sandbox.Timedout", None}),
    "fills": (200, {"Runtime.ExitError", "Sandbox.Timedout", None}),
    "closes": (1700, {"Runtime.ExitError"}),
    "twice": (1000, {None}),
    "late": (500, {"Sandbox.Timedout", "Runtime.ExitError", None}),
}
FUNCTION = """  {title}:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Runtime: {runtime}
      Handler: {handler}
      CodeUri: ./{folder}
      Timeout: {timeout}
      MemorySize: 128
"""


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def invoke(self, name, event):
        path = f"/2015-03-31/functions/{name}/invocations"
        self.connection.request("POST", path, json.dumps(event), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 429:
            return "throttled"
        if answer.status != 200:
            sys.exit(f"{name}: {answer.status} {body[:300]!r}")
        failed = answer.getheader("X-Amz-Function-Error")
        return json.loads(body).get("errorType", "?") if failed else None


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def witness(port):
    """Calls one function at a steady pace until the input ends; prints the times in milliseconds."""
    client, times, done = Client(port), [], threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    while not done.is_set():
        started = time.perf_counter()
        outcome = client.invoke("witness", {"n": len(times)})
        times.append((time.perf_counter() - started) * 1000)
        if outcome is not None:
            sys.exit(f"the witness got {outcome}")
        done.wait(0.004)
    json.dump(times, sys.stdout)


class Witness:
    """A process of its own, so that the storm's threads do not hold it up."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--witness", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        text, _ = self.process.communicate()
        if self.process.returncode:
            sys.exit("the witness has failed")
        return json.loads(text)


def start(stage, binary):
    folder = stage.folder / "storm"
    (folder / "faults").mkdir(parents=True)
    (folder / "witness").mkdir()
    (folder / "faults" / "app.py").write_text(FAULTS)
    (folder / "witness" / "index.js").write_text(WITNESS)
    text = "Resources:\n" + FUNCTION.format(
        title="Witness", name="witness", runtime="nodejs20.x", handler="index.handler", folder="witness",
        timeout=30)
    for name in SHARES:
        text += FUNCTION.format(title=name.capitalize(), name=name, runtime="python3.12",
                                handler=f"app.{name}", folder="faults",
                                timeout=1 if name in ("hangs", "late", "garbage") else 5)
    (folder / "template.yaml").write_text(text)
    arguments = [os.path.abspath(binary), "up", "--https-port", "0", "--http-port", "0", "--api-port", "0",
                 "--reactors", "2"]
    process = stage.start(arguments, cwd=folder, stdout=subprocess.PIPE,
                          stderr=open(folder / "log", "w"), text=True)
    port = None
    for line in process.stdout:
        if line.startswith("https ") and " api " in line:
            port = int(line.split(" api ")[1].split()[0])
        if line.strip() == "ready":
            return process, port
    sys.exit("portico did not start: " + (folder / "log").read_text())


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def may_mount():
    """Whether environments get a /tmp of their own here; else filling it would fill the machine's."""
    line = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    line = ["unshare", *line, "--mount", "--", "mount", "-t", "tmpfs", "storm", "/tmp"]
    return subprocess.run(line, capture_output=True).returncode == 0


def strays(own):
    """Processes of functions that no longer belong to the node: whose folder of code is the storm's."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"worker.py" in command and str(own).encode() in command:
            found.append(int(entry.name))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--witness", type=int, metavar="PORT", help="be the other function's client")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.witness:
        return witness(options.witness)
    count = 150 if options.smoke else options.count
    if not may_mount():
        print("no mounting here: /tmp is not filled")
        del SHARES["fills"]
    plan = [name for name, (share, _) in SHARES.items() for _ in range(max(3, share * count // 10_000))]
    random.Random(7).shuffle(plan)
    with Stage("storm") as stage:
        process, port = start(stage, options.binary)
        # A first round starts what stays.
        first = Client(port)
        for _ in range(100):
            first.invoke("witness", {})
        time.sleep(2)
        quiet = Witness(port)
        time.sleep(2 if options.smoke else 20)
        quiet = quiet.end()
        settled = descriptors(process.pid)

        during = Witness(port)
        outcomes, lock, place = {}, threading.Lock(), [0]

        def storm():
            client = Client(port)
            while True:
                with lock:
                    if place[0] == len(plan):
                        return
                    number = place[0]
                    place[0] += 1
                outcome = client.invoke(plan[number], {"n": number})
                with lock:
                    key = (plan[number], outcome)
                    outcomes[key] = outcomes.get(key, 0) + 1

        began = time.monotonic()
        workers = [threading.Thread(target=storm) for _ in range(24)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took = time.monotonic() - began
        during = during.end()

        problems = [f"{name} ended in {outcome}, {times} times"
                    for (name, outcome), times in outcomes.items() if outcome not in SHARES[name][1]]
        high = [percentile(times, 0.99) for times in (quiet, during)]
        print(f"{len(plan)} invocations in {took:.0f} s, {sum(outcomes.values())} ended")
        for (name, outcome), times in sorted(outcomes.items(), key=str):
            print(f"  {name:10} {outcome or 'answered':20} {times:6}")
        print(f"the witness's p99: quiet {high[0]:.2f} ms, in the storm {high[1]:.2f} ms, "
              f"ratio {high[1] / high[0]:.2f} (target 3), {len(quiet)} and {len(during)} calls")
        print(f"the witness's p50: quiet {statistics.median(quiet):.2f} ms, "
              f"in the storm {statistics.median(during):.2f} ms")
        after = descriptors(process.pid)
        # Warm environments may stay: each has a handful of descriptors in the node.
        living = len(family(process.pid)) - 1
        print(f"descriptors of the node: {settled} before, {after} after with {living} workers")
        if after > settled + 8 * living + 16:
            problems.append(f"{after} descriptors")
        process.terminate()
        process.wait(30)
        deadline = time.monotonic() + 5
        while strays(stage.folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = strays(stage.folder)
        if left:
            problems.append(f"{len(left)} processes are left: {left[:10]}")
            for pid in left:
                os.kill(pid, 9)
        leftover = [name for name in os.listdir("/tmp") if name == "filled"]
        if leftover:
            problems.append("a function wrote into the machine's /tmp")
            os.unlink("/tmp/filled")
        if problems:
            sys.exit("\n".join(problems))
        print("no process, descriptor or file is left")


if __name__ == "__main__":
    main()
