#!/usr/bin/env python3
"""CPU time per request with one Node.js function at viewer-request, beside nginx's plain proxying.

usage: hook.py BINARY [--rounds N] [--seconds S]

The cost of Portico is that of the proxy and of all its worker processes together.
"""
from sidebyside import Stage, arguments, table

FUNCTION = """exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  request.headers['x-hook'] = [{ key: 'X-Hook', value: 'here' }];
  return request;
};
"""

if __name__ == "__main__":
    options = arguments().parse_args()
    with Stage("hook") as stage:
        origin = stage.origin()
        names = [
            ("nginx, plain", *stage.nginx_proxy(origin)),
            ("Portico, hook", *stage.portico(options.binary, origin, hook=FUNCTION)),
        ]
        table(names, options.rounds, options.seconds)
