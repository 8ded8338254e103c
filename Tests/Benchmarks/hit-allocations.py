#!/usr/bin/env python3
"""What a cache hit of 1 KiB over HTTP/1.1 takes from the allocator, and on which threads it is served.

usage: hit-allocations.py BINARY [--requests N] [--reactors N] [--most N] [--places]

The binary runs with a small library in front of the allocator, compiled here, that counts calls. One connection asks
for one stored object again and again; the counts before and after are compared, as are the switches of every thread
of the process: a hit that changed threads would wake a second one each time. `--most` fails above so many
allocations for each hit; a hit that wakes another thread fails always. `--places` prints where the allocations come
from, as far as the binary has names.
"""
import argparse
import collections
import mmap
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
enum { DEPTH = 14, PLACES = 4096 };
struct shared { volatile uint64_t calls, records, place[PLACES][DEPTH]; };
static struct shared *shared;
static __thread int inside;
static void *(*next_malloc)(size_t), *(*next_calloc)(size_t, size_t), *(*next_realloc)(void *, size_t);
static void *(*next_aligned)(size_t, size_t);
static int (*next_posix)(void **, size_t, size_t);
static void (*next_free)(void *);
static char early[1 << 16];
static size_t used;
static int is_finding;
/* Other libraries allocate before this one begins; what finding the functions takes itself comes from the buffer. */
static void find(void) {
    if (next_malloc || is_finding) return;
    is_finding = 1;
    next_free = dlsym(RTLD_NEXT, "free");
    next_calloc = dlsym(RTLD_NEXT, "calloc");
    next_realloc = dlsym(RTLD_NEXT, "realloc");
    next_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    next_posix = dlsym(RTLD_NEXT, "posix_memalign");
    next_malloc = dlsym(RTLD_NEXT, "malloc");
    is_finding = 0;
}
__attribute__((constructor)) static void begin(void) {
    find();
    void *warm[2];
    backtrace(warm, 2);
    const char *path = getenv("ALLOCATION_COUNTS");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) shared = map;
    unsetenv("LD_PRELOAD");
}
static void count(void) {
    if (!shared || inside) return;
    inside = 1;
    __atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
    if (shared->records) {
        uint64_t place = __atomic_fetch_add(&shared->records, 1, __ATOMIC_RELAXED) - 1;
        if (place < PLACES) {
            void *frames[DEPTH];
            int number = backtrace(frames, DEPTH);
            for (int index = 0; index < number; index++) shared->place[place][index] = (uint64_t)frames[index];
        }
    }
    inside = 0;
}
static void *take(size_t size) {
    void *found = early + used;
    used += (size + 63) & ~63ul;
    return used <= sizeof early ? found : NULL;
}
void *malloc(size_t size) {
    find();
    if (!next_malloc) return take(size);
    count();
    return next_malloc(size);
}
void *calloc(size_t number, size_t size) {
    find();
    if (!next_malloc) return take(number * size);
    count();
    return next_calloc(number, size);
}
static int is_early(void *place) { return (char *)place >= early && (char *)place < early + sizeof early; }
void free(void *old) {
    find();
    if (old && !is_early(old) && next_free) next_free(old);
}
void *realloc(void *old, size_t size) {
    find();
    if (is_early(old) || !next_malloc) {
        char *found = malloc(size);
        for (size_t index = 0; old && index < size && (char *)old + index < early + sizeof early; index++)
            found[index] = ((char *)old)[index];
        return found;
    }
    count();
    return next_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) { find(); count(); return next_aligned(alignment, size); }
int posix_memalign(void **found, size_t alignment, size_t size) { find(); count(); return next_posix(found, alignment, size); }
"""
DEPTH, PLACES = 14, 4096
# So many allocations in a fifth of a second are those of timers.
QUIET = 2000
TEMPLATE = """
Metadata: {{ Portico: {{ Buckets: {{ site: {bucket} }} }} }}
Resources:
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{{ Id: o, DomainName: site.s3.amazonaws.com, S3OriginConfig: {{}} }}]
        DefaultCacheBehavior:
          TargetOriginId: o
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
"""


def ask(connection, number):
    """Asks so many times on one connection; gives the last answer."""
    request = b"GET /a.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(number):
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536)
    return head + b"\r\n", body


def settle(counts):
    """Waits until what a node does in the background once it is ready has ended."""
    deadline, before = time.monotonic() + 60, None
    while time.monotonic() < deadline:
        now = struct.unpack_from("<Q", counts)[0]
        if before is not None and now - before < QUIET:
            return
        before = now
        time.sleep(0.2)
    sys.exit("the node does not come to rest")


def switches(pid):
    """How often each thread has given up its core of its own will."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "status").read_text()
        except FileNotFoundError:
            continue
        found[task.name] = int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", text)[1])
    return found


def names(pid, frames):
    """The binary's own names of addresses."""
    maps = []
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \d+\s+(/\S+)", line)
        if match:
            maps.append((int(match[1], 16), int(match[2], 16), int(match[3], 16), match[4]))
    wanted = collections.defaultdict(set)
    for frame in frames:
        for low, high, offset, path in maps:
            if low <= frame < high:
                wanted[path].add((frame, frame - low + offset))
    named = {}
    for path, places in wanted.items():
        places = sorted(places)
        done = subprocess.run(["addr2line", "-f", "-C", "-e", path, *[hex(place - 1) for _, place in places]],
                              capture_output=True, text=True)
        lines = done.stdout.splitlines()[::2]
        for (frame, _), name in zip(places, lines):
            named[frame] = name if name != "??" else pathlib.Path(path).name
    mangled = "\n".join(named.values())
    plain = subprocess.run(["swift", "demangle", "--simplified"], input=mangled, capture_output=True, text=True)
    if plain.returncode == 0:
        named = dict(zip(named, plain.stdout.splitlines()))
    return named


def places(pid, counts, number):
    found = collections.Counter()
    words = struct.unpack_from(f"<{PLACES * DEPTH}Q", counts, 16)
    records = min(PLACES, struct.unpack_from("<Q", counts, 8)[0] - 1)
    stacks = [words[index * DEPTH:(index + 1) * DEPTH] for index in range(records)]
    named = names(pid, {frame for stack in stacks for frame in stack if frame})
    for stack in stacks:
        own = [named.get(frame, "?") for frame in stack if frame][3:]
        own = [name for name in own if not name.startswith(("lib", "swift_", "?"))]
        found[" < ".join(own[:4])] += 1
    for place, count in found.most_common(25):
        print(f"{count / number:7.2f}  {place[:240]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--reactors", type=int, default=2)
    parser.add_argument("--most", type=float)
    parser.add_argument("--places", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portico-hit-") as folder:
        folder = pathlib.Path(folder)
        (folder / "count.c").write_text(LIBRARY)
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", folder / "count.so", folder / "count.c", "-ldl"], check=True)
        (folder / "site").mkdir()
        (folder / "site/a.bin").write_bytes(os.urandom(512).hex().encode())
        (folder / "template.yaml").write_text(TEMPLATE.format(bucket=folder / "site"))
        size = 16 + 8 * PLACES * DEPTH
        (folder / "counts").write_bytes(bytes(size))
        node = subprocess.Popen(
            [pathlib.Path(options.binary).resolve(), "up", "--state", folder / "state", "--https-port", "0", "--http-port", "0",
             "--api-port", "0", "--bind", "127.0.0.1", "--reactors", str(options.reactors)],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "LD_PRELOAD": str(folder / "count.so"), "ALLOCATION_COUNTS": str(folder / "counts")})
        try:
            port = None
            for line in node.stdout:
                match = re.match(r"https \d+  http (\d+)", line)
                port = int(match[1]) if match else port
                if line == "ready\n":
                    break
            with open(folder / "counts", "r+b") as file, mmap.mmap(file.fileno(), size) as counts, \
                    socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                head, body = ask(connection, 200)
                assert b"X-Cache: Hit from cloudfront" in head and len(body) == 1024, head
                settle(counts)
                before, threads = struct.unpack_from("<Q", counts)[0], switches(node.pid)
                ask(connection, options.requests)
                after, later = struct.unpack_from("<Q", counts)[0], switches(node.pid)
                if options.places:
                    number = max(1, min(40, int(PLACES / max(1, (after - before) / options.requests)) - 1))
                    struct.pack_into("<Q", counts, 8, 1)
                    ask(connection, number)
                    places(node.pid, counts, number)
        finally:
            node.terminate()
            node.wait(60)
        each = (after - before) / options.requests
        moved = sorted((later[thread] - threads.get(thread, 0) for thread in later), reverse=True)
        print(f"{each:.2f} allocations for each hit over HTTP/1.1; switches of the threads for {options.requests} hits: "
              + " ".join(str(number) for number in moved if number))
        # The one thread that serves waits for each request; timers wake others a few times a second at most.
        if sum(moved[1:]) > options.requests * 3 / 4:
            sys.exit("hits wake more than one thread")
        if options.most is not None and each > options.most:
            sys.exit(f"more than {options.most} allocations for each hit")


main()
