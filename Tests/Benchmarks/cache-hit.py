#!/usr/bin/env python3
"""CPU time per request of a cache hit over TLS, keep-alive: nginx's proxy cache, Varnish behind HAProxy, Portico.

usage: cache-hit.py BINARY [--rounds N] [--seconds S] [--size BYTES]

Portico serves one distribution with managed policy CachingOptimized. The cost of Varnish is that of both of its
processes and of the HAProxy in front. One worker, thread or reactor each. Needs nginx, haproxy, varnish, wrk.
"""
from sidebyside import BODY, CACHING_OPTIMIZED, Stage, arguments, table

if __name__ == "__main__":
    options = arguments(size=BODY).parse_args()
    with Stage("cache-hit") as stage:
        origin = stage.origin(options.size, headers="add_header Cache-Control max-age=86400;")
        names = [
            *stage.cache_peers(origin),
            ("Portico", *stage.portico(options.binary, origin, policy=CACHING_OPTIMIZED)),
        ]
        table(names, options.rounds, options.seconds)
