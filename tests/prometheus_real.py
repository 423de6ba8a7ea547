"""A real Prometheus for tests: a process on loopback with a folder of its own, that scrapes one address."""

import asyncio
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx

# Below what systems hand out, and below what Prefect's tests take.
_PORTS = range(24_000, 30_000)
_UP_S, _SCRAPED_S = 60.0, 30.0
EVERY = "200ms"
_CONFIG = """\
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs:
  - job_name: rehearsal
    metrics_path: /metrics
    static_configs: [{{targets: ["{target}"]}}]
"""


class RealPrometheus:
    """The process; it may be stopped and started again, and keeps what it has scraped."""

    def __init__(self, binary: Path, folder: Path, target: str) -> None:
        self.url = f"http://127.0.0.1:{_free_port()}"
        self._folder = folder
        config = folder / "prometheus.yml"
        config.write_text(_CONFIG.format(every=EVERY, target=urlsplit(target).netloc))
        self._command = [
            str(binary),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={urlsplit(self.url).netloc}",
            "--log.level=warn",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + _UP_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/-/ready", trust_env=False, timeout=5).is_success:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"prometheus did not start: {(self._folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop the process, and return when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def scraped(self) -> None:
        """Return when there is a scrape that began after this was called, and went well."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=5) as http:
            [_, since] = await _asked(http, "time()")
            async with asyncio.timeout(_SCRAPED_S):
                while not await _asked(http, f"(timestamp(up) > {since}) and (up == 1)"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # another process decides when


async def _asked(http: httpx.AsyncClient, query: str) -> list:
    answer = await http.get("/api/v1/query", params={"query": query})
    return answer.json()["data"]["result"]


@contextmanager
def running(binary: Path, folder: Path, target: str) -> Iterator[RealPrometheus]:
    """Run a Prometheus while the block runs."""
    prometheus = RealPrometheus(binary, folder, target)
    try:
        prometheus.start()
        yield prometheus
    finally:
        prometheus.stop()


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        with closing(socket.socket()) as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port from {_PORTS.start} to {_PORTS.stop - 1}")
