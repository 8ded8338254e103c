#!/usr/bin/env python3
"""Memory per idle keep-alive TLS connection: each has served one request and is then left alone.

usage: idle-connections.py BINARY [--connections N] [--most KIB] [--smoke]

Opens N connections (default 10,000; --smoke 200), reads the node's memory from smaps_rollup before and
after, asks again on every one of them, closes them all and checks that descriptors are back at the start.
Fails when a connection is lost, when one costs more than --most KiB (default 30), or when anything is left.
"""
import argparse, concurrent.futures, http.server, os, pathlib, socket, ssl, sys, threading, time

from sidebyside import CACHING_OPTIMIZED, Stage, raise_file_limit

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
# One source address has some 28,000 ports; a new address every 5,000 connections is always enough.
PER_ADDRESS = 5000
# How many connections are opened at a time.
OPENING = 32
# After how many the time is looked at.
BATCH = 500


def memory(pid):
    """The private memory of a process, its share of shared pages, and what is resident; unit: KiB."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        fields[name] = int(value.split()[0])
    return {name: fields[name] for name in ("Rss", "Pss", "Private_Dirty")}


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(pid, level=None):
    """The descriptors once they are down at a level, or have not changed for a second."""
    last, since = descriptors(pid), time.monotonic()
    end = since + 15
    while time.monotonic() < end:
        time.sleep(0.02)
        now = descriptors(pid)
        if now != last:
            last, since = now, time.monotonic()
        if (level is not None and now <= level) or (level is None and time.monotonic() > since + 1):
            break
    return last


class Page(http.server.BaseHTTPRequestHandler):
    """A cacheable page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"x" * 100)

    def log_message(self, *_):
        pass


def ask(connection):
    connection.sendall(REQUEST)
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return False
        head += piece
    fields, body = head.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in fields.split(b"\r\n")
                  if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return False
        body += piece
    return fields.startswith(b"HTTP/1.1 200 ")


def connect(context, port, number):
    raw = socket.create_connection(
        ("127.0.0.1", port), 30, (f"127.0.0.{2 + number // PER_ADDRESS}", 0))
    return context.wrap_socket(raw, server_hostname="localhost")


def opened_one(context, port, number):
    """A connection that has served one request; None when it got no answer."""
    one = connect(context, port, number)
    return one if ask(one) else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int)
    parser.add_argument("--most", type=float)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    count = options.connections or (200 if options.smoke else 10_000)
    most = options.most or (float("inf") if options.smoke else 30)
    hard = raise_file_limit()
    if hard < count + 200:
        sys.exit(f"{count} connections need a limit of {count + 200} open files; here it is {hard}")
    context = ssl._create_unverified_context()
    with Stage("idle") as stage:
        origin = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=origin.serve_forever, daemon=True).start()
        pid, port = stage.portico(options.binary, origin.server_port, policy=CACHING_OPTIMIZED)
        # What is made once is made before the first reading.
        warm = [connect(context, port, 0) for _ in range(20)]
        if not all(ask(one) for one in warm):
            sys.exit("the first requests failed")
        for one in warm:
            one.close()
        level, before = settled(pid), memory(pid)
        started = time.monotonic()
        held, asked = [], started
        with concurrent.futures.ThreadPoolExecutor(OPENING) as pool:
            for first in range(0, count, BATCH):
                batch = range(first, min(first + BATCH, count))
                held += pool.map(lambda number: opened_one(context, port, number), batch)
                if None in held:
                    sys.exit("a connection got no answer")
                # On a slow machine the first must not grow too old while the last are opened.
                if time.monotonic() > asked + 20:
                    asked = time.monotonic()
                    if not all(pool.map(ask, held)):
                        sys.exit("a connection was lost while others were opened")
        opened = time.monotonic() - started
        # A connection gives its buffers back when it has been quiet for a second.
        time.sleep(3)
        after, open_now = memory(pid), descriptors(pid)
        with concurrent.futures.ThreadPoolExecutor(OPENING) as pool:
            lost = list(pool.map(ask, held)).count(False)
        for one in held:
            one.close()
        left = settled(pid, level)
        end = memory(pid)
    each = {name: (after[name] - before[name]) / count for name in before}
    print(f"{count} connections opened in {opened:.1f} s; {open_now} descriptors with them, "
          f"{left} after them, {level} before; {lost} lost")
    for name in before:
        print(f"{name:>14}: {before[name]:>8} KiB before {after[name]:>8} with {end[name]:>8} after: "
              f"{each[name]:.1f} KiB per connection")
    if lost or left > level or each["Pss"] > most:
        sys.exit("FAILED")


if __name__ == "__main__":
    main()
