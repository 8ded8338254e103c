#!/usr/bin/env python3
"""Requests under load while everything changes: reloads every second, a takeover, an origin that dies and returns.

usage: reloads.py BINARY [--requests N] [--clients C] [--limit SECONDS] [--smoke]

A distribution with a function, a stable origin and one that is killed and started again. Clients over HTTPS (HTTP/1
and HTTP/2) and HTTP keep their connections as long as the node lets them. The template is saved anew every second; half way
another process takes over. No request may fail but those to the killed origin while it was dead, which are
counted: each of them has to lie in a time in which the origin was down. Ends by itself, at the latest after the
limit.
"""
import argparse, multiprocessing, os, pathlib, re, shutil, signal, socket, ssl, subprocess, sys, tempfile, threading, time

try:
    import h2.config, h2.connection, h2.events, h2.exceptions
    REFUSALS = (OSError, TypeError, ValueError, h2.exceptions.H2Error)
except ImportError:
    # Without the package python3-h2 all viewers speak HTTP/1.
    h2, REFUSALS = None, (OSError, TypeError, ValueError)

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Hook:
    Type: AWS::Serverless::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, CodeUri: hook, AutoPublishAlias: live}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - Id: stable
            DomainName: stable.test
            CustomOriginConfig: {OriginProtocolPolicy: http-only}
            OriginCustomHeaders: [{HeaderName: x-save, HeaderValue: 'SAVE'}]
          - Id: dying
            DomainName: dying.test
            CustomOriginConfig: {OriginProtocolPolicy: http-only}
        CacheBehaviors:
          - PathPattern: /hook
            TargetOriginId: stable
            ViewerProtocolPolicy: allow-all
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
            LambdaFunctionAssociations: [{EventType: viewer-request, LambdaFunctionARN: !Ref Hook.Version}]
          - PathPattern: /dying
            TargetOriginId: dying
            ViewerProtocolPolicy: allow-all
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
        DefaultCacheBehavior:
          TargetOriginId: stable
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
Metadata:
  Portico: {Origins: {stable.test: 'http://127.0.0.1:STABLE', dying.test: 'http://127.0.0.1:DYING'}}
"""
HOOK = "exports.handler = async () => ({ status: '200', headers: {}, body: 'hook' });\n"
# Which of a hundred requests of a client go to the function and to the origin that dies.
HOOKS, DYING = {7, 57}, set(range(10, 20))
# What a request to a dead origin may be answered with.
DEAD = {502, 504}


def origin(port, ready):
    """Answers every request with the number of the save that its field names."""
    import asyncio

    class Origin(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.buffer = transport, b""

        def data_received(self, data):
            self.buffer += data
            while True:
                head, end, rest = self.buffer.partition(b"\r\n\r\n")
                if not end:
                    return
                self.buffer = rest
                save = re.search(rb"(?i)\r\nx-save: (\d+)", head)
                body = save[1] if save else b"0"
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Origin, "127.0.0.1", port, reuse_address=True, backlog=1024)
        ready.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve())


def start_origin(port=0):
    ready = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=origin, args=(port, ready), daemon=True)
    process.start()
    deadline = time.monotonic() + 60
    while not ready.value:
        if time.monotonic() > deadline or not process.is_alive():
            sys.exit("an origin did not start")
        time.sleep(0.01)
    return process, ready.value


class Connection:
    """A viewer that keeps its connection until the answer says that it ends."""

    def __init__(self, port, authority):
        self.port, self.socket = port, None
        self.context = ssl.create_default_context(cafile=authority) if authority else None
        self.opened = 0

    def open(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = self.context.wrap_socket(plain, server_hostname="localhost") if self.context else plain
        self.opened += 1

    def ask(self, path):
        """Status and body of a request; raises when the connection fails."""
        if not self.socket:
            self.open()
        self.socket.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive(answer)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        while len(body) < length:
            body += self.receive(body)
        if re.search(rb"(?i)\r\nconnection: *close", head):
            self.close()
        return int(head[9:12]), body

    def receive(self, before):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {len(before)} bytes of the answer")
        return piece

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None


class Multiplexed(Connection):
    """A viewer that speaks HTTP/2, one stream after the other, until it is told to go away."""

    def __init__(self, port, authority):
        super().__init__(port, authority)
        self.context.set_alpn_protocols(["h2"])

    def open(self):
        super().open()
        self.session = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self.session.initiate_connection()
        self.is_over, self.rest = False, b""
        self.socket.sendall(self.session.data_to_send())

    def ask(self, path):
        while True:
            if not self.socket:
                self.open()
            stream = self.session.get_next_available_stream_id()
            self.session.send_headers(stream, [
                (b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", path),
            ], end_stream=True)
            self.socket.sendall(self.session.data_to_send())
            answer = self.read(stream)
            if self.is_over:
                self.close()
            if answer:
                return answer

    def read(self, stream):
        """Status and body, or None when the node has said that it has not looked at the stream (RFC 9113 6.8)."""
        status, body = 0, b""
        while True:
            for event in self.events(self.receive(body)):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.session.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamEnded):
                    self.flush()
                    return status, body
                elif isinstance(event, h2.events.StreamReset):
                    raise ConnectionError(f"stream reset with {event.error_code}")
                elif isinstance(event, h2.events.ConnectionTerminated):
                    self.is_over = True
                    if event.last_stream_id < stream:
                        return None
            self.flush()

    def events(self, data):
        """What the frames say, one frame after the other."""
        self.rest += data
        while len(self.rest) >= 9 and len(self.rest) >= (end := 9 + int.from_bytes(self.rest[:3], "big")):
            frame, self.rest = self.rest[:end], self.rest[end:]
            yield from self.session.receive_data(frame)
            if frame[3] == 7:
                # The library takes GOAWAY for the end, but what was asked before is answered all the same.
                self.session.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    def flush(self):
        if data := self.session.data_to_send():
            self.socket.sendall(data)


def client(number, port, authority, count, done, stop, results):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Multiplexed(port, authority) if h2 and number % 4 == 2 else Connection(port, authority)
    failures, dead, saves, made = [], [], set(), 0
    for index in range(count):
        if stop.value:
            break
        place = (index + number * 37) % 100
        path = b"/hook" if place in HOOKS else b"/dying" if place in DYING else b"/stable"
        began = time.monotonic()
        try:
            status, body = connection.ask(path)
            if path == b"/dying" and status in DEAD:
                dead.append((began, time.monotonic()))
            elif status != 200 or (path == b"/hook" and body != b"hook"):
                failures.append(f"{path.decode()}: {status} {body[:80]!r}")
            elif path == b"/stable":
                saves.add(int(body))
        except REFUSALS as error:
            failures.append(f"{path.decode()}: {type(error).__name__} {error} after {time.monotonic() - began:.3f} s")
            connection.close()
        made += 1
        if made % 50 == 0:
            with done.get_lock():
                done.value += 50
    with done.get_lock():
        done.value += made % 50
    connection.close()
    results.put((made, failures, dead, saves, connection.opened))


class Node:
    def __init__(self, binary, folder, flags=()):
        self.log, self.ports = [], None
        self.process = subprocess.Popen(
            [binary, "up", "--https-port", "0", "--http-port", "0", "--api-port", "0", "--bind", "127.0.0.1", *flags],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        for line in self.process.stdout:
            found = re.match(r"https (\d+)  http (\d+)  api (\d+)", line)
            if found:
                self.ports = [int(port) for port in found.groups()]
            if line == "ready\n":
                break
        else:
            raise SystemExit("the node did not become ready:\n" + "".join(self.log))

    def saves(self):
        return sum("is live after" in line for line in self.log)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Changes:
    """Saves the template every second and kills and starts the dying origin, until told to stop."""

    def __init__(self, folder, stable, dying):
        self.folder, self.stable = folder, stable
        self.process, self.port = dying
        self.downs, self.saved = [], 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.reload), threading.Thread(target=self.kill)]

    def save(self):
        self.saved += 1
        text = TEMPLATE.replace("SAVE", str(self.saved)).replace("STABLE", str(self.stable))
        fresh = self.folder / "template.new"
        fresh.write_text(text.replace("DYING", str(self.port)))
        fresh.rename(self.folder / "template.yaml")

    def start(self):
        for thread in self.threads:
            thread.start()

    def reload(self):
        while not self.ended.wait(1):
            self.save()

    def kill(self):
        while not self.ended.wait(2):
            began = time.monotonic()
            self.process.kill()
            self.process.join()
            self.ended.wait(0.5)
            self.process, _ = start_origin(self.port)
            self.downs.append((began, time.monotonic()))

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            if thread.ident:
                thread.join()
        self.process.kill()


def takeover(binary, folder, node, limit):
    """Another process takes over; gives it, what it took until it served, and until the first one had ended."""
    began = time.monotonic()
    successor = Node(binary, folder, ["--takeover"])
    served = time.monotonic() - began
    if successor.ports != node.ports:
        raise SystemExit(f"the ports changed from {node.ports} to {successor.ports}")
    try:
        status = node.process.wait(max(1, limit - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise SystemExit("the node that was taken over does not end")
    if status != 0:
        raise SystemExit(f"the node that was taken over ended with {status}:\n" + "".join(node.log[-20:]))
    return successor, served, time.monotonic() - began


def run(arguments, folder):
    binary = os.path.abspath(arguments.binary)
    limit = time.monotonic() + arguments.limit
    (folder / "hook").mkdir()
    (folder / "hook/index.js").write_text(HOOK)
    stable, stable_port = start_origin()
    changes = Changes(folder, stable_port, start_origin())
    changes.save()
    nodes, workers = [], []
    done, stop, results = multiprocessing.Value("i", 0), multiprocessing.Value("b", 0), multiprocessing.Queue()
    try:
        nodes.append(Node(binary, folder))
        authority = str(folder / ".portico/certs/ca.pem")
        share = -(-arguments.requests // arguments.clients)
        for number in range(arguments.clients):
            place = (nodes[0].ports[number % 2], authority if number % 2 == 0 else None)
            workers.append(multiprocessing.Process(
                target=client, args=(number, *place, share, done, stop, results), daemon=True))
        began = time.monotonic()
        for worker in workers:
            worker.start()
        changes.start()
        while done.value < arguments.requests // 2 and time.monotonic() < limit:
            time.sleep(0.05)
        before = done.value
        successor, served, ended = takeover(binary, folder, nodes[0], limit)
        nodes.append(successor)
        during = done.value - before
        outcomes = []
        while len(outcomes) < len(workers):
            if time.monotonic() > limit:
                stop.value = 1
            outcomes.append(results.get(timeout=max(60, limit + 60 - time.monotonic())))
        seconds = time.monotonic() - began
        changes.stop()
        return judge(arguments, outcomes, changes, nodes, seconds, served, ended, during)
    finally:
        changes.stop()
        stop.value = 1
        for worker in workers:
            worker.kill()
        for node in nodes:
            node.stop()
        stable.kill()


def judge(arguments, outcomes, changes, nodes, seconds, served, ended, during):
    made = sum(outcome[0] for outcome in outcomes)
    failures = [failure for outcome in outcomes for failure in outcome[1]]
    dead = [times for outcome in outcomes for times in outcome[2]]
    saves = set().union(*(outcome[3] for outcome in outcomes))
    opened = sum(outcome[4] for outcome in outcomes)
    # An answer may come a moment after the origin is back: what counts is that it was down meanwhile.
    stray = [times for times in dead if not any(a <= times[1] and times[0] <= b for a, b in changes.downs)]
    print(f"requests          {made} of {arguments.requests} in {seconds:.0f} s, {made / seconds:.0f} a second, "
          f"{len(outcomes)} clients, {opened} connections")
    print(f"reloads           {sum(node.saves() for node in nodes)} live of {changes.saved} saves, "
          f"{len(saves)} of them seen by requests")
    print(f"takeover          serving after {served:.2f} s, the first process ended after {ended:.2f} s, "
          f"{during} requests meanwhile")
    print(f"origin killed     {len(changes.downs)} times; {len(dead)} requests to it while dead got 502 or 504")
    print(f"failed            {len(failures)} others, {len(stray)} to the killed origin while it was up")
    for failure in failures[:20]:
        print("  " + failure)
    if failures:
        for node in nodes:
            print("".join(node.log[-10:]))
    wanted = made >= arguments.requests and not failures and not stray
    # A short run on a fast machine may be over before anything has changed.
    changed = changes.downs and len(saves) > 1 and during > 0
    return 0 if wanted and (changed or seconds < 5) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--limit", type=float, default=3600)
    parser.add_argument("--smoke", action="store_true", help="20,000 requests")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.requests, arguments.clients, arguments.limit = 20_000, 4, 300
    folder = pathlib.Path(tempfile.mkdtemp(prefix="portico-reloads-"))
    try:
        sys.exit(run(arguments, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
