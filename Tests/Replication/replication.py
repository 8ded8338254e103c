#!/usr/bin/env python3
"""Primaries and three edges as separate processes under load: publishing, then faults.

    replication.py path/to/portico [--postgres] [--smoke] [--versions N] [--size BYTES] [--pause SECONDS]
                   [--rest SECONDS] [--only NAME[,NAME]]

With --postgres two primaries share a PostgreSQL, which the script starts as a user that is not root, on a
socket in its temporary folder; else there is one primary with the embedded store.

As root every node gets a network namespace of its own, joined by a bridge in one more namespace; else all
run on loopback and the fault that cuts a link is left out. Intervals are settings and are shortened here.
Everything lives in a temporary folder and ends with the script. Exits with 1 when a promise is broken: a
request failed, an answer was neither the old version nor the new one, an edge did not converge.
"""
import argparse
import importlib.util
import json
import os
import pathlib
import pwd
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TIMES = ["--heartbeat", "0.2", "--silence", "3", "--compare-every", "1", "--longest-retry", "0.5"]
EDGES = ["iad", "fra", "nrt"]
CLIENTS = 2


def interpreter():
    """A Python that has boto3: this one, or the one that scripts/install-dependencies makes."""
    own = HERE.parent.parent / ".venv/bin/python3"
    if importlib.util.find_spec("boto3") is None and own.exists():
        return str(own)
    return sys.executable


class Broken(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Broken(text)


class Network:
    """Namespaces of this run; without the right to make them, everything is on loopback."""

    def __init__(self, wanted):
        self.tag = f"pr{os.getpid()}"
        self.made = []
        self.isolated = wanted and os.geteuid() == 0 and shutil.which("ip") is not None
        if self.isolated:
            try:
                self.add("hub")
                self.ip("-n", self.name("hub"), "link", "add", "br0", "type", "bridge")
                self.ip("-n", self.name("hub"), "link", "set", "br0", "up")
            except subprocess.CalledProcessError:
                self.close()
                self.isolated = False

    def name(self, node):
        return f"{self.tag}{node}"

    def ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    def add(self, node):
        self.ip("netns", "add", self.name(node))
        self.made.append(self.name(node))
        self.ip("-n", self.name(node), "link", "set", "lo", "up")

    def join(self, node, number):
        """Gives a node its namespace; returns its address."""
        if not self.isolated:
            return "127.0.0.1"
        self.add(node)
        hub, own = self.name("hub"), self.name(node)
        self.ip("-n", hub, "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", own)
        self.ip("-n", hub, "link", "set", f"v{number}", "master", "br0", "up")
        self.ip("-n", own, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
        self.ip("-n", own, "link", "set", "eth0", "up")
        return f"10.77.0.{number}"

    def link(self, number, up):
        # At the bridge's end: the node itself sees nothing but silence.
        self.ip("-n", self.name("hub"), "link", "set", f"v{number}", "up" if up else "down")

    def inside(self, node):
        return ["ip", "netns", "exec", self.name(node)] if self.isolated else []

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


class Node:
    """A portico process with its agent."""

    def __init__(self, stage, name, number):
        self.stage, self.name, self.number = stage, name, number
        self.address = stage.network.join(name, number)
        self.state = stage.folder / name
        self.process, self.ports, self.token = None, {}, None
        self.agent = subprocess.Popen(
            stage.network.inside(name) + [interpreter(), str(HERE / "agent.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do, **members):
        self.agent.stdin.write(json.dumps({"do": do, **members}) + "\n")
        self.agent.stdin.flush()
        line = self.agent.stdout.readline()
        check(line, f"the agent of {self.name} has ended")
        answer = json.loads(line)
        check("failure" not in answer, f"{self.name}: {do}: {answer.get('failure')}")
        return answer["value"]

    def start(self, arguments, environment=None, waits=True):
        log = open(self.stage.folder / f"{self.name}.log", "ab")
        self.process = subprocess.Popen(
            self.stage.network.inside(self.name) + [self.stage.portico, *arguments, "--state", str(self.state)],
            stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.stage.folder,
            env={**os.environ, **(environment or {})})
        if not waits:
            return
        for line in self.process.stdout:
            words = line.split()
            if words[:1] in (["https"], ["feed"]):
                self.ports.update({words[i]: int(words[i + 1]) for i in range(0, len(words) - 1, 2)})
            if line.strip() == "ready":
                return
        raise Broken(f"{self.name} ended with {self.process.wait()} before it was ready: {self.stage.tail(self.name)}")

    def kill(self, number=signal.SIGKILL):
        # `ip netns exec` replaces itself with the program: the process is the node.
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait()

    def page(self, path, method="GET"):
        return self.ask("page", port=self.ports["api"], path=path, method=method)

    def health(self):
        return json.loads(self.page("/_portico/health")["text"])


class Database:
    """A PostgreSQL of this run, on a socket only."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-pg-", dir="/tmp"))
        programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        check(programs, "no PostgreSQL is installed: scripts/install-dependencies test")
        self.programs = programs[-1].parent
        self.user = []
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self.user = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--"]
        self.url = f"postgres://portico@/portico?host={self.folder}"
        self.process = None
        self.run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "portico", "-E", "UTF8", "--no-locale")
        self.start()
        self.run("createdb", "-h", str(self.folder), "-U", "portico", "portico")

    def run(self, program, *arguments):
        subprocess.run([*self.user, str(self.programs / program), *arguments], check=True, capture_output=True, cwd="/tmp")

    def start(self):
        self.process = subprocess.Popen(
            [*self.user, str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-h", ""],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp")
        deadline = time.monotonic() + 60
        while subprocess.run([str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-U", "portico"]).returncode:
            check(time.monotonic() < deadline and self.process.poll() is None, "PostgreSQL does not start")
            time.sleep(0.05)

    def kill(self):
        """Ends the server and every process of it as a power cut would."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        self.process.kill()
        self.process.wait()
        for pid in children.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Stage:
    def __init__(self, options):
        self.options = options
        self.portico = str(pathlib.Path(options.portico).resolve())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-replication-"))
        self.network = Network(not options.loopback)
        self.nodes, self.version, self.distribution = [], 0, None
        self.mounts = []
        self.database = Database() if options.postgres else None
        self.turn = 0

    def tail(self, name):
        path = self.folder / f"{name}.log"
        if not path.exists():
            return ""
        lines = path.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith("[")][-12:])

    def add(self, name):
        node = Node(self, name, len(self.nodes) + 1)
        self.nodes.append(node)
        return node

    def start_registry(self, node, environment=None):
        port = node.ports.get("feed", 0)
        node.start(["registry", "--listen", f"{node.address}:{port}", "--api-port", str(node.ports.get("api", 0)),
                    "--replica-removal-delay", "0.5",
                    *(["--store", self.database.url] if self.database else []), *TIMES], environment)

    def start_edge(self, node, environment=None, waits=True):
        urls = [f"https://{registry.address}:{registry.ports['feed']}" for registry in self.registries]
        arguments = ["edge", "--primary", ",".join(urls),
                     "--name", node.name, "--bind", "127.0.0.1", "--reactors", "1", *TIMES]
        for flag, name in (("--https-port", "https"), ("--http-port", "http"), ("--api-port", "api")):
            arguments += [flag, str(node.ports.get(name, 0))]
        if not (node.state / "identity" / "member.pem").exists():
            arguments += ["--token", node.token or self.token(node.name)]
        node.start(arguments, environment, waits)

    def token(self, name):
        return self.run("join-token", "--name", name, "--state", str(self.registry.state)).strip()

    def run(self, *arguments):
        return subprocess.run([self.portico, *arguments], check=True, capture_output=True, text=True).stdout

    def up(self):
        self.registries = [self.add(name) for name in (["one", "two"] if self.database else ["one"])]
        self.registry = self.registries[0]
        for registry in self.registries:
            self.start_registry(registry)
        self.edges = [self.add(name) for name in EDGES]
        self.publish(self.options.size)
        for edge in self.edges:
            self.start_edge(edge)
        self.host = self.distribution.lower() + ".cloudfront.localhost"
        self.deployed()

    def next_registry(self):
        """Every primary in turn."""
        self.turn += 1
        return self.registries[self.turn % len(self.registries)]

    # What is done to them

    def publish(self, size=None):
        self.version += 1
        registry = self.next_registry()
        answer = registry.ask(
            "publish", port=registry.ports["api"], version=self.version,
            size=size or 1000, distribution=self.distribution)
        self.distribution = self.distribution or answer["distribution"]
        return answer

    def deployed(self):
        for registry in self.registries:
            registry.ask("deployed", port=registry.ports["api"], distribution=self.distribution)

    def load(self, edges=None):
        for edge in edges or self.edges:
            edge.ask("load", port=edge.ports["http"], host=self.host, clients=CLIENTS,
                     pause=self.options.pause)

    def unload(self, edges=None, allowed=None):
        """Ends the load; every answer must have been one of the versions allowed, in their order."""
        total = 0
        for edge in edges or self.edges:
            seen = edge.ask("unload")
            check(not seen["failures"], f"{edge.name}: {seen['failures'][:3]}")
            names = {f"v{number}" for number in allowed}
            check(set(seen["counts"]) <= names, f"{edge.name} answered {set(seen['counts'])}, not of {names}")
            check(seen["requests"] > 0, f"{edge.name} answered nothing")
            check(seen["pop"].startswith(edge.name.upper()), f"x-amz-cf-pop is '{seen['pop']}' at {edge.name}")
            total += seen["requests"]
        return total

    def wait_served(self, version, edges=None, limit=30):
        """Until every edge has answered with a version; returns when each first did."""
        deadline = time.monotonic() + limit
        first = {}
        for edge in edges or self.edges:
            while True:
                seen = edge.ask("seen")
                if f"v{version}" in seen["first"]:
                    first[edge.name] = seen["first"][f"v{version}"]
                    break
                check(time.monotonic() < deadline,
                      f"{edge.name} does not serve v{version}: {edge.health()} {self.tail(edge.name)}")
                time.sleep(0.02)
        return first

    def converged(self, edges=None, limit=30):
        deadline = time.monotonic() + limit
        while True:
            try:
                wanted = max(registry.health()["revision"] for registry in self.registries)
                states = [edge.health() for edge in edges or self.edges]
                if all(state["revision"] == wanted and not state["edges"][0].get("error") for state in states):
                    return wanted
            except Broken as broken:
                states = broken
            check(time.monotonic() < deadline, f"the edges do not converge: {states}")
            time.sleep(0.05)

    def served(self, edge):
        return edge.ask("once", port=edge.ports["http"], host=self.host)

    def close(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.terminate()
        for node in self.nodes:
            node.agent.stdin.close()
            node.agent.wait()
            if node.process:
                try:
                    node.process.wait(15)
                except subprocess.TimeoutExpired:
                    node.kill()
        for mount in self.mounts:
            subprocess.run(["umount", str(mount)], capture_output=True)
        self.network.close()
        if self.database:
            self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- What must hold ----

def publishing(stage):
    """Versions under load: no request fails, each answer is the old or the new version; propagation."""
    stage.load()
    first_version = stage.version
    acknowledged, sent = [], []
    for _ in range(stage.options.versions):
        time.sleep(stage.options.rest)
        answer = stage.publish(stage.options.size)
        first = stage.wait_served(stage.version)
        last = max(first.values())
        acknowledged.append(max(0.0, last - answer["acknowledged"]) * 1000)
        sent.append((last - answer["sent"]) * 1000)
    stage.converged()
    total = stage.unload(allowed=range(first_version, stage.version + 1))
    stage.deployed()
    def figures(values):
        values = sorted(values)
        return f"median {statistics.median(values):.1f} ms, p99 {values[min(len(values) - 1, int(len(values) * .99))]:.1f} ms"
    print(f"  {stage.options.versions} versions of {stage.options.size} bytes under {total} requests: "
          f"acknowledged to served by three edges {figures(acknowledged)}; call sent to served {figures(sent)}")


def link(stage):
    """A link cut past every timeout and healed."""
    if not stage.network.isolated:
        return print("  left out: no namespaces")
    edge = stage.edges[0]
    stage.load()
    before = stage.version
    stage.network.link(edge.number, False)
    stage.publish()
    stage.wait_served(stage.version, stage.edges[1:])
    time.sleep(4)
    check(stage.served(edge)["text"] == f"v{before}", "the edge that is cut off does not serve what it had")
    for registry in stage.registries:
        deadline = time.monotonic() + 30
        while True:
            listed = {item["name"]: item for item in json.loads(registry.page("/_portico/edges")["text"])}
            if not listed[edge.name]["isLive"] and all(listed[other.name]["isLive"] for other in stage.edges[1:]):
                break
            check(time.monotonic() < deadline, f"{registry.name} does not tell who is cut off and who is not: {listed}")
            time.sleep(0.1)
    stage.deployed()
    stage.network.link(edge.number, True)
    stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=[before, stage.version])


def steps(stage):
    """kill -9 of an edge at each step of applying."""
    edge = stage.edges[1]
    others = [stage.edges[0], stage.edges[2]]
    for step in ["receiving", "received", "unpacking", "unpacked", "swapped", "recorded"]:
        edge.kill(signal.SIGTERM)
        stage.start_edge(edge, {"PORTICO_FAULT_POINT": step + (":2" if step in ("swapped", "recorded") else "")})
        stage.converged()
        before = stage.version
        stage.load(others)
        stage.publish(200_000)
        deadline = time.monotonic() + 20
        while edge.process.poll() is None:
            check(time.monotonic() < deadline, f"the edge passed the step {step} alive")
            time.sleep(0.02)
        check(edge.process.returncode == -signal.SIGKILL, f"{step}: ended with {edge.process.returncode}")
        stage.start_edge(edge)
        text = stage.served(edge)["text"]
        check(text in (f"v{before}", f"v{stage.version}"), f"{step}: after the restart it serves {text[:80]}")
        stage.wait_served(stage.version, others)
        stage.converged()
        check(stage.served(edge)["text"] == f"v{stage.version}", f"{step}: it does not converge")
        stage.unload(others, allowed=[before, stage.version])
        print(f"  {step}: recovered")


def interrupted(stage, registry, delay, act):
    """Publishes, does something to the one who takes it a moment later, and returns what the publisher was told."""
    agent = registry.agent
    agent.stdin.write(json.dumps({
        "do": "publish", "port": registry.ports["api"], "version": stage.version, "size": 300_000,
        "distribution": stage.distribution}) + "\n")
    agent.stdin.flush()
    time.sleep(delay)
    act()
    return json.loads(agent.stdout.readline())


def database(stage):
    """PostgreSQL killed in the middle of a transaction, and back after a while."""
    if not stage.database:
        return print("  left out: the embedded store has no server")
    stage.load()
    before = acknowledged = stage.version
    for delay in (0.0, 0.02, 0.05, 0.1):
        stage.version += 1
        answer = interrupted(stage, stage.next_registry(), delay, stage.database.kill)
        if "value" in answer:
            acknowledged = stage.version
        time.sleep(1)
        stage.database.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                stage.publish()
                break
            except Broken:
                check(time.monotonic() < deadline, "no primary publishes after the store came back")
                time.sleep(0.2)
        acknowledged = stage.version
        stage.wait_served(stage.version)
        stage.converged()
    stage.unload(allowed=range(before, stage.version + 1))


def primary(stage):
    """A primary killed in the middle of publishing."""
    stage.load()
    before = stage.version
    acknowledged = before
    for delay in (0.0, 0.01, 0.03, 0.1):
        stage.version += 1
        registry = stage.next_registry()
        answer = interrupted(stage, registry, delay, registry.kill)
        if len(stage.registries) > 1:
            # The other one serves meanwhile.
            stage.publish()
            acknowledged = stage.version
        stage.start_registry(registry)
        acknowledged = stage.version if "value" in answer else acknowledged
        if "value" in answer:
            stage.wait_served(stage.version)
        stage.converged()
        for edge in stage.edges:
            text = stage.served(edge)["text"]
            check(int(text[1:]) >= acknowledged, f"{edge.name} serves {text} after v{acknowledged} was acknowledged")
    stage.publish()
    stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=range(before, stage.version + 1))


def leader(stage):
    """One primary of a store polls event sources and fires schedules; when it is killed another does."""
    if len(stage.registries) < 2:
        return print("  left out: there is one primary")

    def leads(registry):
        text = (stage.folder / f"{registry.name}.log").read_text(errors="replace")
        gained, lost = text.rfind("this primary polls event sources"), text.rfind("another primary may poll event sources")
        return gained > lost and registry.name not in killed

    def only():
        deadline = time.monotonic() + 90
        while True:
            found = [registry for registry in stage.registries if leads(registry)]
            if len(found) == 1:
                return found[0]
            check(time.monotonic() < deadline, f"{len(found)} primaries lead")
            time.sleep(0.1)

    # What a killed primary wrote before says nothing of the one started in its place.
    killed = set()
    for registry in stage.registries:
        registry.kill(signal.SIGTERM)
        stage.start_registry(registry)
    first = only()
    first.kill()
    killed.add(first.name)
    second = only()
    check(second is not first, "a dead primary leads")
    stage.start_registry(first)
    stage.converged()


def disk(stage):
    """The disk of an edge is full, and has room again."""
    if os.geteuid() != 0:
        return print("  left out: no right to mount a file system")
    edge = stage.edges[2]
    edge.kill(signal.SIGTERM)
    kept = stage.folder / "kept"
    shutil.move(edge.state / "replica", kept)
    replica = edge.state / "replica"
    replica.mkdir()
    used = sum(path.stat().st_blocks * 512 for path in kept.rglob("*")) + (8 << 20)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used}", "tmpfs", str(replica)], check=True)
    stage.mounts.append(replica)
    shutil.copytree(kept, replica, dirs_exist_ok=True, ignore=shutil.ignore_patterns("archives"))
    stage.start_edge(edge)
    stage.converged()
    before = stage.version
    filler = replica / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    stage.load()
    stage.publish(1_000_000)
    stage.wait_served(stage.version, stage.edges[:2])
    deadline = time.monotonic() + 15
    while "space" not in (edge.health()["edges"][0].get("error") or ""):
        check(time.monotonic() < deadline, f"a full disk is not told: {edge.health()}")
        time.sleep(0.05)
    filler.unlink()
    stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=[before, stage.version])
    edge.kill(signal.SIGTERM)
    subprocess.run(["umount", str(replica)], check=True)
    stage.mounts.remove(replica)
    shutil.rmtree(kept)
    stage.start_edge(edge)
    stage.converged()


def state(stage):
    """A damaged state file of an edge."""
    edge = stage.edges[0]
    edge.kill()
    path = edge.state / "replica" / "state.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    stage.start_edge(edge)
    stage.converged()
    check(path.with_name("state.json.damaged").exists(), "the damaged state was not set aside")
    check(stage.served(edge)["text"] == f"v{stage.version}", "the edge does not serve")


def archive(stage):
    """An archive damaged at the primary is never served; once it is repaired the edges converge."""
    if stage.database:
        return print("  left out: the archive lies in a file of the embedded store only")
    stage.load()
    before = stage.version
    for edge in stage.edges:
        stage.registry.page(f"/_portico/chaos/edge/{edge.name}/lag?seconds=3600", "POST")
    stage.publish(50_000)
    blobs = sorted((stage.registry.state / "registry" / "blobs").iterdir(), key=lambda path: path.stat().st_mtime)
    blob = [path for path in blobs if path.is_file()][-1]
    content = blob.read_bytes()
    blob.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    for edge in stage.edges:
        stage.registry.page(f"/_portico/chaos/edge/{edge.name}/lag?seconds=0", "POST")
    deadline = time.monotonic() + 15
    while not all(edge.health()["edges"][0].get("error") for edge in stage.edges):
        check(time.monotonic() < deadline, "a damaged archive is not told")
        time.sleep(0.05)
    blob.write_bytes(content)
    stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=[before, stage.version])


def chaos(stage):
    """Faults on purpose are visible, and the distribution is InProgress while an edge lags."""
    edge = stage.edges[1]
    def run(*arguments):
        # An edge follows one of the primaries: the fault is brought over both.
        return "".join(subprocess.run(
            stage.network.inside(registry.name) + [stage.portico, *arguments, "--api-port", str(registry.ports["api"])],
            check=True, capture_output=True, text=True).stdout for registry in stage.registries)

    before = stage.version
    stage.load()
    # Numbers of versions are not those of attempts: some were interrupted.
    number = stage.publish()["arn"].rpartition(":")[2]
    stage.wait_served(stage.version)
    stage.converged()
    run("chaos", "edge", edge.name, "lag", "600s")
    check("lag" in run("edges"), "an injected lag is not shown")
    stage.publish()
    status = stage.registry.ask("status", port=stage.registry.ports["api"], distribution=stage.distribution)["status"]
    check(status == "InProgress", f"the distribution is {status} while an edge lags")
    refused = stage.registry.ask("delete", port=stage.registry.ports["api"], version=number)["error"]
    check("because it is a replicated function" in refused, f"the version in use by a late edge: {refused or 'deleted'}")
    run("chaos", "edge", edge.name, "lag", "0s")
    stage.deployed()
    stage.wait_served(stage.version)
    time.sleep(0.6)
    error = stage.registry.ask("delete", port=stage.registry.ports["api"], version=number)["error"]
    check(error == "", f"the version that nobody holds: {error}")
    run("chaos", "edge", edge.name, "partition", "2s")
    stage.publish()
    stage.wait_served(stage.version)
    run("chaos", "primary", "down", "2s")
    time.sleep(2.2)
    stage.publish()
    stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=range(before, stage.version + 1))
    run("chaos", "edge", edge.name, "kill")
    deadline = time.monotonic() + 10
    while edge.process.poll() is None:
        check(time.monotonic() < deadline, "the edge outlives chaos kill")
        time.sleep(0.02)
    stage.start_edge(edge)
    stage.converged()


def clock(stage):
    """The clock of an edge jumps by an hour forward, then back, while it runs."""
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        return print("  left out: no libfaketime")
    edge = stage.edges[2]
    edge.kill(signal.SIGTERM)
    offset = stage.folder / "offset"
    offset.write_text("+0")
    stage.start_edge(edge, {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
    stage.converged()
    before = stage.version
    stage.load()
    for jump in ("+3600", "-3600"):
        offset.write_text(jump)
        stage.publish()
        stage.wait_served(stage.version)
        stage.network.isolated and stage.network.link(edge.number, False)
        time.sleep(2)
        stage.network.isolated and stage.network.link(edge.number, True)
        stage.publish()
        stage.wait_served(stage.version)
    stage.converged()
    stage.unload(allowed=range(before, stage.version + 1))
    edge.kill(signal.SIGTERM)
    stage.start_edge(edge)
    stage.converged()


def alone(stage):
    """Primary and store gone for good: edges restart and serve from their own state, a new one from a file."""
    fresh = stage.add("gru")
    fresh.token = stage.token(fresh.name)
    file = str(stage.folder / "all.snapshot")
    store = ["--store", stage.database.url] if stage.database else []
    stage.run("snapshot", "save", file, "--state", str(stage.registry.state), *store)
    for registry in stage.registries:
        registry.kill()
        shutil.rmtree(registry.state)
    if stage.database:
        stage.database.kill()
    for edge in stage.edges:
        edge.kill()
        stage.start_edge(edge)
        check(stage.served(edge)["text"] == f"v{stage.version}", f"{edge.name} does not serve from its own state")
    stage.run("snapshot", "load", file, "--state", str(fresh.state))
    stage.start_edge(fresh)
    check(stage.served(fresh)["text"] == f"v{stage.version}", "a new edge does not serve from a snapshot file")


PARTS = [publishing, link, steps, primary, database, leader, disk, state, archive, clock, chaos, alone]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("portico")
    parser.add_argument("--smoke", action="store_true", help="publishing, state, chaos and alone only")
    parser.add_argument("--postgres", action="store_true", help="two primaries on a PostgreSQL of the script's own")
    parser.add_argument("--versions", type=int, default=20)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--pause", type=float, default=0.01,
                        help="seconds between two requests of one of the load's %d clients at each edge" % CLIENTS)
    parser.add_argument("--rest", type=float,
                        help="seconds between two versions, in which the edges boot workers for the next (1; smoke: 0)")
    parser.add_argument("--loopback", action="store_true", help="no namespaces")
    parser.add_argument("--only", help="names of parts, after commas")
    options = parser.parse_args()
    if options.rest is None:
        options.rest = 0 if options.smoke else 1
    if options.smoke:
        options.versions = min(options.versions, 3)
    names = options.only.split(",") if options.only else ["publishing", "state", "chaos", "alone"] if options.smoke else None
    # Whoever ends the script ends all that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    stage = Stage(options)
    try:
        stage.up()
        print(f"three edges follow {len(stage.registries)} primaries, {'in namespaces' if stage.network.isolated else 'on loopback'}")
        for part in PARTS:
            if names and part.__name__ not in names:
                continue
            print(f"{part.__name__}: {part.__doc__}", flush=True)
            began = time.monotonic()
            part(stage)
            print(f"  held, {time.monotonic() - began:.1f} s", flush=True)
    except Broken as error:
        print(f"BROKEN: {error}", file=sys.stderr)
        for node in stage.nodes:
            print(f"--- {node.name}\n{stage.tail(node.name)}", file=sys.stderr)
        sys.exit(1)
    finally:
        stage.close()


if __name__ == "__main__":
    main()
