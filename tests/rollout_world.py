"""Rollouts as tests make them: a cloud, a Slack and small images in this process, a store and service files.

async with World.start(folder) as world:            needs `world.environ` in os.environ: see the fixture `world`
    await world.service("shop", steps=[…])          a service file, and its place on the cloud, live at 1.0.0
    ended = await world.roll_out("shop", "1.1.0")   what a run does once it may: lease, climb, promote or put back
    world.live("shop"), world.mark("shop")          what the cloud itself says
    world.last("shop"), world.kinds("shop")         the store's row of the last rollout, and its ledger
    world.said()                                    every message in the Slack channel, the edited ones as they are
    async with world.users():                       users visit the public address meanwhile
    world.counted()                                 what the cloud's load balancer counted of them, by revision
"""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport

from rehearsal.catalogue import Catalogue, Recipe
from rehearsal.cloud import SLACK_TOKEN, Rehearsal
from rehearsal.cloud_run import CALLER_KEY, Pace
from rehearsal.crowd import Crowd
from rehearsal.faults import ApiFault
from rehearsal.splitter import PUBLIC, Place
from surefoot.errors import SurefootError
from surefoot.release import Image, Release
from tasks.store import lease, ledger, releases, rollouts
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

PARENT = "projects/rehearsal/locations/laptop"
REPOSITORY = "registry.rehearsal/shop"
CHANNEL = "releases"
# A small server; the standard library's takes three times as long to start. What is wrong with it is in WRONG.
_ANSWERS = """
import os, socket, threading, time
wrong = os.environ.get("WRONG", "")
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=256)
seen = 0
def answer(line):
    global seen
    path = line.recv(65536).split(b" ")[1:2]
    if path:
        seen += 1
        bad = (wrong == "smoke" and path == [b"/order"]) or (wrong == "errors" and seen > 6 and seen % 3 == 0)
        time.sleep(0.04 if wrong == "slow" else 0.008)
        body = os.environ["K_REVISION"].encode()
        head = b"HTTP/1.1 %s\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
        line.sendall(head % (b"500 Oh" if bad else b"200 OK", len(body)) + body)
    line.close()
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
"""
_IMAGES = {
    "1.0.0": (_ANSWERS, ""),
    "1.1.0": (_ANSWERS, ""),
    "1.2.0": (_ANSWERS, ""),
    "1.2.0-smoke": (_ANSWERS, "smoke"),
    "1.2.0-errors": (_ANSWERS, "errors"),
    "1.2.0-slow": (_ANSWERS, "slow"),
    "1.2.0-crash": ("raise SystemExit('no database')", ""),
    "1.2.0-hang": ("import time; time.sleep(60)", ""),
}
# Enough requests for a verdict in one look: the bound of a p95 needs 77.
LOOK = {"look": "800ms", "probes_per_second": 100, "patience": "20s", "harm": {"error_rate": "15%", "latency": "100%"}}
CLIMB = ({"traffic": "25%", "watch": "0s"}, {"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
# What the ledger has of a rollout that climbed to the top, but for the looks: how many a verdict takes is chance.
CLIMBED = [
    "rollout begun",
    "stage: intended",
    "stage: done",
    "smoke",
    "shift: intended",
    "shift: done",
    "terms",
    "move",
    "shift: intended",
    "shift: done",
    "smoke",
    "finish: intended",
    "finish: done",
    "rollout ended",
    "release verified",
]
WATCHED = ({"traffic": "25%", "watch": "800ms"}, {"traffic": "100%", "watch": "0s"})


def catalogue() -> Catalogue:
    """Return the small images."""

    def recipe(number: int, tag: str, code: str, wrong: str) -> Recipe:
        command = (sys.executable, "-S", "-E", "-c", code)
        return Recipe(REPOSITORY, tag, "sha256:" + str(number) * 64, command, {"WRONG": wrong})

    return Catalogue(tuple(recipe(number, tag, *how) for number, (tag, how) in enumerate(_IMAGES.items(), start=1)))


@dataclass(frozen=True, slots=True)
class Ended:
    """How one rollout ended: the error that ended it, and its row as the store has it."""

    service: str
    canary: str
    problem: BaseException | None
    attempt: Attempt | None

    @property
    def phase(self) -> str:
        return str(self.attempt.phase) if self.attempt else "not begun"

    @property
    def why(self) -> str:
        return str(self.problem or "")


@dataclass
class World:
    """A cloud with its Slack in this process, a store, and a folder of service files."""

    rehearsal: Rehearsal
    folder: Path
    store: Path
    services: Path

    @classmethod
    @asynccontextmanager
    async def start(cls, folder: Path, **pace: float) -> AsyncIterator["World"]:
        """Run a cloud that answers at once while the block runs."""
        how = Pace(**{"traffic_lag_s": 0.0, "speed": 24.0, **pace})
        async with Rehearsal.start(catalogue(), folder / "cloud", pace=how, channels=(CHANNEL,)) as rehearsal:
            world = cls(rehearsal, folder, folder / "store.db", folder / "services")
            world.services.mkdir()
            store = Store.open(str(world.store))
            await store.migrate()
            await store.close()
            yield world

    @property
    def environ(self) -> dict[str, str]:
        """Return what Surefoot finds this world by."""
        return {
            "SUREFOOT_STORE": str(self.store),
            "SUREFOOT_SERVICES": str(self.services),
            "REHEARSAL_SLACK_TOKEN": SLACK_TOKEN,
            "SUREFOOT_REGISTRIES": self.rehearsal.registry.hosts,
        }

    # Services

    climb: ClassVar[Sequence[Mapping[str, str]]] = CLIMB

    def place(self) -> dict[str, str]:
        """Return the settings of a target on this cloud, all but the service."""
        target = {"kind": "cloud_run", "project": "rehearsal", "region": "laptop", "poll_every": "50ms"}
        return {**target, "endpoint": self.rehearsal.grpc_endpoint, "change_within": "20s"}

    def write(
        self, name: str, *, staging: bool = False, approval: Mapping[str, Any] | None = None, **more: Any
    ) -> Path:
        """Write a service file; `more`: rollout section, `timeout` of the checks, `target`, `on_crash`, `vitals`."""
        target = {**self.place(), **more.pop("target", {})}
        also = {name: more.pop(name) for name in ("on_crash", "vitals") if name in more}
        token = {"env": "REHEARSAL_SLACK_TOKEN"}
        slack = {"channel": f"#{CHANNEL}", "token": token, "api_url": self.rehearsal.slack_url}
        within = {"timeout": more.pop("timeout", "10s"), "expect": ["status == 200"]}
        plan = {"steps": list(self.climb), "compare": "0s", "bake": "0s", **LOOK, **more}

        def place(service_id: str) -> dict[str, Any]:
            return {"target": {**target, "service": service_id}, "rollout": plan, "notices": {"slack": slack}, **also}

        production = {**place(name), **({"approval": dict(approval)} if approval is not None else {})}
        document = {
            "name": name,
            "checks": [
                {"name": "front", "path": "/", **within},
                {"name": "order", "path": "/order", **within},
            ],
            "environments": {**({"staging": place(f"{name}-st")} if staging else {}), "production": production},
        }
        file = self.services / f"{name}.yaml"
        file.write_text(json.dumps(document))
        return file

    async def service(self, name: str = "shop", *, staging: bool = False, **more: Any) -> None:
        """Write a service file and create its places on the cloud, as a team would have them."""
        self.write(name, staging=staging, **more)
        for service_id in (name, f"{name}-st")[: 2 if staging else 1]:
            template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=str(self.image("1.0.0")))])
            async with self.client() as client:
                wanted = run_v2.Service(template=template)
                began = await client.create_service(parent=PARENT, service=wanted, service_id=service_id)
                await self.rehearsal.cloud.operations.wait(began.operation.name, 20)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[run_v2.ServicesAsyncClient]:
        """Yield the vendor's client, as anybody else would use it."""
        async with grpc.aio.insecure_channel(self.rehearsal.grpc_endpoint.removeprefix("grpc://")) as channel:
            yield run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))

    def image(self, version: str) -> Image:
        """Return the image of a version; one that is not in the catalogue is missing from the registry."""
        digest = self.rehearsal.catalogue.digest(f"{REPOSITORY}:{version}")
        return Image(REPOSITORY, digest or "sha256:" + "f" * 64)

    def release(self, name: str, version: str, commit: str = "4e1c9aa0") -> Release:
        return Release(name, self.image(version), version, commit)

    def arm(self, **fault: Any) -> None:
        """Arm a fault of the cloud's API."""
        self.rehearsal.front.faults.add(ApiFault(**fault))

    def disarm(self) -> bool:
        """Disarm all faults; return whether one was left that no call had met."""
        faults = self.rehearsal.front.faults
        unmet = any(not hits for _, hits in faults.listed().values())
        faults.clear()
        return unmet

    # Rollouts

    async def roll_out(
        self, name: str = "shop", version: str = "1.1.0", *, commit: str = "4e1c9aa0", run: str = "", **more: Any
    ) -> Ended:
        """Do what a run does once it may: take the lease, climb, promote or put back."""
        from flows.rollout import roll_out  # noqa: PLC0415 (loads prefect)
        from tasks.clock import now  # noqa: PLC0415
        from tasks.hold import hold  # noqa: PLC0415
        from tasks.rollout import rollout_id  # noqa: PLC0415
        from tasks.site import Run, open_site  # noqa: PLC0415
        from tasks.store.releases import Asked  # noqa: PLC0415

        release, run = self.release(name, version, commit), run or uuid.uuid4().hex
        problem: BaseException | None = None
        async with open_site(name, "production", Run(run)) as site:
            seq = await site.keep(releases.register, site.key, release, now(), run)
            asked = Asked(seq, site.key, release, run, now())
            try:
                async with hold(site, asked) as lease:
                    await roll_out(site, asked, lease, **more)
            except SurefootError as ended:
                problem = ended
            attempt_id = rollout_id(site, release)
        return Ended(name, release.revision_name(name), problem, self.keep(rollouts.find, attempt_id))

    @asynccontextmanager
    async def users(self, rate: float = 100.0, service_id: str = "shop") -> AsyncIterator[None]:
        """Let users visit the public address while the block runs, so many requests in a second."""
        crowd = Crowd(self.told(service_id).uri, rate, seed=1)
        visiting = asyncio.create_task(crowd.run())
        try:
            yield
        finally:
            crowd.stop()
            await visiting

    async def until_entry(self, kind: str) -> None:
        """Return once the ledger of an open rollout has an entry of a kind."""
        async with asyncio.timeout(60):
            while not any(kind in self.kinds(each.id) for each in self.keep(rollouts.open_rollouts)):  # noqa: ASYNC110 (the store has no event)
                await asyncio.sleep(0.02)

    async def write_by_hand(self, traffic: Mapping[str, int], who: str = "priya@example.com") -> None:
        """Set the traffic as a person with the console does."""
        targets = [run_v2.TrafficTarget(type_=2, revision=name, percent=share) for name, share in traffic.items()]
        service = run_v2.Service(name=f"{PARENT}/services/shop", traffic=targets)
        async with self.client() as client:
            request = run_v2.UpdateServiceRequest(service=service, update_mask={"paths": ["traffic"]})
            began = await client.update_service(request, metadata=[(CALLER_KEY, who)])
            await self.rehearsal.cloud.operations.wait(began.operation.name, 20)

    async def recover(self, name: str = "shop", run: str = "watchdog") -> list[str]:
        """Do what the watchdog does for one place."""
        from tasks.recover import recover  # noqa: PLC0415 (loads prefect)
        from tasks.site import Run, open_site  # noqa: PLC0415

        async with open_site(name, "production", Run(run)) as site:
            return await recover(site)

    def expire(self, key: str = "shop/production") -> None:
        """Let the lease of whoever holds a place run out."""
        held = self.keep(lease.holder_of, key)
        if held is not None:
            self.keep(lease.renew, held, datetime.now(UTC) - timedelta(hours=1), 1.0)

    def lose_store(self) -> None:
        """Let the store be out of reach, for everybody."""
        self.store.rename(self.store.with_name("elsewhere.db"))
        self.store.mkdir()

    def find_store(self) -> None:
        """Let the store be there again, as it was."""
        self.store.rmdir()
        self.store.with_name("elsewhere.db").rename(self.store)

    # What is true

    def told(self, service_id: str = "shop") -> run_v2.Service:
        """Return the service as the platform itself has it."""
        return self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"].service

    def live(self, service_id: str = "shop") -> dict[str, int]:
        """Return the percents that users really get, by revision."""
        deployed = self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"]
        return {deployed.revision_of(one): one.percent for one in deployed.service.traffic_statuses if one.percent}

    def first(self, service_id: str = "shop") -> str:
        """Return the revision that the service was created with."""
        return next(iter(self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"].revisions))

    def revisions(self, service_id: str = "shop") -> list[str]:
        """Return every revision there is."""
        return list(self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"].revisions)

    async def images(self, service_id: str = "shop") -> dict[str, int]:
        """Return the percents that users really get, by image."""
        made = self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"].revisions
        return {made[name].containers[0].image: percent for name, percent in self.live(service_id).items()}

    async def made(self, version: str, service_id: str = "shop") -> int:
        """Return how often the cloud was made to run a version."""
        made = self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"].revisions
        return sum(one.containers[0].image == str(self.image(version)) for one in made.values())

    async def marked(self, service_id: str = "shop") -> str:
        """Return the rollout whose mark the service carries, "" where there is none."""
        return self.mark(service_id)

    async def serves(self, service_id: str = "shop") -> bool:
        """Return whether what users are sent to runs."""
        deployed = self.rehearsal.cloud.services[f"{PARENT}/services/{service_id}"]
        return all(deployed.platform.alive(name) for name in self.live(service_id))

    def counted(self, service_id: str = "shop") -> dict[str, tuple[int, int]]:
        """Return how many requests of users have ended, and how many of them failed, by revision."""
        tally, service = self.rehearsal.cloud.reconciler.tally, f"rehearsal/laptop/{service_id}"
        places = ((name, tally.at(Place(service, PUBLIC, name))) for name in self.revisions(service_id))
        return {name: (counts.requests, counts.failures) for name, counts in places}

    def mark(self, service_id: str = "shop") -> str:
        """Return the rollout whose mark the service carries, "" where there is none."""
        return str(self.told(service_id).annotations.get("surefoot.dev/rollout", ""))

    def writes(self, service_id: str = "shop", since: datetime | None = None) -> int:
        """Return how many writes the cloud has carried out for a service."""
        calls = self.rehearsal.front.journal.of("UpdateService", since)
        return sum(call.resource.endswith(f"/{service_id}") for call in calls if call.code == "OK" or call.faulted)

    def keep(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Run one function of the store in one transaction."""
        return Store.open(str(self.store)).run_here(fn, *args, **kwargs)

    def last(self, key: str = "shop/production") -> Attempt:
        """Return the last rollout of a place."""
        found: list[Attempt] = self.keep(rollouts.history, key, limit=1)
        return found[0]

    def entries(self, rollout: str) -> list[ledger.Entry]:
        """Return a rollout's entries in the ledger; the whole ledger has to be sound."""
        audit = self.keep(ledger.verify)
        assert not audit.problem, audit.problem
        return list(self.keep(ledger.of_rollout, rollout))

    def kinds(self, rollout: str) -> list[str]:
        """Return what a rollout's entries are of."""
        return [entry.kind for entry in self.entries(rollout)]

    def said(self) -> list[str]:
        """Return every message of the channel as people read it, replies too."""
        channel = self.rehearsal.slack.workspace.channel(CHANNEL)
        return [_text(message) for message in channel.messages.values()]


def _text(message: Mapping[str, Any]) -> str:
    parts: list[str] = [str(message["text"])]
    for block in message["blocks"]:
        elements: Sequence[Any] = (block.get("text"), *block.get("elements", ()))
        parts += [str(one["text"]) for one in elements if one]
    return "\n".join(parts)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within: Any) -> AsyncIterator[World]:
    """Have a world of one's own; its tasks report to the session's Prefect server (`within`)."""
    async with World.start(tmp_path) as started:
        for name, value in started.environ.items():
            monkeypatch.setenv(name, value)
        yield started


@pytest.fixture
def anyio_backend() -> str:
    """Say that these tests run on asyncio."""
    return "asyncio"
