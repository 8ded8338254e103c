#!/usr/bin/env python3
"""A storm of faults from both sides, with a witness whose every request must succeed.

usage: faults.py BINARY [--seconds S] [--clients N] [--smoke]

Clients vanish, stall, send garbage, half-close and never read; the origin stalls, resets, sends garbage,
closes early and answers early; a function's workers are killed. All the while witnesses ask for a page and
send a small body over kept connections and new ones. At the end the node's descriptors and children must be
back at the level they had when it was quiet, and its memory is printed.
"""
import argparse, asyncio, os, pathlib, random, signal, socket, ssl, struct, sys, time

from sidebyside import Stage, raise_file_limit

HOOK = """
exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  if (request.uri.startsWith('/hook-never')) return new Promise(() => setInterval(() => {}, 1000));
  if (request.uri.startsWith('/hook-exit')) process.exit(1);
  if (request.uri.startsWith('/hook-throw')) throw new Error('no');
  if (request.uri.startsWith('/hook-nonsense')) return { status: 'x' };
  return request;
};
"""
GARBAGE = [b"\0" * 50, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
           b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 70000, b"\x16\x03\x01" * 100]


def reset(writer):
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def origin(reader, writer):
    """Does what the request's path says."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.split(b"\r\n")
            method, path, _ = lines[0].split(b" ", 2)
            length = next((int(line.split(b":")[1]) for line in lines
                           if line.lower().startswith(b"content-length:")), 0)
            kind = path.split(b"?")[0].strip(b"/")
            if kind == b"early":
                writer.write(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
                await writer.drain()
                break
            if length:
                await reader.readexactly(length)
            if kind == b"stall":
                await reader.read(1)
                break
            if kind == b"reset":
                return reset(writer)
            if kind == b"garbage":
                writer.write(os.urandom(200))
            elif kind == b"both":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            elif kind == b"half":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50000)
            elif kind == b"flood":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in range(400):
                    writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
            await writer.drain()
            if kind in (b"garbage", b"both", b"half"):
                break
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
        pass
    finally:
        writer.transport.abort() if random.random() < 0.1 else writer.close()


class Storm:
    def __init__(self, port, seconds):
        self.port, self.end = port, time.monotonic() + seconds
        self.context = ssl._create_unverified_context()
        self.faults, self.good, self.bad = {}, 0, []
        self.slow = 0.0

    def connect(self):
        return asyncio.open_connection("127.0.0.1", self.port, ssl=self.context,
                                       server_hostname="localhost")

    async def answer(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length:"))
        return int(head.split(b" ")[1]), await reader.readexactly(length)

    async def witness(self):
        """Good requests only; each must be answered."""
        while time.monotonic() < self.end:
            reader, writer = await self.connect()
            try:
                for number in range(random.randint(1, 50)):
                    started = time.monotonic()
                    if number % 3:
                        writer.write(b"GET /good HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    else:
                        writer.write(b"POST /good HTTP/1.1\r\nHost: localhost\r\n"
                                     b"Content-Length: 5\r\n\r\nhello")
                    status, body = await asyncio.wait_for(self.answer(reader), 30)
                    self.slow = max(self.slow, time.monotonic() - started)
                    if status == 200 and body == b"good":
                        self.good += 1
                    else:
                        self.bad.append(f"{status} {body[-900:]}")
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.bad.append(repr(error))
            finally:
                writer.close()

    async def troublemaker(self):
        kinds = [getattr(self, name) for name in dir(self) if name.startswith("fault_")]
        while time.monotonic() < self.end:
            fault = random.choice(kinds)
            name = fault.__name__.removeprefix("fault_")
            self.faults[name] = self.faults.get(name, 0) + 1
            try:
                reader, writer = await asyncio.wait_for(self.connect(), 20)
            except (OSError, asyncio.TimeoutError):
                continue
            try:
                await asyncio.wait_for(fault(reader, writer), 3)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                    asyncio.LimitOverrunError, StopIteration, RuntimeError, ValueError):
                pass
            finally:
                reset(writer) if random.random() < 0.5 else writer.close()

    async def ask(self, reader, writer, path):
        writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
        await self.answer(reader)

    async def fault_origin(self, reader, writer):
        path = random.choice([b"/reset", b"/garbage", b"/both", b"/half", b"/stall"])
        await self.ask(reader, writer, path)

    async def fault_function(self, reader, writer):
        await self.ask(reader, writer, random.choice(
            [b"/hook-exit", b"/hook-throw", b"/hook-nonsense"]))

    async def fault_vanish_in_head(self, reader, writer):
        writer.write(b"GET /good HTTP/1.1\r\nHo")
        await writer.drain()

    async def fault_vanish_in_body(self, reader, writer):
        writer.write(b"PUT /good HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n"
                     + b"x" * random.randint(0, 800000))
        await writer.drain()

    async def fault_vanish_in_answer(self, reader, writer):
        writer.write(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readexactly(random.randint(1, 3_000_000))

    async def fault_vanish_at_once(self, reader, writer):
        writer.write(b"GET /stall HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await writer.drain()

    async def fault_never_reads(self, reader, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        await writer.drain()
        await asyncio.sleep(random.random())

    async def fault_garbage(self, reader, writer):
        writer.write(random.choice(GARBAGE))
        await reader.read()

    async def fault_early_answer(self, reader, writer):
        writer.write(b"PUT /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
                     + b"x" * 100000)
        await self.answer(reader)

    async def killer(self, pid):
        """Kills a worker now and then."""
        killed = 0
        while time.monotonic() < self.end:
            await asyncio.sleep(0.5)
            workers = children(pid)
            if workers:
                try:
                    os.kill(random.choice(workers), signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
        return killed


def children(pid):
    """The direct children of a process, zombies included."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{name}/stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
            except OSError:
                pass
    return found


def counts(pid):
    return len(os.listdir(f"/proc/{pid}/fd")), len(children(pid))


def resident(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


async def quiet(pid):
    """The counts once they have stood still for seven seconds, two more than an idle connection to an origin lives."""
    last, since = None, time.monotonic()
    while time.monotonic() < since + 7:
        now = counts(pid)
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.2)
    return last


async def back(pid, level):
    """The counts once both are down at a level, and how long that took.

    A viewer that vanished without a word is found out when its deadline passes: 30 seconds for one that takes
    nothing, 60 for one that asks nothing.
    """
    began = time.monotonic()
    while time.monotonic() < began + 75:
        now = counts(pid)
        if now[0] <= level[0] and now[1] <= level[1]:
            break
        await asyncio.sleep(0.2)
    return now, time.monotonic() - began


async def run(options):
    server = await asyncio.start_server(origin, "127.0.0.1", 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    with Stage("faults") as stage:
        pid, https = stage.portico(options.binary, port, hook=HOOK, keepalive=5)
        warm = Storm(https, 1)
        await asyncio.gather(*(warm.witness() for _ in range(8)))
        level, before = await quiet(pid), resident(pid)
        storm = Storm(https, options.seconds)
        killed = asyncio.create_task(storm.killer(pid))
        await asyncio.gather(*(storm.witness() for _ in range(4)),
                             *(storm.troublemaker() for _ in range(options.clients)))
        killed, during = await killed, resident(pid)
        # Workers that died idle are replaced when they are needed: ask once more.
        again = Storm(https, 1)
        await asyncio.gather(*(again.witness() for _ in range(8)))
        after, took = await back(pid, level)
        end = resident(pid)
    print(f"{storm.good} good requests, {len(storm.bad)} failed, slowest {storm.slow * 1000:.0f} ms; "
          f"{sum(storm.faults.values())} faults, {killed} workers killed")
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(storm.faults.items())))
    print(f"descriptors and children {level} before, {after} {took:.0f} s after; "
          f"memory {before:.0f} MiB before, {during:.0f} at the end of the storm, {end:.0f} after")
    for text in storm.bad[:5]:
        print(f"failed: {text}", file=sys.stderr)
    # A killed worker takes the request that it had with it; nothing else may fail.
    if len(storm.bad) > killed or after[0] > level[0] or after[1] > level[1] or again.bad:
        sys.exit("FAILED")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--clients", type=int)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    options.seconds = options.seconds or (3 if options.smoke else 60)
    options.clients = options.clients or (8 if options.smoke else 64)
    raise_file_limit()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
