#!/usr/bin/env python3
"""CPU time per request with one Node.js function at viewer-request, beside nginx's plain proxying.

usage: hook.py BINARY [--rounds N] [--seconds S]

The cost of Portico is that of the proxy and of all its worker processes together.
"""
import argparse

from sidebyside import Stage, table

FUNCTION = """exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  request.headers['x-hook'] = [{ key: 'X-Hook', value: 'here' }];
  return request;
};
"""

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    options = parser.parse_args()
    with Stage("hook") as stage:
        origin = stage.origin()
        names = [
            ("nginx, plain", *stage.nginx_proxy(origin)),
            ("Portico, hook", *stage.portico(options.binary, origin, hook=FUNCTION)),
        ]
        table(names, options.rounds, options.seconds)
