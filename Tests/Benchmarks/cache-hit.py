#!/usr/bin/env python3
"""CPU time per request of a cache hit over TLS, keep-alive: nginx's proxy cache, Varnish behind HAProxy, Portico.

usage: cache-hit.py BINARY [--rounds N] [--seconds S] [--size BYTES]

Portico serves one distribution with managed policy CachingOptimized. The cost of Varnish is that of both of its
processes and of the HAProxy in front. One worker, thread or reactor each. Needs nginx, haproxy, varnish, wrk.
"""
import argparse

from sidebyside import BODY, CACHING_OPTIMIZED, Stage, free_port, table, wait_for

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--size", type=int, default=BODY)
    options = parser.parse_args()
    with Stage("cache-hit") as stage:
        origin = stage.origin(options.size, headers="add_header Cache-Control max-age=86400;")
        cache = f"proxy_cache_path {stage.folder}/cache keys_zone=c:10m max_size=1g;"
        varnish = free_port()
        guard = stage.start(
            ["varnishd", "-F", "-a", f"127.0.0.1:{varnish}", "-b", f"127.0.0.1:{origin}",
             "-s", "malloc,512m", "-n", stage.folder / "varnish", "-p", "thread_pools=1"])
        wait_for(varnish, tls=False)
        terminator, port = stage.haproxy(varnish)
        names = [
            ("nginx", *stage.nginx_proxy(origin, extra=cache, location="proxy_cache c;")),
            ("Varnish", (terminator, guard.pid), port),
            ("Portico", *stage.portico(options.binary, origin, policy=CACHING_OPTIMIZED)),
        ]
        table(names, options.rounds, options.seconds)
