#!/usr/bin/env python3
"""A thousand edges on primaries: how fast, and at what price, a revision reaches all of them.

    feed-scale.py path/to/FeedSim [--edges N] [--revisions N] [--store URL]

With --store (postgres://...) two primaries share it; else there is one with the embedded store. The edges are
clients without a data plane and without state on disk in one process, over real mTLS connections; build with
`PORTICO_DEV=1 PORTICO_MODULES=Replication swift build -c release --product FeedSim`. Prints propagation from the
commit's acknowledgement to the swap (median and p99 over all edges and revisions), and what primaries and edges
spend. Primaries and edges share this machine's cores, so the last edge waits for the CPU of all others.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time


def memory(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024


def wire(port):
    """Bytes sent and received on the open connections of a feed port, as TCP counts them."""
    text = subprocess.run(["ss", "-tinH", f"sport = :{port}"], check=True, capture_output=True, text=True).stdout
    return [sum(int(number) for number in re.findall(rf"{name}:(\d+)", text)) for name in ("bytes_sent", "bytes_received")]


class Program:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stdout:
            if line.startswith("feed "):
                self.port = int(line.split()[1])
            if line.strip() == "ready":
                return
        raise SystemExit(f"{arguments} ended")

    def ask(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("simulator")
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--revisions", type=int, default=100)
    parser.add_argument("--store")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two revisions")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-scale-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    programs = []
    try:
        store = [options.store] if options.store else []
        for number in range(2 if store else 1):
            programs.append(Program(
                options.simulator, "primary", str(folder / f"primary{number}"), str(folder / f"authority{number}"), *store))
        primaries = list(programs)
        urls = ",".join(f"https://127.0.0.1:{primary.port}" for primary in primaries)
        began = time.monotonic()
        edges = Program(
            options.simulator, "edges", str(folder / "edges"), str(folder / "authority0"), str(options.edges), urls)
        programs.append(edges)
        edges.ask(f"wait {primaries[0].ask('head')}")
        print(f"{options.edges} edges on {len(primaries)} primaries enrolled and follow after {time.monotonic() - began:.1f} s")
        time.sleep(3)
        began, idle = time.monotonic(), [primary.ask("usage") for primary in primaries]
        time.sleep(10)
        span = time.monotonic() - began
        idle = [(primary.ask("usage") - used) / span for primary, used in zip(primaries, idle)]
        before = [(primary.ask("usage"), *wire(primary.port)) for primary in primaries]
        edges_before, began = edges.ask("usage"), time.monotonic()
        lags = []
        for number in range(options.revisions):
            revision, acknowledged = primaries[number % len(primaries)].ask("publish")
            lags += [max(0, instant - acknowledged) * 1000 for instant in edges.ask(f"wait {revision}")]
            time.sleep(options.pause)
        while any(primary.ask("applied") < revision for primary in primaries):
            time.sleep(0.01)
        span = time.monotonic() - began
        lags.sort()
        print(f"{options.revisions} revisions in {span:.1f} s: propagation median {lags[len(lags) // 2]:.1f} ms, "
              f"p99 {lags[int(len(lags) * .99)]:.1f} ms, last {lags[-1]:.1f} ms; 1 minute load {os.getloadavg()[0]:.1f}")
        for primary, (used, out, back), quiet in zip(primaries, before, idle):
            cost = primary.ask("usage") - used
            sent, received = wire(primary.port)
            share = options.revisions * options.edges / len(primaries)
            print(f"primary: CPU {cost:.2f} s ({cost / share * 1e6:.0f} µs per revision and edge; idle "
                  f"{quiet * 100:.1f} % of a core), memory at most {memory(primary.process.pid):.0f} MB, wire "
                  f"{(sent - out) / 1e6:.1f} MB out and {(received - back) / 1e6:.1f} MB in "
                  f"({(sent - out) / share:.0f} and {(received - back) / share:.0f} bytes per revision and edge)")
        print(f"edges: CPU {edges.ask('usage') - edges_before:.1f} s, memory {memory(edges.process.pid):.0f} MB")
    finally:
        for program in programs:
            program.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
