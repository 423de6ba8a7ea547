"""Prefect as Surefoot runs it: server where none is given, the deployments, a worker; started and stopped together."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from commands.address import checked
from surefoot.errors import ConfigError, SurefootError, Unavailable

POOL = "surefoot"
# A first start makes the database; on a busy machine that was seen to take 15 s.
_START_S = 120.0
# Prefect gives a run this long between Cancel and SIGKILL; so the way back has it too.
_STOP_S = 35.0
# Nothing leaves the machine, and nothing is pickled that somebody else may have written.
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # gRPC says a line at every fork otherwise; runs fork nothing that uses it.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_LOGGING_COLORS": "false",
}

Say = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Engine:
    """A Prefect that is up: its API, its pages, the environment that runs get, and what was started, with its log."""

    api_url: str
    environ: Mapping[str, str]
    parts: dict[str, tuple[asyncio.subprocess.Process, Path]] = field(default_factory=dict)

    @property
    def ui_url(self) -> str:
        """Return the address of its pages."""
        return self.api_url.removesuffix("/api")

    async def ended(self) -> str:
        """Return, once a part that was started has ended by itself, which and how."""
        waiting = {asyncio.ensure_future(process.wait()): name for name, (process, _) in self.parts.items()}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
        first = next(iter(done))
        name = waiting[first]
        return f"{name} has ended with {first.result()}; see {self.parts[name][1]}"


def root() -> Path:
    """Return the folder that holds flows/ and prefect.yaml."""
    import flows  # noqa: PLC0415 (the package is empty; it only says where it is)

    return Path(str(flows.__file__)).parent.parent


@asynccontextmanager
async def started(
    home: Path, environ: Mapping[str, str], port: int = 4200, say: Say = lambda _what, _seconds: None
) -> AsyncIterator[Engine]:
    """Run what is missing while the block runs; a server that PREFECT_API_URL names is used as it is.

    Unavailable when something does not come up, with the end of what it wrote.
    """
    async with AsyncExitStack() as stack:
        scratch = home / "tmp"
        await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True)
        given = environ.get("PREFECT_API_URL", "")
        if given:
            checked(given)
        url = given or f"http://127.0.0.1:{port}/api"
        own = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url}
        # Prefect leaves a folder of its own where temporary files go.
        engine = Engine(url, {**environ, **_SETTINGS, **own, "TMPDIR": str(scratch)})
        os.environ.update({**_SETTINGS, **own})
        began = time.monotonic()
        if not given:
            _refuse_if_taken(port)
            server = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
            process = await stack.enter_async_context(child(server, engine.environ, home / "server.log"))
            await _until(lambda: _healthy(url), process, home / "server.log", "the Prefect server")
            engine.parts["the Prefect server"] = (process, home / "server.log")
        say("prefect", time.monotonic() - began)
        began = time.monotonic()
        await _create_pool()
        worker = ["worker", "start", "--pool", POOL, "--type", "process"]
        process = await stack.enter_async_context(child(worker, engine.environ, home / "worker.log"))
        engine.parts["the worker"] = (process, home / "worker.log")
        await _apply(engine, home)
        say("worker", time.monotonic() - began)
        try:
            yield engine
        finally:
            if not given:
                await asyncio.shield(_put_back_what_runs())


@asynccontextmanager
async def child(
    arguments: list[str], environ: Mapping[str, str], log: Path, module: str = "prefect"
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `python -m MODULE …` while the block runs: in a session of its own, so that a Ctrl-C is ours to handle.

    On a leash: whatever this process dies of, the child does not outlive it; left alone it would keep its port.
    """
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rehearsal.leash", str(os.getpid())),
            *(sys.executable, "-m", module, *arguments),
            env=dict(environ),
            cwd=root(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
            umask=0o077,
        )
    try:
        yield process
    finally:
        await asyncio.shield(_stop(process))


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a child and all it started: asked first, then not asked."""
    for number, wait_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        if process.returncode is not None:
            break
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), wait_s)
        except TimeoutError:
            continue
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def _until(
    true: Callable[[], Awaitable[bool]], process: asyncio.subprocess.Process, log: Path, what: str
) -> None:
    deadline = time.monotonic() + _START_S
    while not await true():
        if process.returncode is not None or time.monotonic() > deadline:
            raise Unavailable(f"{what} did not come up; the end of {log}:{_end_of(log)}")
        await asyncio.sleep(0.1)


def _end_of(log: Path) -> str:
    return "".join(f"\n  {line}" for line in log.read_text(errors="replace").splitlines()[-8:])


async def _healthy(url: str) -> bool:
    import httpx  # noqa: PLC0415 (--help does without)

    try:
        async with httpx.AsyncClient(timeout=2) as http:
            return (await http.get(f"{url}/health")).status_code == 200
    except httpx.HTTPError:
        return False


def _refuse_if_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as problem:
            raise ConfigError(f"--port: {port} is not for this user to listen on; choose one from 1024 on") from problem
        except OSError as problem:
            raise SurefootError(
                f"port {port} is taken: another Prefect server? Use it with "
                f"PREFECT_API_URL=http://127.0.0.1:{port}/api, or choose another with --port"
            ) from problem


async def _create_pool() -> None:
    from tasks.automations import create_pool  # noqa: PLC0415 (loads prefect)

    await create_pool(POOL)


async def _apply(engine: Engine, home: Path) -> None:
    """Create every deployment of prefect.yaml, and the automations."""
    from tasks.automations import apply_automations  # noqa: PLC0415 (loads prefect)

    log = home / "deploy.log"
    async with child(["--no-prompt", "deploy", "--all"], engine.environ, log) as process:
        if await asyncio.wait_for(process.wait(), _START_S):
            raise Unavailable(
                f"the deployments could not be applied to {engine.api_url}; the end of {log}:{_end_of(log)}"
            )
    await apply_automations()


async def _put_back_what_runs() -> None:
    """Cancel the runs at work, so that their way back finishes before their server goes."""
    from tasks.automations import cancel_running  # noqa: PLC0415 (loads prefect)

    await cancel_running(_STOP_S)
