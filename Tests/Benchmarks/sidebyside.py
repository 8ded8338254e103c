"""What the side-by-side benchmarks share: peers, origins, Portico itself and CPU accounting.

Everything listens on loopback, on free ports, in a temporary folder, and is ended by `Stage.close`.
"""
import argparse, os, pathlib, re, resource, shutil, signal, socket, ssl, subprocess, sys, tempfile, time

TICKS = os.sysconf("SC_CLK_TCK")
BODY = 1024

NGINX = """{user} daemon off; worker_processes 1; error_log stderr error; pid {folder}/{name}.pid;
events {{ worker_connections 32768; }}
http {{ access_log off; keepalive_requests 100000000; client_max_body_size 0;
client_body_temp_path {folder}/{name}-c; proxy_temp_path {folder}/{name}-p;
fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u;
scgi_temp_path {folder}/{name}-s; {rest} }}"""

NGINX_PROXY = """upstream o {{ server 127.0.0.1:{origin}; keepalive 128; keepalive_requests 100000000; }}
{extra} server {{ listen 127.0.0.1:{port} ssl {http2}; ssl_certificate {cert}; ssl_certificate_key {key};
ssl_protocols TLSv1.2 TLSv1.3; location / {{ proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection '';
proxy_set_header X-Forwarded-For $remote_addr; {location} }} }}"""

# HAProxy asks for two descriptors for each connection; idle ones take one.
HAPROXY = """global
    nbthread 1
    no strict-limits
    maxconn 12000
    stats socket {folder}/haproxy.sock
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend f
    bind 127.0.0.1:{port} ssl crt {pem} alpn {alpn}
    default_backend b
backend b
    http-reuse always
    server o 127.0.0.1:{origin}
"""

TEMPLATE = """Resources:
{functions}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - Id: app
            DomainName: app.example.com
            CustomOriginConfig: {{ OriginProtocolPolicy: http-only, OriginKeepaliveTimeout: {keepalive} }}
        DefaultCacheBehavior:
          TargetOriginId: app
          ViewerProtocolPolicy: allow-all
          AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
          CachePolicyId: {policy}
{associations}
Metadata:
  Portico:
    Origins: {{ app.example.com: "http://127.0.0.1:{origin}" }}
"""

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"

HOOK = """
  Hook:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      CodeUri: ./hook
      Timeout: 5
      AutoPublishAlias: live
"""
ASSOCIATION = """          LambdaFunctionAssociations:
            - EventType: viewer-request
              LambdaFunctionARN: !Ref Hook.Version
"""


FUNCTION = """
  Function:
    Type: AWS::CloudFront::Function
    Properties:
      Name: bench
      AutoPublish: true
      FunctionConfig: {{ Comment: '', Runtime: cloudfront-js-2.0 }}
      FunctionCode: |
{code}
"""
FUNCTION_ASSOCIATION = """          FunctionAssociations:
            - {{ EventType: {event}, FunctionARN: !Ref Function }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid):
    """The process and all its descendants."""
    found = [pid]
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = pathlib.Path(f"/proc/{name}/stat").read_text()
            if int(text.rsplit(")", 1)[1].split()[1]) == pid:
                found += family(int(name))
        except (OSError, ValueError, IndexError):
            pass
    return found


def cpu_seconds(pids):
    """User and system time of processes and their descendants."""
    total = 0
    roots = pids if isinstance(pids, tuple) else (pids,)
    for member in {member for root in roots for member in family(root)}:
        try:
            fields = pathlib.Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICKS


def wait_for(port, tls=True):
    context = ssl._create_unverified_context()
    for _ in range(1600):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as raw:
                if not tls:
                    return
                with context.wrap_socket(raw, server_hostname="localhost"):
                    return
        except OSError:
            time.sleep(0.025)
    sys.exit(f"nothing answers on port {port}")


class Stage:
    """A temporary folder with a certificate and the processes of one benchmark."""

    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"portico-{name}-"))
        self.running = []
        self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.cert],
            check=True, capture_output=True)
        self.pem = self.folder / "both.pem"
        self.pem.write_text(self.cert.read_text() + self.key.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command, **options):
        process = subprocess.Popen([str(word) for word in command], **options)
        self.running.append(process)
        return process

    def nginx(self, name, rest):
        file = self.folder / f"{name}.conf"
        # A worker of another user could not write into the folder.
        user = "user root;" if os.geteuid() == 0 else ""
        file.write_text(NGINX.format(folder=self.folder, name=name, rest=rest, user=user))
        return self.start(["nginx", "-p", self.folder, "-c", file])

    def origin(self, size=BODY, headers=""):
        """An nginx that answers every request with `size` bytes."""
        port = free_port()
        root = self.folder / "www"
        root.mkdir(exist_ok=True)
        (root / "body").write_bytes(b"x" * size)
        answer = (f"return 200 '{'x' * size}';" if size <= 4096
                  else f"root {root}; rewrite ^ /body break;")
        self.nginx(f"origin-{port}", (
            f"server {{ listen 127.0.0.1:{port}; location / "
            f"{{ default_type text/plain; {headers} {answer} }} }}"))
        wait_for(port, tls=False)
        return port

    def nginx_proxy(self, origin, http2=False, extra="", location=""):
        port = free_port()
        process = self.nginx(f"peer-{port}", NGINX_PROXY.format(
            origin=origin, port=port, cert=self.cert, key=self.key,
            http2="http2" if http2 else "", extra=extra, location=location))
        wait_for(port)
        return process.pid, port

    def haproxy(self, origin, alpn="http/1.1"):
        port = free_port()
        file = self.folder / "haproxy.cfg"
        file.write_text(HAPROXY.format(
            folder=self.folder, port=port, pem=self.pem, origin=origin, alpn=alpn))
        process = self.start(["haproxy", "-db", "-f", file])
        wait_for(port)
        return process.pid, port

    def cache_peers(self, origin):
        """nginx's proxy cache, and Varnish with a HAProxy in front that ends TLS: both are its cost."""
        cache = f"proxy_cache_path {self.folder}/cache keys_zone=c:10m max_size=1g;"
        inner = free_port()
        guard = self.start(
            ["varnishd", "-F", "-a", f"127.0.0.1:{inner}", "-b", f"127.0.0.1:{origin}",
             "-s", "malloc,512m", "-n", self.folder / "varnish", "-p", "thread_pools=1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(inner, tls=False)
        terminator, port = self.haproxy(inner)
        return [("nginx", *self.nginx_proxy(origin, extra=cache, location="proxy_cache c;")),
                ("Varnish+HAProxy", (terminator, guard.pid), port)]

    def portico(self, binary, origin, policy=CACHING_DISABLED, hook=None, function=None, options=(),
                keepalive=60):
        """Starts `portico up` with one distribution.

        `hook` is the text of a Node.js function at viewer-request, `function` event and code of a
        CloudFront Function.
        """
        state = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        if hook is not None:
            (state / "hook").mkdir()
            (state / "hook" / "index.js").write_text(hook)
        functions, associations = (HOOK, ASSOCIATION) if hook is not None else ("", "")
        if function is not None:
            event, code = function
            functions = FUNCTION.format(code="\n".join("        " + line for line in code.splitlines()))
            associations = FUNCTION_ASSOCIATION.format(event=event)
        template = state / "template.yaml"
        template.write_text(TEMPLATE.format(
            origin=origin, policy=policy, keepalive=keepalive, functions=functions,
            associations=associations))
        port = free_port()
        log = open(state / "log", "w")
        process = self.start(
            [pathlib.Path(binary).resolve(), "up", "--template", template, "--state", state / "state",
             "--https-port", port, "--http-port", 0, "--api-port", 0, "--reactors", 1, *options],
            cwd=state, stdout=log, stderr=subprocess.STDOUT)
        wait_for(port)
        return process.pid, port


def arguments(**more):
    """The parser of a side-by-side script; `more` are whole numbers that it takes beside the usual ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    for name, value in {"rounds": 3, "seconds": 6, **more}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser


def raise_file_limit():
    """Takes as many open files as this machine lets a process have; gives their number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def wrk(port, seconds, connections=64, path="/"):
    """Requests made in `seconds` over keep-alive TLS."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"https://localhost:{port}{path}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        print(text, file=sys.stderr)
    return int(re.search(r"(\d+) requests in", text).group(1))


def h2load(port, seconds, *more):
    """Requests that h2load made in `seconds`: answered with 2xx, with anything else; and what it printed."""
    command = ["h2load", "-t1", f"-D{seconds}", *more, f"https://localhost:{port}/"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    return int(found.group(1)), sum(int(found.group(kind)) for kind in (2, 3, 4)), text


def measure(pid, port, seconds, load=wrk):
    """CPU microseconds per request of a proxy, and requests per second."""
    before = cpu_seconds(pid)
    requests = load(port, seconds)
    return (cpu_seconds(pid) - before) / requests * 1e6, requests / seconds


def table(names, rounds, seconds, load=wrk):
    """Measures each (name, pid, port) in turn, `rounds` times, and prints CPU per request and ratios."""
    for _, pid, port in names:
        load(port, 2)
    width = max(len(name) for name, _, _ in names) + 2
    print("round " + "".join(f"{name + ' µs':>{width + 4}}{'r/s':>8}" for name, _, _ in names))
    taken = {name: [] for name, _, _ in names}
    for number in range(1, rounds + 1):
        line = f"{number:>5} "
        for name, pid, port in names:
            cost, rate = measure(pid, port, seconds, load)
            taken[name].append(cost)
            line += f"{cost:>{width + 4}.1f}{rate:>8.0f}"
        print(line, flush=True)
    middle = {name: sorted(costs)[len(costs) // 2] for name, costs in taken.items()}
    ours = middle[names[-1][0]]
    for name, _, _ in names[:-1]:
        print(f"{names[-1][0]} / {name}: {ours / middle[name]:.2f} (medians {ours:.1f} / {middle[name]:.1f} µs)")
    return middle
