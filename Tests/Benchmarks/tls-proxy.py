#!/usr/bin/env python3
"""CPU time per request of a TLS reverse proxy, keep-alive, 1 KiB body: nginx, HAProxy and Portico.

usage: tls-proxy.py BINARY [--rounds N] [--seconds S]

Portico serves one distribution with managed policy CachingDisabled, so that every request goes through
the whole edge pipeline to the origin. One worker, thread or reactor each. Needs nginx, haproxy, wrk, openssl.
"""
from sidebyside import Stage, arguments, table

if __name__ == "__main__":
    options = arguments().parse_args()
    with Stage("tls-proxy") as stage:
        origin = stage.origin()
        names = [
            ("nginx", *stage.nginx_proxy(origin)),
            ("HAProxy", *stage.haproxy(origin)),
            ("Portico", *stage.portico(options.binary, origin)),
        ]
        table(names, options.rounds, options.seconds)
