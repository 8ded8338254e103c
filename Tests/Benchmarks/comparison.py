#!/usr/bin/env python3
"""One table: Portico beside nginx, HAProxy, Envoy, Caddy and Varnish, case by case, in one run.

usage: comparison.py BINARY [--seconds S] [--rounds N] [--cases NAME,NAME]

For each case and peer: CPU microseconds of the proxy per request (median of the rounds), requests per second at
full load, milliseconds p50 and p99 at a fixed load of 1,000 requests per second (HTTP cases), resident memory
after the load. The last column is Portico's CPU beside that of the best peer. One worker, thread or reactor each;
a peer that is not installed is left out and said to be.
"""
import pathlib, re, socket, ssl, subprocess, sys, time

from peers import proxies
from sidebyside import (BODY, CACHING_OPTIMIZED, Stage, arguments, cpu_seconds, family, h2load,
                        raise_file_limit, wrk)

FIXED_RATE = 1000
FIXED_CONNECTIONS = 20
IDLE = 10_000
# One source address has some 28,000 ports.
PER_ADDRESS = 5000


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def answered(port, seconds, *more):
    """Requests of h2load; every one has to be answered with 2xx."""
    good, failed, text = h2load(port, seconds, *more)
    if failed:
        sys.exit(f"port {port}: {text}")
    return good


def http2(port, seconds):
    return answered(port, seconds, "-c2", "-m100")


def fixed(port, seconds, folder, more):
    """Latency at a fixed rate: (p50, p99) in milliseconds."""
    log = pathlib.Path(folder) / f"latency-{port}"
    log.unlink(missing_ok=True)
    answered(port, seconds, f"-c{FIXED_CONNECTIONS}", f"--rps={FIXED_RATE // FIXED_CONNECTIONS}",
             f"--log-file={log}", *more)
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    return times[len(times) // 2] / 1000, times[len(times) * 99 // 100] / 1000


def handshakes(resumes):
    """TLS 1.3 handshakes, one after the other; full ones, or resumed with the ticket of the first.

    Every one is checked to be of its kind: a client that can't resume would measure full ones.
    """

    def load(port, seconds):
        context = ssl._create_unverified_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        ticket = None
        if resumes:
            with connected(context, port) as first:
                # The ticket comes behind the handshake, before the answer.
                first.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                first.recv(65536)
                ticket = first.session
        made, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            with connected(context, port, ticket) as one:
                if one.session_reused != resumes:
                    sys.exit(f"port {port}: a handshake was {'not ' if resumes else ''}resumed")
            made += 1
        return made

    return load


def connected(context, port, ticket=None):
    """A connection that has made its handshake for `localhost`."""
    raw = socket.create_connection(("127.0.0.1", port), 30)
    return context.wrap_socket(raw, server_hostname="localhost", session=ticket)


def post(folder):
    script = pathlib.Path(folder) / "post.lua"
    script.write_text("wrk.method = 'POST'\nwrk.body = string.rep('x', 65536)\n")

    def load(port, seconds):
        text = run(["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", script,
                    f"https://localhost:{port}/"], check=True).stdout
        if "Non-2xx" in text:
            sys.exit(f"port {port}: {text}")
        return int(re.search(r"(\d+) requests in", text).group(1))

    return load


class Idle:
    """Connections that have served one request and are then left alone."""

    def __init__(self, port, count):
        context = ssl._create_unverified_context()
        self.held = []
        for number in range(count):
            raw = socket.create_connection(
                ("127.0.0.1", port), 30, (f"127.0.0.{2 + number // PER_ADDRESS}", 0))
            # The request would wait for the peer's delayed answer to the end of the handshake.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one = context.wrap_socket(raw, server_hostname="localhost")
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            one.recv(65536)
            self.held.append(one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.held:
            one.close()


def mostly_idle(port, seconds):
    return answered(port, seconds, "--h1", f"-c{FIXED_CONNECTIONS}",
                    f"--rps={FIXED_RATE // FIXED_CONNECTIONS}")


def resident(pid):
    """MiB of a process and its children."""
    total = 0
    for member in {one for root in (pid if isinstance(pid, tuple) else (pid,)) for one in family(root)}:
        for line in pathlib.Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1024
    return total


def caches(stage, binary, size):
    origin = stage.origin(size, headers="add_header Cache-Control max-age=86400;")
    return [
        *stage.cache_peers(origin),
        ("Portico", *stage.portico(binary, origin, policy=CACHING_OPTIMIZED)),
    ]


class Case:
    """A load, who takes it, and whether latency at a fixed rate is looked at."""

    def __init__(self, title, load, size=BODY, cached=False, latency=None, idle=0):
        self.title, self.load, self.size, self.cached = title, load, size, cached
        self.latency, self.idle = latency, idle

    def players(self, stage, binary):
        if self.cached:
            return caches(stage, binary, self.size)
        return proxies(stage, binary, stage.origin(self.size), {})


def cases(folder):
    h1 = ["--h1"]
    return {
        "h1": Case("TLS HTTP/1.1 keep-alive, 1 KiB", wrk, latency=h1),
        "h2": Case("TLS HTTP/2, 100 streams, 1 KiB", http2, latency=[]),
        "handshake": Case("full TLS handshake", handshakes(False)),
        "resumed": Case("resumed TLS handshake", handshakes(True)),
        "large": Case("1 MiB bodies", wrk, size=1 << 20),
        "hit": Case("cache hit, 1 KiB", wrk, cached=True, latency=h1),
        "large-hit": Case("cache hit, 1 MiB", wrk, size=1 << 20, cached=True),
        "idle": Case(f"{IDLE} idle connections, {FIXED_RATE} requests/s", mostly_idle, latency=h1, idle=IDLE),
        "post": Case("POST of 64 KiB", post(folder)),
    }


def take(case, players, stage, rounds, seconds):
    """Rows of one case: (name, CPU µs, requests/s, p50, p99, MiB)."""
    taken = {name: [] for name, _, _ in players}
    rate = {}
    latency = {}
    for name, pid, port in players:
        with Idle(port, case.idle):
            case.load(port, 1)
            for _ in range(rounds if case.idle else 0):
                measure(case, name, pid, port, seconds, taken, rate)
            if case.latency is not None:
                latency[name] = fixed(port, max(2, seconds // 2), stage.folder, case.latency)
    for _ in range(0 if case.idle else rounds):
        for name, pid, port in players:
            measure(case, name, pid, port, seconds, taken, rate)
    for name, pid, _ in players:
        costs = sorted(taken[name])
        yield name, costs[len(costs) // 2], max(rate[name]), latency.get(name), resident(pid)


def measure(case, name, pid, port, seconds, taken, rate):
    before, began = cpu_seconds(pid), time.monotonic()
    requests = case.load(port, seconds)
    taken[name].append((cpu_seconds(pid) - before) / requests * 1e6)
    rate.setdefault(name, []).append(requests / (time.monotonic() - began))


def main():
    parser = arguments(seconds=5)
    parser.add_argument("--cases", default="h1,h2,handshake,resumed,large,hit,large-hit,idle,post")
    options = parser.parse_args()
    raise_file_limit()
    print("| case | proxy | CPU µs/request | requests/s | p50 ms | p99 ms | MiB | to the best peer |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in options.cases.split(","):
        with Stage("comparison") as stage:
            case = cases(stage.folder)[name]
            players = case.players(stage, options.binary)
            rows = list(take(case, players, stage, options.rounds, options.seconds))
        best = min(row[1] for row in rows if row[0] != "Portico")
        for who, cost, rate, latency, memory in rows:
            p50, p99 = (f"{value:.2f}" for value in latency) if latency else ("", "")
            ratio = f"**{cost / best:.2f}**" if who == "Portico" else f"{cost / best:.2f}"
            print(f"| {case.title} | {who} | {cost:.1f} | {rate:.0f} | {p50} | {p99} | {memory:.0f} | {ratio} |",
                  flush=True)


if __name__ == "__main__":
    main()
