#!/usr/bin/env python3
"""A thousand edges on one or two primaries: how fast, and at what price, a revision reaches all of them.

    feed-scale.py path/to/portico path/to/FeedSim [--edges N] [--revisions N] [--store URL]

Two primaries need a store that both can use: give it with --store; else one primary is measured. The
edges are clients without a data plane in one process, over real mTLS connections (build it with
`PORTICO_DEV=1 swift build -c release --product FeedSim`). Publishes through the AWS API and prints
propagation from the call's acknowledgement (median and p99 over all edges and revisions), CPU, memory and
bytes of the primaries.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Replication"))
import agent  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, name="VmHWM"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024


def wire(port):
    """Bytes sent and received on the open connections of a feed port, as TCP counts them."""
    text = subprocess.run(["ss", "-tinH", f"sport = :{port}"], check=True, capture_output=True, text=True).stdout
    return [sum(int(number) for number in re.findall(rf"{name}:(\d+)", text)) for name in ("bytes_sent", "bytes_received")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("portico")
    parser.add_argument("simulator")
    parser.add_argument("--edges", type=int, default=1000)
    parser.add_argument("--revisions", type=int, default=100)
    parser.add_argument("--store")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two revisions")
    options = parser.parse_args()
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-scale-", dir=base))
    primaries, simulator = [], None
    try:
        for number in range(2 if options.store else 1):
            arguments = [options.portico, "registry", "--listen", "127.0.0.1:0", "--api-port", "0", "--reactors", "1",
                         "--state", str(folder / f"primary{number}"), "--authority", str(folder / "authority")]
            if options.store:
                arguments += ["--store", options.store]
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            ports = {}
            for line in process.stdout:
                words = line.split()
                if words[:1] == ["feed"]:
                    ports = {words[i]: int(words[i + 1]) for i in range(0, len(words) - 1, 2)}
                if line.strip() == "ready":
                    break
            primaries.append((process, ports))
        urls = ",".join(f"https://127.0.0.1:{ports['feed']}" for _, ports in primaries)
        began = time.monotonic()
        simulator = subprocess.Popen(
            [options.simulator, str(folder / "authority"), str(folder / "edges"), str(options.edges), urls],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert simulator.stdout.readline().strip() == "ready", "the simulator ended"

        def ask(text):
            simulator.stdin.write(text + "\n")
            simulator.stdin.flush()
            return json.loads(simulator.stdout.readline())

        def revision():
            return json.loads(agent.page(primaries[0][1]["api"], "GET", "/_portico/health")["text"])["revision"]

        ask(f"wait {revision()}")
        print(f"{options.edges} edges enrolled and follow after {time.monotonic() - began:.1f} s")
        lambda_, _ = agent.clients(primaries[0][1]["api"])
        lambda_.create_function(FunctionName="scale", Runtime="nodejs22.x", Role=agent.ROLE, Handler="index.handler",
                                Code={"ZipFile": agent.bundle(1, 100)}, Publish=True)
        ask(f"wait {revision()}")
        time.sleep(2)
        idle_began, idle = time.monotonic(), [cpu(process.pid) for process, _ in primaries]
        time.sleep(10)
        span = time.monotonic() - idle_began
        idle = [(cpu(process.pid) - before) / span for (process, _), before in zip(primaries, idle)]
        before = [(cpu(process.pid), wire(ports["feed"])) for process, ports in primaries]
        edges_before, began = ask("usage"), time.monotonic()
        lags = []
        for number in range(options.revisions):
            lambda_, _ = agent.clients(primaries[number % len(primaries)][1]["api"])
            lambda_.put_function_concurrency(FunctionName="scale", ReservedConcurrentExecutions=1 + number % 50)
            acknowledged = time.monotonic()
            instants = ask(f"wait {revision()}")
            lags += [max(0, instant - acknowledged) * 1000 for instant in instants]
            time.sleep(options.pause)
        span = time.monotonic() - began
        lags.sort()
        print(f"{options.revisions} revisions in {span:.1f} s: propagation median {lags[len(lags) // 2]:.1f} ms, "
              f"p99 {lags[int(len(lags) * .99)]:.1f} ms, last edge at most {lags[-1]:.1f} ms")
        for (process, ports), (used, (out, back)), quiet in zip(primaries, before, idle):
            cost = cpu(process.pid) - used
            sent, received = wire(ports["feed"])
            share = options.revisions * options.edges / len(primaries)
            print(f"primary: CPU {cost:.2f} s ({cost / share * 1e6:.0f} µs per revision and edge; idle "
                  f"{quiet * 100:.1f} % of a core), memory at most {memory(process.pid):.0f} MB, wire "
                  f"{(sent - out) / 1e6:.1f} MB out and {(received - back) / 1e6:.1f} MB in "
                  f"({(sent - out) / share:.0f} and {(received - back) / share:.0f} bytes per revision and edge)")
        print(f"edges: CPU {ask('usage') - edges_before:.1f} s, memory {memory(simulator.pid):.0f} MB")
    finally:
        if simulator:
            simulator.kill()
            simulator.wait()
        for process, _ in primaries:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
