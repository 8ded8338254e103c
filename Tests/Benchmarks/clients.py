#!/usr/bin/env python3
"""The clients and checkers that people point at a front door, each through Portico's doors.

usage: clients.py BINARY [--only NAME,NAME]

curl and nghttp, h2load, Chromium, gRPC's Python client through a load balancer, Python's websockets and h2; sslyze
against Mozilla's intermediate profile, testssl.sh's vulnerability checks, and slowhttptest's three attacks beside a
viewer whose requests are timed. Each prints one line; the exit status is 1 when any failed, and what is not installed
is said to be. `scripts/install-dependencies clients` installs all of them.
"""
import argparse, concurrent.futures, json, os, pathlib, re, shutil, socket, ssl, statistics, subprocess, sys, threading, time

from sidebyside import CACHING_DISABLED, Stage, free_port, h2load, raise_file_limit, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The virtual environment that `scripts/install-dependencies clients` makes.
sys.path[:0] = [str(one) for one in (ROOT / ".clients").glob("lib/python*/site-packages")]
PAGE = "<!doctype html><title>before</title><script>document.title = 'ran'</script><p>hello"

TEMPLATE = """Resources:
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {{ Id: app, DomainName: app.example.com, CustomOriginConfig: {{ OriginProtocolPolicy: http-only }} }}
          - Id: calls
            DomainName: calls.example.com
            CustomOriginConfig: {{ OriginProtocolPolicy: https-only }}
        CacheBehaviors:
          - PathPattern: /test.Echo/*
            TargetOriginId: calls
            ViewerProtocolPolicy: https-only
            AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
            CachePolicyId: {policy}
            GrpcConfig: {{ Enabled: true }}
        DefaultCacheBehavior:
          TargetOriginId: app
          ViewerProtocolPolicy: allow-all
          AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
          CachePolicyId: {policy}
          OriginRequestPolicyId: 216adef6-5c7f-47e4-b989-5492eafa07d3
  Network: {{ Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {{ Name: calls, Type: application }} }}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Network
      Port: 443
      Protocol: HTTPS
      Certificates: [{{ CertificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/one' }}]
      DefaultActions: [{{ Type: forward, TargetGroupArn: !Ref Calls }}]
  Calls:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      Name: calls
      TargetType: ip
      Protocol: HTTP
      ProtocolVersion: GRPC
      Port: {grpc}
      VpcId: vpc-1
      HealthCheckEnabled: true
      HealthCheckPath: /none.Here/Check
      Matcher: {{ GrpcCode: '0-99' }}
      Targets: [{{ Id: 127.0.0.1, Port: {grpc} }}]
Metadata:
  Portico:
    Origins:
      app.example.com: http://127.0.0.1:{origin}
      calls.example.com: http://127.0.0.1:{grpc}
"""


class Doors:
    """A distribution in front of an origin for pages and WebSockets, and a load balancer in front of a gRPC server."""

    def __init__(self, stage, binary):
        self.origin, self.grpc, self.port = free_port(), free_port(), free_port()
        state = stage.folder / "doors"
        state.mkdir()
        (state / "template.yaml").write_text(
            TEMPLATE.format(policy=CACHING_DISABLED, grpc=self.grpc, origin=self.origin))
        origin_of_pages(self.origin)
        self.log = state / "log"
        self.process = stage.start(
            [pathlib.Path(binary).resolve(), "up", "--template", state / "template.yaml", "--state", state / "state",
             "--https-port", self.port, "--http-port", 0, "--api-port", 0, "--max-connections-per-source", 20000],
            cwd=state, stdout=open(self.log, "w"), stderr=subprocess.STDOUT)
        wait_for(self.port)
        found = list(state.glob("**/certs/ca.pem")) + list(state.glob("**/ca.pem"))
        self.authority = found[0]


def origin_of_pages(port):
    """Pages over HTTP and an echo over WebSocket, on one port."""
    from websockets.datastructures import Headers
    from websockets.http11 import Response
    from websockets.sync.server import serve

    def answer(_, request):
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return None
        body = PAGE.encode()
        return Response(200, "OK", Headers([
            ("Content-Type", "text/html"), ("Content-Length", str(len(body))), ("Connection", "close")]), body)

    def echo(connection):
        for message in connection:
            connection.send(message)

    server = serve(echo, "127.0.0.1", port, process_request=answer, max_size=None)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def run(command, seconds=120, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, **options)


def demand(truth, said):
    if not truth:
        raise AssertionError(said)


def curl(doors):
    said = []
    for version in ("--http1.1", "--http2", "--tls-max 1.2 --http2"):
        done = run(["curl", "-sS", *version.split(), "--cacert", doors.authority, "-w", "%{http_version} %{http_code}",
                    "-o", os.devnull, f"https://localhost:{doors.port}/"])
        said.append(done.stdout)
        demand(done.returncode == 0 and done.stdout.endswith("200"), done.stdout + done.stderr)
    return ", ".join(said)


def nghttp(doors):
    done = run(["nghttp", "-nv", "-m", "20", f"https://localhost:{doors.port}/"])
    answered = done.stdout.count(":status: 200")
    demand(answered == 20, done.stdout[-2000:])
    return f"{answered} streams of one connection answered"


def h2load_(doors):
    good, failed, text = h2load(doors.port, 2, "-c2", "-m20")
    demand(good > 0 and failed == 0, text)
    return f"{good} requests, none failed"


def chromium(doors):
    name = shutil.which("chromium")
    home = doors.log.parent / "home"
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for command in (["certutil", "-d", f"sql:{database}", "-N", "--empty-password"],
                    ["certutil", "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "doors", "-i", doors.authority]):
        done = run(command)
        demand(done.returncode == 0, done.stderr)
    done = run([name, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}/profile", "--dump-dom",
                "--virtual-time-budget=5000", f"https://localhost:{doors.port}/"],
               env={**os.environ, "HOME": str(home)})
    demand("<title>ran</title>" in done.stdout, done.stdout[-500:] + done.stderr[-1500:])
    return "loaded over the local authority, and its script ran"


def grpc(doors):
    import grpc

    def upper(request, context):
        context.set_trailing_metadata([("x-count", "1")])
        return request.upper()

    def each(requests, context):
        for one in requests:
            yield one.upper()

    def refuse(request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")

    handlers = grpc.method_handlers_generic_handler("test.Echo", {
        "Upper": grpc.unary_unary_rpc_method_handler(upper),
        "Each": grpc.stream_stream_rpc_method_handler(each),
        "Refuse": grpc.unary_unary_rpc_method_handler(refuse)})
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[handlers])
    server.add_insecure_port(f"127.0.0.1:{doors.grpc}")
    server.start()
    for name in ("calls.elb.localhost", "localhost"):
        calls(doors, name)
    server.stop(0)
    return ("through a load balancer and a distribution: unary with trailers, 101 messages both ways in one stream, "
            "an error's status")


def calls(doors, name):
    """Three kinds of calls through the door of a name."""
    import grpc
    channel = grpc.secure_channel(
        f"127.0.0.1:{doors.port}", grpc.ssl_channel_credentials(pathlib.Path(doors.authority).read_bytes()),
        [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)])
    with channel:
        answer, call = channel.unary_unary("/test.Echo/Upper").with_call(b"abc", timeout=30, wait_for_ready=True)
        demand(answer == b"ABC" and ("x-count", "1") in call.trailing_metadata(), f"{answer} {call}")
        stream = list(channel.stream_stream("/test.Echo/Each")(iter([b"a"] * 100 + [b"b" * 200_000]), timeout=30))
        demand(stream == [b"A"] * 100 + [b"B" * 200_000], f"{len(stream)} answers")
        try:
            channel.unary_unary("/test.Echo/Refuse")(b"x", timeout=30)
            demand(False, "a refusal came as an answer")
        except grpc.RpcError as error:
            demand(error.code() == grpc.StatusCode.FAILED_PRECONDITION, str(error))


def websockets(doors):
    from websockets.sync.client import connect
    context = ssl.create_default_context(cafile=doors.authority)
    with connect(f"wss://localhost:{doors.port}/echo", ssl=context, max_size=None) as one:
        for message in ("short", b"x" * 3_000_000, "ä" * 70_000):
            one.send(message)
            demand(one.recv(30) == message, "the echo differs")
        demand(one.ping().wait(30), "no pong")
    return "text, 3 MB of binary, ping, close"


def h2(doors):
    import h2.connection, h2.events
    context = ssl.create_default_context(cafile=doors.authority)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", doors.port), 30),
                             server_hostname="localhost") as link:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        for stream in range(1, 200, 2):
            connection.send_headers(stream, [(":method", "GET"), (":path", "/"), (":scheme", "https"),
                                             (":authority", "localhost")], end_stream=True)
        link.sendall(connection.data_to_send())
        ended = set()
        while len(ended) < 100:
            arrived = link.recv(65536)
            demand(arrived, "the connection ended")
            for event in connection.receive_data(arrived):
                if isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
                demand(not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), str(event))
            link.sendall(connection.data_to_send())
    return "100 streams at once"


def sslyze(doors):
    command = next((ROOT / ".clients").glob("bin/sslyze"), None) or shutil.which("sslyze")
    demand(command, "sslyze is not installed")
    done = run([command, "--mozilla_config=intermediate", "--certinfo_ca_file", doors.authority,
                f"localhost:{doors.port}"], 300)
    found = done.stdout.split("COMPLIANCE AGAINST TLS CONFIGURATION")[-1].strip()
    # What a local authority can't have is allowed: a chain to a public root.
    trouble = [line.strip() for line in found.splitlines() if line.strip().startswith("*")]
    allowed = ("certificate_path_validation", "maximum_certificate_lifespan")
    demand("FAILED" not in found or trouble and all(any(name in line for name in allowed) for line in trouble),
           done.stdout[-3000:] + done.stderr[-500:])
    return "; ".join(trouble) or found.splitlines()[-1].strip()


def testssl(doors):
    command = shutil.which("testssl") or shutil.which("testssl.sh")
    report = doors.log.parent / "testssl.json"
    run([command, "--quiet", "--color", "0", "-U", "--warnings", "off", "--jsonfile", report,
         f"localhost:{doors.port}"], 900)
    found = json.loads(report.read_text())
    checks = [one for one in found if one["id"] not in ("service", "scanTime")]
    bad = [f"{one['id']}: {one['finding']}" for one in checks if one["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")]
    demand(checks and not bad, "; ".join(bad) or "nothing was checked")
    return f"{len(checks)} checks, no vulnerability"


def request_times(doors, seconds):
    """Milliseconds of a viewer's requests over a connection of its own each."""
    context = ssl.create_default_context(cafile=doors.authority)
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        with context.wrap_socket(socket.create_connection(("127.0.0.1", doors.port), 30),
                                 server_hostname="localhost") as link:
            link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            demand(link.recv(65536).startswith(b"HTTP/1.1 200"), "a viewer got no 200")
        times.append((time.monotonic() - began) * 1000)
    return times


def slowhttptest(doors):
    quiet = statistics.median(request_times(doors, 3))
    said = [f"quiet {quiet:.1f} ms"]
    for name, flags in (("headers", ["-H"]), ("body", ["-B"]), ("read", ["-X", "-n", "3", "-z", "32", "-k", "3"])):
        # 2,000 connections for 20 seconds, opened at 500 a second.
        attack = subprocess.Popen(
            ["slowhttptest", *flags, "-c", "2000", "-l", "20", "-r", "500", "-i", "5", "-p", "3", "-u",
             f"https://localhost:{doors.port}/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(5)
        under = statistics.median(request_times(doors, 10))
        attack.wait(120)
        said.append(f"slow {name} {under:.1f} ms")
        demand(under < max(10 * quiet, 100), said[-1])
    return "median of a viewer's request: " + ", ".join(said)


CHECKS = {
    "curl": curl, "nghttp": nghttp, "h2load": h2load_, "chromium": chromium, "grpc": grpc, "websockets": websockets,
    "h2": h2, "sslyze": sslyze, "testssl": testssl, "slowhttptest": slowhttptest,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--only", default=",".join(CHECKS))
    options = parser.parse_args()
    raise_file_limit()
    failed = False
    with Stage("clients") as stage:
        doors = Doors(stage, options.binary)
        for name in options.only.split(","):
            try:
                print(f"{name}: {CHECKS[name](doors)}", flush=True)
            except Exception as error:
                failed = True
                print(f"{name} FAILED: {type(error).__name__} {error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
