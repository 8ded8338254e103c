#!/usr/bin/env python3
"""CPU time per request of a TLS reverse proxy, Portico and nginx side by side in one run.

usage: tls-proxy.py [--rounds N] [--seconds S] -- COMMAND...

COMMAND starts the proxy under test; in its words {port}, {origin}, {cert} and {key} are replaced.
It must serve HTTPS on 127.0.0.1:{port} and forward to http://127.0.0.1:{origin}.
Needs nginx, wrk and openssl. One nginx worker with keep-alive to the origin is the peer.
"""
import argparse, os, pathlib, re, shutil, socket, ssl, subprocess, sys, tempfile, time

BODY = 1024
TICKS = os.sysconf("SC_CLK_TCK")
NGINX = """daemon off; worker_processes 1; error_log stderr error; pid {folder}/{name}.pid;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/{name}-c;
proxy_temp_path {folder}/{name}-p; fastcgi_temp_path {folder}/{name}-f;
uwsgi_temp_path {folder}/{name}-u; scgi_temp_path {folder}/{name}-s; {rest} }}"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_nginx(folder, name, rest):
    file = folder / f"{name}.conf"
    file.write_text(NGINX.format(folder=folder, name=name, rest=rest))
    return subprocess.Popen(["nginx", "-p", str(folder), "-c", str(file)])


def wait_for(port):
    context = ssl._create_unverified_context()
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as raw:
                with context.wrap_socket(raw):
                    return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing answers on port {port}")


def family(pid):
    found = [pid]
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found += family(int(status.parent.name))
        except (OSError, ValueError):
            pass
    return found


def cpu_seconds(pid):
    total = 0
    for member in family(pid):
        fields = pathlib.Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def load(port, seconds):
    command = ["wrk", "-t1", "-c64", f"-d{seconds}s", f"https://127.0.0.1:{port}/"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        print(text, file=sys.stderr)
    return int(re.search(r"(\d+) requests in", text).group(1))


def measure(pid, port, seconds):
    before = cpu_seconds(pid)
    requests = load(port, seconds)
    return (cpu_seconds(pid) - before) / requests * 1e6, requests / seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tls-proxy-"))
    running = []
    try:
        cert, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
            check=True, capture_output=True)
        origin, peer, ours = free_port(), free_port(), free_port()
        running.append(start_nginx(folder, "origin", (
            f"server {{ listen 127.0.0.1:{origin}; location / "
            f"{{ default_type text/plain; return 200 '{'x' * BODY}'; }} }}")))
        running.append(start_nginx(folder, "peer", (
            f"upstream o {{ server 127.0.0.1:{origin}; keepalive 128; "
            f"keepalive_requests 100000000; }} "
            f"server {{ listen 127.0.0.1:{peer} ssl; ssl_certificate {cert}; "
            f"ssl_certificate_key {key}; location / {{ proxy_pass http://o; "
            f"proxy_http_version 1.1; proxy_set_header Connection ''; "
            f"proxy_set_header X-Forwarded-For $remote_addr; }} }}")))
        values = {"port": ours, "origin": origin, "cert": cert, "key": key}
        running.append(subprocess.Popen([word.format(**values) for word in options.command]))
        names = [("nginx", running[1].pid, peer), ("Portico", running[2].pid, ours)]
        for _, pid, port in names:
            wait_for(port)
            load(port, 2)
        print(f"{'round':>5} {'nginx µs':>10} {'Portico µs':>11} {'nginx r/s':>10} {'Portico r/s':>12}")
        for number in range(1, options.rounds + 1):
            results = [measure(pid, port, options.seconds) for _, pid, port in names]
            print(f"{number:>5} {results[0][0]:>10.1f} {results[1][0]:>11.1f} "
                  f"{results[0][1]:>10.0f} {results[1][1]:>12.0f}", flush=True)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
