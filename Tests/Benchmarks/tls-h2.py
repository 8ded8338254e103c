#!/usr/bin/env python3
"""CPU time per request of a TLS reverse proxy over HTTP/2, 1 KiB body: nginx, HAProxy and Portico.

usage: tls-h2.py BINARY [--rounds N] [--seconds S] [--connections N] [--streams N]

h2load keeps 100 streams open on each connection. Portico serves one distribution with managed policy
CachingDisabled, so that every request goes through the whole edge pipeline to the origin over HTTP/1.1. One
worker, thread or reactor each. Needs nginx, haproxy, h2load (Debian package nghttp2-client) and openssl.
"""
import sys

from sidebyside import Stage, arguments, h2load, table


def streams(connections, count):
    """A load of `count` requests at a time on each connection."""

    def load(port, seconds):
        answered, failed, text = h2load(port, seconds, f"-c{connections}", f"-m{count}")
        if failed:
            print(text, file=sys.stderr)
        if "Application protocol: h2" not in text:
            sys.exit(f"port {port} does not speak HTTP/2")
        return answered

    return load


if __name__ == "__main__":
    options = arguments(connections=2, streams=100).parse_args()
    with Stage("tls-h2") as stage:
        origin = stage.origin()
        names = [
            ("nginx", *stage.nginx_proxy(origin, http2=True)),
            ("HAProxy", *stage.haproxy(origin, alpn="h2,http/1.1")),
            ("Portico", *stage.portico(options.binary, origin)),
        ]
        load = streams(options.connections, options.streams)
        table(names, options.rounds, options.seconds, load)
