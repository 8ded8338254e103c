#!/usr/bin/env python3
"""CPU time per request of a TLS reverse proxy over HTTP/2, 1 KiB body: nginx, HAProxy and Portico.

usage: tls-h2.py BINARY [--rounds N] [--seconds S] [--connections N] [--streams N]

h2load keeps 100 streams open on each connection. Portico serves one distribution with managed policy
CachingDisabled, so that every request goes through the whole edge pipeline to the origin over HTTP/1.1. One
worker, thread or reactor each. Needs nginx, haproxy, h2load (Debian package nghttp2-client) and openssl.
"""
import argparse, re, subprocess, sys

from sidebyside import Stage, table


def h2load(connections, streams):
    """A load of `streams` requests at a time on each connection; tells how many were answered."""

    def load(port, seconds):
        command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}",
                   f"https://localhost:{port}/"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Application protocol: h2" not in text:
            sys.exit(f"port {port} does not speak HTTP/2")
        found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        if any(int(found.group(kind)) for kind in (2, 3, 4)):
            print(text, file=sys.stderr)
        return int(found.group(1))

    return load


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--streams", type=int, default=100)
    options = parser.parse_args()
    with Stage("tls-h2") as stage:
        origin = stage.origin()
        names = [
            ("nginx", *stage.nginx_proxy(origin, http2=True)),
            ("HAProxy", *stage.haproxy(origin, alpn="h2,http/1.1")),
            ("Portico", *stage.portico(options.binary, origin)),
        ]
        load = h2load(options.connections, options.streams)
        table(names, options.rounds, options.seconds, load)
