"""How many requests a second the splitter carries on one core, and whether a weight change drops any.

    python bench/splitter.py [--seconds 6] [--connections 16]

Beside it, where it is installed, haproxy with one thread, measured in the same run by the same loader. Loader, two tiny
backends and the proxy are a process each; the rate per core is requests for each second of the proxy's own CPU time, so
that it does not depend on what else the machine does. Ends with 1 when the splitter misses its bar or drops a request.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from rehearsal.backend import Backend, Backends
from rehearsal.splitter import Splitter

BAR_PER_CORE = 4_000
CHANGES = 100
_REQUEST = b"GET /products HTTP/1.1\r\nHost: shop\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
_LENGTH = re.compile(rb"(?i)content-length: (\d+)")
_HAPROXY = """
global
  nbthread 1
  stats socket {socket} level admin
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen splitter
  bind 127.0.0.1:{port}
  balance roundrobin
  server a 127.0.0.1:{a} weight 90
  server b 127.0.0.1:{b} weight 10
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What the loader saw: whole answers by who answered, answers that were not whole and good, and seconds."""

    answers: Counter[str]
    failures: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def requests(self) -> int:
        """Return how many answers were whole and good."""
        return sum(self.answers.values())


class _TinyBackend(asyncio.Protocol):
    """Answers every request head with its name."""

    def __init__(self, name: str) -> None:
        self._answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


class _LoaderConnection(asyncio.Protocol):
    """Asks, waits for the whole answer, asks again."""

    def __init__(self, load: "_Loader") -> None:
        self._load = load
        self._raw = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        self._raw += data
        end = self._raw.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self._raw, 0, end) if end > 3 else None
        if length is None or len(self._raw) < end + int(length[1]):
            return
        if self._raw.startswith(b"HTTP/1.1 200"):
            self._load.answers[self._raw[end:].decode()] += 1
        else:
            self._load.failures += 1
        self._load.latencies_s.append(time.perf_counter() - self._asked)
        self._raw = b""
        if self._load.over:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        self._load.left -= 1
        if not self._load.over:
            self._load.failures += 1
        if not self._load.left:
            self._load.ended.set()


class _Loader:
    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures = 0
        self.latencies_s: list[float] = []
        self.left = 0
        self.over = False
        self.ended = asyncio.Event()


async def _backend(name: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _TinyBackend(name), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _load(port: int, connections: int, seconds: float) -> None:
    loop, load = asyncio.get_running_loop(), _Loader()
    began = time.perf_counter()
    load.left = connections
    for _ in range(connections):
        await loop.create_connection(lambda: _LoaderConnection(load), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    load.over = True
    async with asyncio.timeout(10):
        await load.ended.wait()
    cuts = statistics.quantiles(load.latencies_s, n=100)
    print(json.dumps([load.answers, load.failures, time.perf_counter() - began, cuts[49] * 1000, cuts[98] * 1000]))


async def _splitter(a: int, b: int) -> None:
    """Serve; each line from stdin is the two weights to go to, answered once they are in force."""
    splitter = await Splitter.listen(service="bench")
    rows = [Backends(name, (Backend("127.0.0.1", port),)) for name, port in (("a", a), ("b", b))]
    splitter.route(list(zip(rows, (90, 10), strict=True)))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(splitter.port, flush=True)
    while line := await reader.readline():
        splitter.route(list(zip(rows, map(int, line.split()), strict=True)))
        print("done", flush=True)
    await splitter.close()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy under test: its port, how weights are changed, and its CPU seconds so far."""

    name: str
    port: int
    change: Callable[[int, int], object]
    cpu_s: Callable[[], float]


def _role(*words: object) -> list[str]:
    return [sys.executable, __file__, *map(str, words)]


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _our_splitter(a: int, b: int) -> Iterator[Proxy]:
    with _running(_role("splitter", a, b)) as process:
        port = int(_said(process))

        def change(to_a: int, to_b: int) -> None:
            print(to_a, to_b, file=process.stdin, flush=True)
            _said(process)

        yield Proxy("splitter", port, change, lambda: _cpu_s(process.pid))


@contextmanager
def _haproxy(a: int, b: int) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        admin = f"{folder}/admin"
        config = Path(folder, "haproxy.cfg")
        config.write_text(_HAPROXY.format(socket=admin, port=port, a=a, b=b))
        with _running([shutil.which("haproxy") or "haproxy", "-db", "-f", str(config)]) as process:
            _until_open(port)

            def change(to_a: int, to_b: int) -> None:
                with socket.socket(socket.AF_UNIX) as runtime:
                    runtime.connect(admin)
                    runtime.sendall(f"set weight splitter/a {to_a}; set weight splitter/b {to_b}\n".encode())
                    while runtime.recv(4096):
                        pass

            yield Proxy("haproxy", port, change, lambda: _cpu_s(process.pid))


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _loaded(proxy: Proxy, connections: int, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> Load:
    with _running(_role("load", proxy.port, connections, seconds)) as loader:
        meanwhile()
        answers, *numbers = json.loads(loader.communicate()[0])
    return Load(Counter(answers), *numbers)


def _measure(proxy: Proxy, connections: int, seconds: float) -> tuple[float, int]:
    """Print one proxy's row; return requests for each second of its CPU time, and how many it dropped."""
    before = proxy.cpu_s()
    still = _loaded(proxy, connections, seconds)
    per_core = still.requests / (proxy.cpu_s() - before)
    took_ms: list[float] = []

    def changes() -> None:
        for number in range(CHANGES):
            share = 1 + number % 99
            began = time.perf_counter()
            proxy.change(100 - share, share)
            took_ms.append((time.perf_counter() - began) * 1000)
            time.sleep(seconds / CHANGES / 1.2)

    changing = _loaded(proxy, connections, seconds, changes)
    proxy.change(90, 10)
    share = still.answers["b"] / still.requests
    dropped, asked = still.failures + changing.failures, still.requests + changing.requests
    print(
        f"{proxy.name:<9} {still.requests / still.seconds:>8,.0f} {per_core:>9,.0f}"
        f" {still.p50_ms:>7.2f} {still.p99_ms:>7.2f} {changing.requests / changing.seconds:>10,.0f}"
        f" {dropped:>4} of {asked:<9,} {statistics.median(took_ms):>6.2f} {max(took_ms):>6.1f} {share:>7.2%}"
    )
    return per_core, dropped


def main() -> int:
    """Measure and print; 1 when the splitter misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    print("            req/s  per core  p50 ms  p99 ms   changing  dropped           change ms  max  at 10 %")
    with _running(_role("backend", "a")) as one, _running(_role("backend", "b")) as two:
        ports = int(_said(one)), int(_said(two))
        with _our_splitter(*ports) as proxy:
            ours, dropped = _measure(proxy, asked.connections, asked.seconds)
        if shutil.which("haproxy"):
            with _haproxy(*ports) as proxy:
                theirs, _ = _measure(proxy, asked.connections, asked.seconds)
            print(f"The splitter carries {ours / theirs:.2f} of what haproxy does with a core.")
        else:
            print("haproxy is not installed: no peer to compare with.")
    print(f"Bar: {BAR_PER_CORE:,} requests/s on one core, none dropped in {CHANGES} changes.")
    return 0 if ours >= BAR_PER_CORE and not dropped else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["backend", name]:
            uvloop.run(_backend(name))
        case ["load", port, connections, seconds]:
            uvloop.run(_load(int(port), int(connections), float(seconds)))
        case ["splitter", a, b]:
            uvloop.run(_splitter(int(a), int(b)))
        case _:
            sys.exit(main())
