#!/usr/bin/env python3
"""CPU time that a CloudFront Function adds to a request, by event, over cache hits of 1 KiB.

usage: function.py BINARY [--rounds N] [--seconds S]

All in one run: the same cache hit without a function, with one at viewer-request, with one at viewer-response.
"""
from sidebyside import CACHING_OPTIMIZED, Stage, arguments, table

REQUEST = """function handler(event) {
  var request = event.request;
  if (request.uri.endsWith('/')) request.uri += 'index.html';
  request.headers['x-hook'] = { value: 'here' };
  return request;
}"""
RESPONSE = """function handler(event) {
  var response = event.response;
  response.headers['x-frame-options'] = { value: 'DENY' };
  return response;
}"""

if __name__ == "__main__":
    options = arguments().parse_args()
    with Stage("function") as stage:
        origin = stage.origin(headers="add_header Cache-Control max-age=3600;")
        start = lambda function: stage.portico(
            options.binary, origin, policy=CACHING_OPTIMIZED, function=function)
        middle = table([
            ("viewer-request", *start(("viewer-request", REQUEST))),
            ("viewer-response", *start(("viewer-response", RESPONSE))),
            ("no function", *start(None)),
        ], options.rounds, options.seconds)
        for name in ("viewer-request", "viewer-response"):
            print(f"{name} adds {middle[name] - middle['no function']:.1f} µs of CPU to a request")
