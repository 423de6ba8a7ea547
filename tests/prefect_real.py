"""A real Prefect for tests: one server a session, its deployments, a worker where one is asked for, and a rehearsal.

`tests/conftest.py` imports the fixtures, so a test only names them:

    def test_…(prefect):            the session's `RealPrefect`: server up, deployments applied, nothing else runs
    def test_…(prefect, worker):    … and a process worker; runs start by themselves
    async def test_…(prefect, within):   … and this process talks to that server: `await prefect.execute(run_id)` runs
                                    a run's flow right here, in a fraction of a second, without any worker

    prefect.service("shop-7", approvers=["ana"])    a service with staging and production, live at 1.0.0 on the cloud
    prefect.verified("shop-7", "1.1.0")             a release that staging has verified -> its id
    prefect.start("deploy-production", service="shop-7", release=id)     -> the run's id
    prefect.wait(run, "Suspended")                  the name of its state, once it is one of these
    prefect.form(run)                               -> (schema, description) of the form that it waits for
    prefect.resume(run, decision="approve", name="ana", comment="")      -> (status, reason)
    prefect.keep(approvals.waiting, "shop-7/production")    one function of the store
    prefect.cancel(run)                             what the UI's Cancel does
    prefect.kill_server(), prefect.start_server()   the database stays
    prefect.environ                                 for processes of one's own: store, services, API, Slack token

Everything listens on loopback, lives in a folder of its own, and is ended by its process id. The watchdog's schedule
is off: a test that wants it starts `watchdog` itself. Each test takes a service name of its own, and ends its runs.
"""

import asyncio
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

# Above the rehearsal's own, which are many.
_PORTS = range(30_000, 32_700)
ROOT = Path(__file__).parent.parent
_UP_S = 120.0
_TOKEN = "xoxb-rehearsal"
_IMAGE = "registry.rehearsal/shop"
# A rollout without holds: what is tested is what happens around it.
STEPS = ({"traffic": "100%", "watch": "0s"},)


def _side(errors: int, p95_ms: float) -> dict[str, float]:
    return {"requests": 100, "errors": errors, "errors_percent": 1.0 * errors, "p50_ms": 20.0, "p95_ms": p95_ms}


# What staging has seen: one request in 400 failed on either side.
_SIDES = (
    (_side(0, 181.0), _side(0, 180.0)),
    (_side(1, 178.0), _side(0, 183.0)),
    (_side(0, 184.0), _side(1, 179.0)),
    (_side(0, 180.0), _side(0, 182.0)),
)
LOOKS = tuple(
    {
        "at": f"{at}, look {number}",
        "outcome": "PASS" if number == 4 else "INCONCLUSIVE",
        "reason": f"errors {number > 2:d} of {number}00 vs {number > 1:d} of {number}00; p95 182 ms vs 181 ms",
        "stable": stable,
        "canary": canary,
    }
    for at in ("0 %", "100 %")
    for number, (stable, canary) in enumerate(_SIDES, 1)
)


def _free_port() -> int:
    """Return a port below those that systems hand out: one of these could be taken before the server has it."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port from {_PORTS.start} to {_PORTS.stop - 1}")


class RealPrefect:
    """A server with its deployments, a rehearsal cloud and Slack, a store and a folder of service files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.store = home / "store.db"
        self.services = home / "services"
        self.addresses: dict[str, str] = {}
        self.has_results_block = False
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SUREFOOT_"))},
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
            "DO_NOT_TRACK": "1",
            "SUREFOOT_STORE": str(self.store),
            "SUREFOOT_SERVICES": str(self.services),
            "REHEARSAL_SLACK_TOKEN": _TOKEN,
        }
        self._created: set[str] = set()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.http = httpx.Client(base_url=f"{self.url}/api", timeout=30)

    # Processes

    def start_server(self) -> None:
        """Start the server and wait until it answers; its database is kept between starts."""
        self._start("server", "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self._until(self._healthy, "the Prefect server")

    def kill_server(self) -> None:
        """End the server as a power cut would."""
        self.kill("server")

    def start_worker(self) -> None:
        """Start a process worker; returns once the server knows it."""
        self._start("worker", "-m", "prefect", "worker", "start", "--pool", "surefoot", "--type", "process")
        self._until(self._worker_online, "the worker")

    def start_rehearsal(self) -> None:
        """Start the cloud and the Slack of the rehearsal."""
        announced = self.home / "addresses.json"
        more = ("--state", str(self.home / "cloud"), "--announce", str(announced), "--channel", "shop-releases")
        self._start("rehearsal", "-m", "rehearsal", *more)
        self._until(announced.exists, "the rehearsal")
        self.addresses = json.loads(announced.read_text())
        self.environ["SUREFOOT_REGISTRIES"] = self.addresses["registry"]

    def apply(self) -> None:
        """Create the work pool and every deployment of prefect.yaml; the watchdog's schedule is switched off."""
        self.http.post("/work_pools/", json={"name": "surefoot", "type": "process"}).raise_for_status()
        log = (self.home / "deploy.log").open("wb")
        with log:
            command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
            done = subprocess.run(
                command, env=self.environ, cwd=ROOT, stdout=log, stderr=log, timeout=_UP_S, check=False
            )
        assert done.returncode == 0, (self.home / "deploy.log").read_text()[-2000:]
        watchdog = self._deployment("watchdog")
        self.http.patch(f"/deployments/{watchdog['id']}", json={"paused": True}).raise_for_status()

    def kill(self, name: str) -> None:
        """End one process and its children at once, by their process group."""
        process = self._running.pop(name, None)
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def stop(self, name: str) -> None:
        """Ask one process to end, and wait until it has."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)

    def log(self, name: str) -> str:
        """Return what `server`, `worker` or `rehearsal` wrote."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        """End everything that was started."""
        self.http.close()
        for name in ("worker", "server", "rehearsal"):
            self.kill(name)

    def _start(self, name: str, *arguments: str) -> None:
        assert name not in self._running, f"{name} runs already"
        # On the rehearsal's leash: a test run that is killed takes them along.
        command = [sys.executable, str(ROOT / "rehearsal" / "leash.py"), str(os.getpid()), sys.executable, *arguments]
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, env=self.environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def _until(self, true: Any, what: str) -> None:
        deadline = time.monotonic() + _UP_S
        while not true():
            assert time.monotonic() < deadline, f"{what} is not up after {_UP_S:.0f} s"
            time.sleep(0.1)

    def _healthy(self) -> bool:
        assert self._running["server"].poll() is None, self.log("server")[-2000:]
        try:
            return self.http.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _worker_online(self) -> bool:
        assert self._running["worker"].poll() is None, self.log("worker")[-2000:]
        workers = self.http.post("/work_pools/surefoot/workers/filter", json={}).json()
        return any(worker["status"] == "ONLINE" for worker in workers)

    # Services and releases

    def service(
        self,
        name: str,
        *,
        approvers: Sequence[str] = (),
        within: str = "1h",
        steps: Sequence[dict[str, str]] = STEPS,
        **rollout: Any,
    ) -> None:
        """Write a service file, and bring its two places up on the cloud at 1.0.0. Again, it only writes the file."""
        plan = {"steps": list(steps), "look": "1s", "compare": "0s", "bake": "0s", "probes_per_second": 10, **rollout}
        slack = {
            "channel": "#shop-releases",
            "token": {"env": "REHEARSAL_SLACK_TOKEN"},
            "api_url": self.addresses["slack"],
        }

        def place(service_id: str) -> dict[str, Any]:
            target = {"kind": "cloud_run", "project": "rehearsal", "region": "laptop", "service": service_id}
            target |= {"endpoint": self.addresses["grpc"], "poll_every": "100ms"}
            return {"target": target, "rollout": plan, "notices": {"slack": slack}}

        approval = {"within": within, **({"approvers": list(approvers)} if approvers else {})}
        document = {
            "name": name,
            "repository": "https://github.com/example/shop",
            "checks": [{"name": "ready", "path": "/readyz", "expect": ["status == 200"]}],
            "environments": {"staging": place(f"{name}-st"), "production": {**place(name), "approval": approval}},
        }
        self.services.mkdir(exist_ok=True)
        file = self.services / f"{name}.yaml"
        file.write_text(json.dumps(document))
        if name not in self._created:
            self._created.add(name)
            _create(self.addresses["grpc"], [name])

    def verified(self, service: str, version: str = "1.1.0", commit: str = "4e1c9aa0aaaa", **more: Any) -> str:
        """Write into the store that staging has verified a release; return its id."""
        from surefoot.release import Commit, Image, Release  # noqa: PLC0415
        from tasks.clock import now  # noqa: PLC0415
        from tasks.store import releases  # noqa: PLC0415

        given = {"title": "Cart keeps its order", "commits": (Commit(commit, "Cart keeps its order", "Ana"),), **more}
        evidence = {"smoked": {"preview": "1 of 1", "public": "1 of 1"}, "verdicts": given.pop("verdicts", LOOKS)}
        release = Release(service, Image.parse(_image(version)), version, commit, **given)
        key = f"{service}/staging"
        seq = self.keep(releases.register, key, release, now(), f"seed-{uuid4()}")
        self.keep(releases.verify, key, seq, evidence, now())
        return release.id

    def image(self, version: str) -> str:
        """Return the rehearsal's image of a version, by digest."""
        return _image(version)

    def keep(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Run one function of the store in one transaction."""
        from tasks.store.database import Store  # noqa: PLC0415

        return Store.open(str(self.store)).run_here(fn, *args, **kwargs)

    # Runs

    def start(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run of a deployment; return its id."""
        found = self._deployment(deployment)
        wanted = {"parameters": parameters, "idempotency_key": str(uuid4())}
        return str(self._post(f"/deployments/{found['id']}/create_flow_run", wanted)["id"])

    def run(self, run: str) -> dict[str, Any]:
        """Return a run as the API has it."""
        return dict(self.http.get(f"/flow_runs/{run}").raise_for_status().json())

    def state(self, run: str) -> str:
        """Return the name of a run's state."""
        return str(self.run(run)["state"]["name"])

    def wait(self, run: str, *names: str, within_s: float = 60.0) -> str:
        """Wait until a run is in one of these states; what it says meanwhile is in the failure."""
        deadline = time.monotonic() + within_s
        while (found := self.state(run)) not in names:
            assert time.monotonic() < deadline, f"{found}, not {names}: {self.run(run)['state']}"
            time.sleep(0.1)
        return found

    def wait_form(self, run: str, words: str, within_s: float = 60.0) -> str:
        """Wait until a run asks with these words above its form; return all that is written there."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.run(run)["state"]["type"] == "PAUSED" and words in (page := self.form(run)[1]):
                return page
            time.sleep(0.1)
        raise AssertionError(f"{words!r} was not asked within {within_s:.0f} s: {self.run(run)['state']}")

    def form(self, run: str) -> tuple[dict[str, Any], str]:
        """Return the form a run waits for: its JSON schema, and what is written above it."""
        keys = self.run(run)["state"]["state_details"]["run_input_keyset"]
        schema, description = (
            self.http.get(f"/flow_runs/{run}/input/{keys[what]}").raise_for_status().json()
            for what in ("schema", "description")
        )
        return schema, description

    def resume(self, run: str, **answer: Any) -> tuple[str, str]:
        """Send a form in; return Prefect's status (ACCEPT, REJECT, ABORT) and its reason."""
        said = self._post(f"/flow_runs/{run}/resume", {"run_input": answer} if answer else {})
        return said["status"], str(said["details"].get("reason"))

    def set_state(self, run: str, type_: str, name: str | None = None) -> None:
        """Force a run into a state, as an operator with the API can, or a worker that lost its process does."""
        state = {"type": type_, "name": name or type_.title()}
        self._post(f"/flow_runs/{run}/set_state", {"state": state, "force": True})

    def cancel(self, run: str) -> None:
        """Do what the UI's Cancel does."""
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self._post(f"/flow_runs/{run}/set_state", {"state": state})

    async def execute(self, run: str) -> str:
        """Run the run's flow in this process until it ends or suspends; return its state's name. Needs `within`."""
        from prefect.client.orchestration import get_client  # noqa: PLC0415 (two seconds, only where it is used)
        from prefect.exceptions import Pause  # noqa: PLC0415
        from prefect.flow_engine import run_flow_async  # noqa: PLC0415

        from flows.deploy import deploy_production, deploy_staging  # noqa: PLC0415
        from flows.rollback import rollback  # noqa: PLC0415
        from flows.watchdog import watchdog  # noqa: PLC0415

        flows = {flow.name: flow for flow in (deploy_staging, deploy_production, rollback, watchdog)}
        async with get_client() as client:
            found = await client.read_flow_run(run)
            name = (await client.read_flow(found.flow_id)).name
        with suppress(Pause):  # what a suspended run ends its process with
            await run_flow_async(flows[name], flow_run=found, parameters=found.parameters, return_type="state")
        return await asyncio.to_thread(self.state, run)

    async def watch_over(self) -> str:
        """Let the watchdog look after everything once, in this process; return what it says. Needs `within`."""
        run = self.start("watchdog")
        await self.execute(run)
        return str(self.run(run)["state"]["message"])

    def slack(self) -> list[dict[str, Any]]:
        """Return the channel's messages, the oldest first."""
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        with httpx.Client(base_url=self.addresses["slack"], headers=headers) as slack:
            body = {"channel": "#shop-releases", "limit": 200}
            found = slack.post("conversations.history", data=body).json()
        assert found["ok"], found
        return list(reversed(found["messages"]))

    def hurt(self, service: str, version: str, commit: str = "4e1c9aa0aaaa", **fault: Any) -> None:
        """Make the service's revision of a release do something wrong from now on."""
        from surefoot.release import Image, Release  # noqa: PLC0415

        revision = Release(service, Image.parse(_image(version)), version, commit).revision_name(service)
        url = f"{self.addresses['control']}/faults/revisions/{revision}"
        httpx.put(url, params={"service": service}, json=fault).raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post; a server whose SQLite is busy has done nothing, and wants to be asked again."""
        deadline = time.monotonic() + _UP_S
        while (answered := self.http.post(path, json=body)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            assert time.monotonic() < deadline, answered.text
            time.sleep(0.2)
        return dict(answered.raise_for_status().json())

    def _deployment(self, name: str) -> dict[str, Any]:
        return dict(self.http.get(f"/deployments/name/{name}/{name}").raise_for_status().json())


def _create(endpoint: str, services: Sequence[str]) -> None:
    import grpc  # noqa: PLC0415
    from google.cloud import run_v2  # noqa: PLC0415
    from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport  # noqa: PLC0415

    container = run_v2.Container(image=_image("1.0.0"))
    wanted = run_v2.Service(template=run_v2.RevisionTemplate(containers=[container]))
    with grpc.insecure_channel(endpoint.removeprefix("grpc://")) as channel:
        client = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
        parent = "projects/rehearsal/locations/laptop"
        for service in services:
            settled(client.create_service(parent=parent, service_id=service, service=wanted))


def settled(operation: Any) -> Any:
    """Return what a long-running operation of the rehearsal came to; Google's own default looks once a second."""
    deadline = time.monotonic() + _UP_S
    while not operation.done():
        assert time.monotonic() < deadline, operation.operation
        time.sleep(0.05)
    return operation.result()


def _image(version: str) -> str:
    from rehearsal.catalogue import SAMPLE, Catalogue  # noqa: PLC0415

    return f"{_IMAGE}@{Catalogue.load(SAMPLE).digest(f'{_IMAGE}:{version}')}"


def _start_with_deployments(real: RealPrefect, shared: Path) -> None:
    """Start the server; of several test processes one makes tables and deployments, the others copy."""
    made, own = shared / "prefect-made.db", real.home / "prefect" / "prefect.db"
    if "PYTEST_XDIST_WORKER" not in os.environ:
        real.start_server()
        real.apply()
        return
    with (shared / "prefect-made.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            real.start_server()
            real.apply()
            with closing(sqlite3.connect(own)) as source, closing(sqlite3.connect(made)) as copy:
                source.backup(copy)
            return
    own.parent.mkdir(parents=True)
    shutil.copy(made, own)
    real.start_server()


async def _migrate(path: Path) -> None:
    from tasks.store.database import Store  # noqa: PLC0415

    store = Store.open(str(path))
    await store.migrate()
    await store.close()


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrefect]:
    """Start a server with all deployments, and a rehearsal; without a worker."""
    real = RealPrefect(tmp_path_factory.mktemp("prefect"))
    try:
        real.start_rehearsal()
        _start_with_deployments(real, tmp_path_factory.getbasetemp().parent)
        asyncio.run(_migrate(real.store))
        yield real
    finally:
        real.close()


@pytest.fixture
def worker(prefect: RealPrefect) -> Iterator[RealPrefect]:
    """Have a process worker while the test runs, so that runs start by themselves."""
    prefect.start_worker()
    yield prefect
    prefect.stop("worker")


@pytest.fixture
def within(prefect: RealPrefect, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealPrefect]:
    """Let this process talk to the server, and have its store and service files."""
    with talking_to(prefect, monkeypatch):
        yield prefect


@contextmanager
def talking_to(prefect: RealPrefect, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point this process' Prefect client and our settings at the server while the block runs."""
    from prefect.filesystems import LocalFileSystem  # noqa: PLC0415
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_API_URL,
        PREFECT_DEFAULT_RESULT_STORAGE_BLOCK,
        PREFECT_HOME,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    for name in ("SUREFOOT_STORE", "SUREFOOT_SERVICES", "SUREFOOT_REGISTRIES", "REHEARSAL_SLACK_TOKEN"):
        monkeypatch.setenv(name, prefect.environ[name])
    here = {
        PREFECT_API_URL: prefect.environ["PREFECT_API_URL"],
        PREFECT_HOME: Path(prefect.environ["PREFECT_HOME"]),
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(here):
        if not prefect.has_results_block:
            LocalFileSystem(basepath=str(prefect.home / "results")).save("tests", overwrite=True)
            prefect.has_results_block = True
        # Without a block, each run asks the server for its default, by a client that Prefect 3.8.8 leaves open.
        with temporary_settings({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: "local-file-system/tests"}):
            yield
