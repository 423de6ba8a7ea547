"""Revisions as real processes on this machine, each ready when its startup probe passes."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rehearsal.backend import Backend
from rehearsal.catalogue import Catalogue, Recipe

_HOST = "127.0.0.1"
# Below the ports that systems hand out to outgoing connections: one of those could take a port before its process does.
_PORTS = range(20_000, 30_000)
# Like a container, a revision sees its own environment, not ours: there may be secrets in ours.
_INHERITED = ("HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR")
_LEASH = str(Path(__file__).with_name("leash.py"))
_PROBE_EVERY_S = 0.02
_PROBE_TIMEOUT_S = 1.0
_LAST_LINES = 20


class LaunchFailed(Exception):
    """A revision did not become ready; nothing of it is left running."""


class ImageMissing(LaunchFailed):
    """No image of that name is in the catalogue."""


class Crashed(LaunchFailed):
    """A process ended before it was ready: its exit code (minus the signal, if one killed it) and last log lines."""

    def __init__(self, revision: str, exit_code: int, last_lines: tuple[str, ...]) -> None:
        super().__init__(f"{revision} exited with {exit_code} before it was ready{_quoted(last_lines)}")
        self.exit_code = exit_code
        self.last_lines = last_lines


class NeverReady(LaunchFailed):
    """A process ran for `seconds` without passing its startup probe."""

    def __init__(self, revision: str, seconds: float, last_lines: tuple[str, ...]) -> None:
        super().__init__(f"{revision} was not ready after {seconds:g} s{_quoted(last_lines)}")
        self.seconds = seconds
        self.last_lines = last_lines


@dataclass(frozen=True, slots=True)
class Instance:
    """One process of a revision, where it listens, and where it logs."""

    process: asyncio.subprocess.Process
    backend: Backend
    log: Path


@dataclass(slots=True)
class Platform:
    """Starts and stops the processes of revisions; none of them outlives this one."""

    catalogue: Catalogue
    log_dir: Path
    grace_s: float = 1.0
    _running: dict[str, list[Instance]] = field(init=False, default_factory=dict)

    async def launch(
        self,
        revision: str,
        image: str,
        *,
        service: str,
        env: Mapping[str, str] | None = None,
        instances: int = 1,
        startup_timeout_s: float = 240.0,
        probe_path: str | None = None,
    ) -> list[Backend]:
        """Start a revision and return its addresses once every instance passed its startup probe.

        The probe is a TCP connection, or a GET of `probe_path` answered 2xx or 3xx.
        Raises ImageMissing, Crashed or NeverReady; ValueError if the revision runs already.
        """
        started = await self.start(revision, image, service=service, env=env, instances=instances)
        try:
            probes = (_until_ready(revision, one, startup_timeout_s, probe_path) for one in started)
            await asyncio.gather(*probes)
        except BaseException:
            await self.stop(revision)
            raise
        return [instance.backend for instance in started]

    async def start(
        self,
        key: str,
        image: str,
        *,
        service: str,
        revision: str = "",
        env: Mapping[str, str] | None = None,
        instances: int = 1,
    ) -> list[Instance]:
        """Start processes and return them at once, ready or not; they are told `revision`, which is `key` if not given.

        Raises ImageMissing; ValueError if something runs under this key already.
        """
        recipe = self.catalogue.find(image)
        if recipe is None:
            raise ImageMissing(f"image {image} is not in the catalogue")
        if key in self._running:
            raise ValueError(f"revision {key} runs already")
        started = self._running[key] = []
        contract = {"K_SERVICE": service, "K_REVISION": revision or key, "K_CONFIGURATION": service}
        try:
            for number in range(instances):
                log = self.log_dir / f"{key}-{number}.log"
                port = _free_port({one.backend.port for running in self._running.values() for one in running})
                started.append(await _start(recipe, {**recipe.env, **(env or {}), **contract}, port, log))
        except BaseException:
            await self.stop(key)
            raise
        return started

    def alive(self, revision: str) -> bool:
        """Say whether any process of the revision still runs."""
        return any(instance.process.returncode is None for instance in self._running.get(revision, ()))

    def crash(self, revision: str) -> None:
        """Kill the revision's processes at once, as a fault would; they stay dead."""
        for instance in self._running.get(revision, ()):
            _signal(instance, signal.SIGKILL)

    async def stop(self, revision: str) -> None:
        """Ask the revision's processes to end, and kill those that have not after `grace_s` seconds."""
        await asyncio.gather(*(self._end(instance) for instance in self._running.pop(revision, ())))

    async def close(self) -> None:
        """Stop every revision."""
        await asyncio.gather(*(self.stop(revision) for revision in tuple(self._running)))

    async def _end(self, instance: Instance) -> None:
        _signal(instance, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(instance.process.wait(), self.grace_s)
        _signal(instance, signal.SIGKILL)  # the whole group: a child of its own may have stayed behind
        await instance.process.wait()


async def _start(recipe: Recipe, env: Mapping[str, str], port: int, log: Path) -> Instance:
    backend = Backend(_HOST, port)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", _LEASH, str(os.getpid()), *recipe.argv),
            env={**inherited, **env, "PORT": str(port)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    return Instance(process, backend, log)


async def _until_ready(revision: str, instance: Instance, timeout_s: float, probe_path: str | None) -> None:
    probing = asyncio.ensure_future(_probe_until_answered(instance.backend, probe_path))
    ending = asyncio.ensure_future(instance.process.wait())
    try:
        done, _ = await asyncio.wait({probing, ending}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        probing.cancel()
        ending.cancel()
        await asyncio.gather(probing, ending, return_exceptions=True)
    if ending in done:
        raise Crashed(revision, ending.result(), _last_lines(instance.log))
    if probing not in done:
        raise NeverReady(revision, timeout_s, _last_lines(instance.log))


async def _probe_until_answered(backend: Backend, path: str | None) -> None:
    while True:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                if await _answers(backend, path):
                    return
        await asyncio.sleep(_PROBE_EVERY_S)


async def _answers(backend: Backend, path: str | None) -> bool:
    reader, writer = await asyncio.open_connection(backend.host, backend.port)
    try:
        if path is None:
            return True
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {backend}\r\nConnection: close\r\n\r\n".encode())
        status_line = await reader.readline()
        return status_line[9:10] in (b"2", b"3")
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _free_port(taken: set[int]) -> int:
    for port in random.sample(_PORTS, 100):
        with socket.socket() as trial, suppress(OSError):
            if port not in taken:
                trial.bind((_HOST, port))
                return port
    raise OSError(f"no free port found from {_PORTS.start} to {_PORTS.stop - 1}")


def _signal(instance: Instance, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(instance.process.pid, number)


def _last_lines(log: Path) -> tuple[str, ...]:
    return tuple(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


def _quoted(lines: tuple[str, ...]) -> str:
    return "; it wrote nothing" if not lines else "; it wrote last:\n" + "\n".join(f"  {line}" for line in lines)
