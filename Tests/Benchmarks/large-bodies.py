#!/usr/bin/env python3
"""A huge response and a huge upload through the TLS front in constant memory.

usage: large-bodies.py BINARY [--size BYTES] [--most MIB] [--smoke]

The size (default 10 GiB; --smoke 256 MiB) goes down with a length, down in chunks, and up with a length.
The node's resident memory is read every 50 ms; it may grow by --most MiB (default 64).
"""
import argparse, pathlib, socket, ssl, sys, threading, time

from sidebyside import Stage

MIB = 1 << 20


class Origin(threading.Thread):
    """Answers GET with zeros, and PUT with the number of bytes that came."""

    def __init__(self, size):
        super().__init__(daemon=True)
        self.size = size
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, rest = data.split(b"\r\n\r\n", 1)
            if head.startswith(b"PUT"):
                self.take(connection, len(rest))
            else:
                self.give(connection, chunked=b"/chunks" in head.split(b"\r\n")[0])

    def take(self, connection, count):
        room = bytearray(MIB)
        while count < self.size:
            got = connection.recv_into(room)
            if got == 0:
                return
            count += got
        text = str(count).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(text), text))

    def give(self, connection, chunked):
        piece = bytes(MIB)
        if chunked:
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            for _ in range(self.size // len(piece)):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                               % self.size)
            for _ in range(self.size // len(piece)):
                connection.sendall(piece)


class Memory(threading.Thread):
    """The most resident memory that a process had; unit: KiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.is_done = pid, 0, threading.Event()
        self.start()

    def now(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def run(self):
        while not self.is_done.wait(0.05):
            self.most = max(self.most, self.now())


def connect(port):
    raw = socket.create_connection(("127.0.0.1", port), 60)
    return ssl._create_unverified_context().wrap_socket(raw, server_hostname="localhost")


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            sys.exit("the connection ended before the answer's head")
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"unexpected answer {head[:300]!r}")
    return rest


def download(port, path):
    with connect(port) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path)
        count = len(read_head(connection))
        room = bytearray(MIB)
        while got := connection.recv_into(room):
            count += got
    return count


def upload(port, size):
    with connect(port) as connection:
        connection.sendall(b"PUT /up HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n" % size)
        piece = bytes(MIB)
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        text = read_head(connection)
        while more := connection.recv(1024):
            text += more
    return int(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--size", type=int)
    parser.add_argument("--most", type=int, default=64)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    size = options.size or (256 * MIB if options.smoke else 10 << 30)
    size -= size % MIB
    origin = Origin(size)
    origin.start()
    failed = False
    with Stage("large") as stage:
        pid, port = stage.portico(options.binary, origin.port)
        runs = [
            ("response with a length", lambda: download(port, b"/length")),
            ("response in chunks", lambda: download(port, b"/chunks")),
            ("upload with a length", lambda: upload(port, size)),
        ]
        for name, run in runs:
            memory = Memory(pid)
            before, started = memory.now(), time.monotonic()
            count = run()
            seconds = time.monotonic() - started
            memory.is_done.set()
            grown = (max(memory.most, memory.now()) - before) / 1024
            # Chunks come with their sizes around them: at least as many bytes as were asked for.
            is_whole = count >= size if "chunks" in name else count == size
            failed |= not is_whole or grown > options.most
            print(f"{name:>24}: {count / MIB:.0f} MiB in {seconds:.1f} s, {count / MIB / seconds:.0f} MiB/s, "
                  f"memory {before / 1024:.1f} MiB before, {grown:+.1f} MiB at most", flush=True)
    if failed:
        sys.exit("FAILED")


if __name__ == "__main__":
    main()
