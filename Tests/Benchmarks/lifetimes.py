#!/usr/bin/env python3
"""The cache suite's cases against nginx and Varnish: where other caches agree with CloudFront, and where not.

Besides lifetimes these are all cases of ranges and conditions (`ranges.cases`), and of `keys.cases` those whose key is the
whole target, as it is by default elsewhere.

usage: lifetimes.py [--list]

nginx runs under libfaketime with a clock that the script turns. Varnish's allocator does not bear that library: its
cases are those of up to ten seconds, which are waited for. Left out are cases whose outcome rests on what only
CloudFront can be told: a minimum TTL, a maximum TTL that cuts, an error caching minimum. Where CloudFront has just
let an answer expire the peers are asked a second later: they differ in whether the last second counts. Needs nginx,
varnish, faketime.
"""
import argparse, collections, email.utils, http.client, http.server, os, pathlib, re, socket, threading, time

from sidebyside import Stage, free_port, wait_for

GOLDEN = pathlib.Path(__file__).parent.parent / "EdgeTests" / "Golden"
CASES = GOLDEN / "lifetimes.cases"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# Unit: seconds that are waited for.
PATIENCE = 10

VCL = """vcl 4.1;
import std;
backend default { .host = "127.0.0.1"; .port = "%d"; }
sub vcl_recv { return (hash); }
sub vcl_backend_response {
  set beresp.grace = 0s;
  set beresp.keep = 1h;
  if (beresp.http.X-Default-TTL) { set beresp.ttl = std.duration(beresp.http.X-Default-TTL + "s", 0s); }
}
"""


class Case:
    """A line of the suite: two equal requests and what becomes of the second."""

    def __init__(self, number, line):
        self.line = line
        parts = [part.strip() for part in line.split("|")]
        self.path = f"/{number}"
        self.least, self.default, self.most = map(int, parts[0].split())
        self.minimum, self.status = int(parts[1]), int(parts[2])
        self.has_tag, self.control, self.expires = parts[3] == "tag", parts[4], parts[5]
        self.seconds, self.is_asked = int(parts[6]), parts[7].endswith("asked")
        self.at = self.seconds + (1 if self.is_asked and self.seconds else 0)
        self.count = 0

    @property
    def is_common(self):
        ages = [int(age) for age in re.findall(r"max-?age=(\d+)", self.control)]
        if self.expires != "-":
            ages.append(int(self.expires))
        return self.least == 0 and self.status < 400 and all(age <= self.most for age in ages)

    def headers(self, now):
        found = {}
        if self.has_tag:
            found["ETag"] = '"1"'
        if self.control != "-":
            found["Cache-Control"] = self.control
        if self.expires != "-":
            found["Expires"] = email.utils.formatdate(now + int(self.expires), usegmt=True)
        if self.control == "-" and self.expires == "-":
            found["X-Default-TTL"] = found["X-Accel-Expires"] = str(self.default)
        return found


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cases, now = {}, 0

    def do_GET(self):
        case = Origin.cases.get(self.path)
        if case is None:
            return self.send_error(404)
        case.count += 1
        isUnchanged = case.has_tag and self.headers.get("If-None-Match")
        status = 304 if isUnchanged else case.status
        body = b"" if status in (204, 304) else b"x"
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(Origin.now, usegmt=True))
        for name, value in case.headers(Origin.now).items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if 300 < status < 400 and status != 304:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


class Clock:
    """The time that the peers see: a file that libfaketime reads at every call."""

    def __init__(self, folder, start):
        self.file, self.start = folder / "time", start
        self.set(0)

    def set(self, seconds):
        Origin.now = self.start + seconds
        # Without a mark the clock stands still between turns.
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(Origin.now))
        self.file.with_suffix(".new").write_text(text + "\n")
        os.replace(self.file.with_suffix(".new"), self.file)

    @property
    def environment(self):
        return {**os.environ, "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class PatientClock:
    """The time as it passes."""

    environment = None

    def __init__(self, folder, start):
        self.began = time.time()
        Origin.now = int(self.began)

    def set(self, seconds):
        time.sleep(max(0, self.began + seconds + 0.3 - time.time()))
        Origin.now = int(time.time())


def nginx(stage, origin, clock):
    port, folder = free_port(), stage.folder
    user = "user root;" if os.geteuid() == 0 else ""
    file = folder / "peer.conf"
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi"))
    file.write_text(f"""{user} daemon off; worker_processes 1; error_log stderr error; pid {folder}/peer.pid;
{"".join(f"env {name};" for name in clock.environment or () if "FAKE" in name or name == "LD_PRELOAD")}
events {{}} http {{ access_log off; {temporary}
proxy_cache_path {folder}/cache keys_zone=c:8m; server {{ listen 127.0.0.1:{port};
location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_cache c; proxy_cache_revalidate on;
proxy_cache_background_update off; proxy_http_version 1.1; }} }} }}""")
    stage.start(["nginx", "-p", folder, "-c", file], env=clock.environment)
    wait_for(port, tls=False)
    return port


def varnish(stage, origin, clock):
    port, file = free_port(), stage.folder / "peer.vcl"
    file.write_text(VCL % origin)
    # Varnish reads it as another user.
    stage.folder.chmod(0o755)
    stage.start(["varnishd", "-F", "-a", f"127.0.0.1:{port}", "-f", file, "-s", "malloc,64m", "-n", stage.folder / "varnish"],
                env=clock.environment)
    wait_for(port, tls=False)
    return port


def run(name, start, cases, lists, make_clock=Clock):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Stage("lifetimes") as stage:
        clock = make_clock(stage.folder, int(time.time()) + 86_400)
        port = start(stage, server.server_address[1], clock)
        for case in cases:
            case.count = 0
        if make_clock is PatientClock:
            clock.began = time.time()
            Origin.now = int(clock.began)
        for case in cases:
            ask(port, case.path)
        agreed, others = 0, collections.Counter()
        for seconds in sorted({case.at for case in cases}):
            clock.set(seconds)
            # Servers look at the clock between requests.
            for _ in range(3):
                ask(port, "/clock")
                time.sleep(0.02)
            for case in (case for case in cases if case.at == seconds):
                ask(port, case.path)
                if (case.count > 1) == case.is_asked:
                    agreed += 1
                else:
                    others[f"{case.status} {case.control}"] += 1
                    if lists:
                        print(f"  {name}: {'asked' if case.count > 1 else 'not asked'}: {case.line}")
    server.shutdown()
    print(f"{name}: {agreed} of {len(cases)} cases as at CloudFront")
    for what, count in others.most_common(12):
        print(f"  differs {count}x: status and Cache-Control {what}")
    return agreed


class Plain(http.server.BaseHTTPRequestHandler):
    """Answers with 1000 bytes that live for ten minutes, and counts."""

    protocol_version = "HTTP/1.1"
    modified = email.utils.formatdate(900_000, usegmt=True)
    counts = collections.Counter()

    def do_GET(self):
        Plain.counts[self.path.split("/")[1]] += 1
        body = bytes(97 + number % 26 for number in range(1000))
        self.send_response_only(200)
        for name, value in {
            "Date": email.utils.formatdate(usegmt=True), "Cache-Control": "max-age=600", "ETag": '"1"',
            "Last-Modified": Plain.modified, "Content-Type": "text/x-plain",
            "Accept-Ranges": "bytes", "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_OPTIONS = do_GET

    def log_message(self, *_):
        pass


def read(name):
    lines = [line for line in (GOLDEN / name).read_text().splitlines() if line and not line.startswith("#")]
    return [(line, [part.strip() for part in line.split("|")]) for line in lines]


def exchange(port, path, headers=()):
    """Status, fields and body of an answer; the target goes out as it is written."""
    with socket.create_connection(("127.0.0.1", port), 20) as wire:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        return answer.status, answer.headers, answer.read()


def is_range_met(port, number, parts):
    """Whether a stored object answers as the case says."""
    given = parts[0].split(" ; ")
    headers = [field.replace(": @", ": " + Plain.modified) for field in given[1:]]
    if given[0] != "-":
        headers.append("Range: " + given[0])
    exchange(port, f"/{number}/a")
    status, fields, body = exchange(port, f"/{number}/a", headers)
    if status != int(parts[1]) or Plain.counts[str(number)] != 1:
        return False
    if parts[3] == "parts":
        return fields.get("Content-Type", "").startswith("multipart/byteranges")
    # Some put a page into a 416.
    return (fields.get("Content-Range") or "-") == parts[2] and (status == 416 or len(body) == int(parts[3]))


def is_key_met(port, number, parts):
    """Whether the second request is answered from the cache just when the case says so."""
    for target in parts[1:3]:
        exchange(port, f"/{number}{target}")
    return Plain.counts[str(number)] == (1 if parts[3] == "Hit" else 2)


def compare(name, start, lists):
    """Ranges, conditions and keys of a peer."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Plain.counts.clear()
    keys = [case for case in read("keys.cases") if case[1][0] == "q=all" and " " not in case[1][1] + case[1][2]]
    total = 0
    with Stage("exchanges") as stage:
        port = start(stage, server.server_address[1], PatientClock(stage.folder, 0))
        for kind, cases, is_met in [("ranges and conditions", read("ranges.cases"), is_range_met), ("keys", keys, is_key_met)]:
            agreed = 0
            for number, (line, parts) in enumerate(cases):
                if is_met(port, f"{kind[0]}{number}", parts):
                    agreed += 1
                elif lists:
                    print(f"  {name} differs: {line}")
            print(f"{name}: {agreed} of {len(cases)} cases of {kind} as at CloudFront")
            total += agreed
    server.shutdown()
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="print every case that differs")
    options = parser.parse_args()
    lines = [line for line in CASES.read_text().splitlines() if line and not line.startswith("#")]
    everything = [Case(number, line) for number, line in enumerate(lines)]
    common = [case for case in everything if case.is_common]
    Origin.cases = {case.path: case for case in common}
    print(f"{len(common)} of {len(everything)} cases can be asked of any cache")
    short = [case for case in common if case.at <= PATIENCE]
    results = [
        run("nginx", nginx, common, options.list),
        run("Varnish", varnish, short, options.list, PatientClock),
        compare("nginx", nginx, options.list),
        compare("Varnish", varnish, options.list),
    ]
    if not all(results):
        raise SystemExit("a peer answered nothing as expected: is it running under the clock?")
