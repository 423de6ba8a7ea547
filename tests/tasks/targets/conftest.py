"""Rehearsed platforms with one service that serves, for every target there is."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from google.protobuf.field_mask_pb2 import FieldMask

from rehearsal.catalogue import Catalogue
from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import Pace
from rehearsal.faults import ApiFault
from surefoot.release import Image, Release
from surefoot.rollout import Mark
from surefoot.service import Place
from surefoot.target import Live, Target
from tasks.targets import connect

REPOSITORY = "registry.rehearsal/shop"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_ANSWERS = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
body = os.environ["K_REVISION"].encode()
answer = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body)
while True:
    line, _ = server.accept()
    if line.recv(65536):
        line.sendall(answer)
    line.close()
"""
_IMAGES = {
    "1.0.0": _ANSWERS,
    "1.1.0": _ANSWERS,
    "1.2.0": _ANSWERS,
    "1.3.0-crash": "raise SystemExit(3)",
    "1.3.0-hang": "import time; time.sleep(30)",
}


@pytest.fixture
def anyio_backend() -> str:
    """Say that these tests run on asyncio."""
    return "asyncio"


@dataclass
class World:
    """A rehearsed platform, a service on it, and how to reach both."""

    rehearsal: Rehearsal
    place: Place
    service: str
    stable: str = ""

    @asynccontextmanager
    async def target(self, on_call: Callable[[str], None] | None = None) -> AsyncIterator[Target]:
        target = connect(self.place, on_call)
        try:
            yield target
        finally:
            await target.close()

    @property
    def name(self) -> str:
        return f"projects/rehearsal/locations/laptop/services/{self.service}"

    def release(self, version: str, commit: str = "4e1c9aa0") -> Release:
        digest = self.rehearsal.catalogue.digest(f"{REPOSITORY}:{version}") or "sha256:" + "0" * 64
        return Release(self.service, Image(REPOSITORY, digest), version, commit)

    def mark(self, seen: Live, release: Release, **changed) -> Mark:
        """Return the mark of a rollout that began at what was seen."""
        canary, until = release.revision_name(self.service), NOON + timedelta(minutes=10)
        return replace(Mark("r-1", seen.traffic, canary, percent=0, until=until, fence=1), **changed)

    def arm(self, **fault) -> None:
        self.rehearsal.front.faults.add(ApiFault(**fault))

    def disarm(self) -> bool:
        """Disarm all faults, and return whether one was left that no call had met."""
        faults = self.rehearsal.front.faults
        unmet = any(not hits for _, hits in faults.listed().values())
        faults.clear()
        return unmet

    def told(self) -> run_v2.Service:
        """Return the service as the platform itself has it."""
        return self.rehearsal.cloud.services[self.name].service

    def wished(self) -> dict[str, int]:
        """Return the percents that the platform was told."""
        return {target.revision: target.percent for target in self.told().traffic if target.percent}

    def revisions(self) -> set[str]:
        return set(self.rehearsal.cloud.services[self.name].revisions)

    def writes(self, *, accepted: bool = False) -> int:
        """Return how many writes were asked for, or accepted, since the service was made."""
        calls = [call for call in self.rehearsal.front.journal.of("UpdateService") if call.resource == self.name]
        return sum(call.code == "OK" or not accepted for call in calls)

    async def until_written(self, times: int) -> None:
        """Wait until so many writes were accepted."""
        async with asyncio.timeout(20):
            while self.writes(accepted=True) < times:  # noqa: ASYNC110 (the journal has no event)
                await asyncio.sleep(0.01)

    def slow_down(self, traffic_lag_s: float) -> None:
        self.rehearsal.cloud.reconciler.pace.traffic_lag_s = traffic_lag_s

    def elsewhere(self, service: str) -> "World":
        """Return the same world with a service that nobody has made."""
        return replace(
            self, service=service, place=replace(self.place, settings={**self.place.settings, "service": service})
        )

    async def meddle(self, writer: str, *, wait: bool = True) -> None:
        """Let another person write to the service."""
        service = run_v2.Service(name=self.name, annotations={**self.told().annotations, "example.com/by": writer})
        async with self.by_hand(writer) as client:
            mask = FieldMask(paths=["annotations"])
            began = await client.update_service(run_v2.UpdateServiceRequest(service=service, update_mask=mask))
            if wait:
                await self.rehearsal.cloud.operations.wait(began.operation.name, 20)

    @asynccontextmanager
    async def by_hand(self, writer: str = "somebody@example.com") -> AsyncIterator[run_v2.ServicesAsyncClient]:
        """Yield a client of another person."""
        address = self.rehearsal.grpc_endpoint.removeprefix("grpc://")
        async with grpc.aio.insecure_channel(address, interceptors=[_Caller(writer)]) as channel:
            yield run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))


class _Caller(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, name: str) -> None:
        self._name = name

    async def intercept_unary_unary(self, continuation, details, request):
        details.metadata.add("x-rehearsal-caller", self._name)
        return await continuation(details, request)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    file = tmp_path / "catalogue.yaml"
    entries = []
    for tag, code in _IMAGES.items():
        script = tmp_path / f"{tag}.py"
        script.write_text(code)
        entries.append(f"- {{image: {REPOSITORY}, tag: {tag}, command: [{sys.executable}, -S, -E, {script}]}}\n")
    file.write_text("images:\n" + "".join(entries))
    return Catalogue.load(file)


@pytest.fixture
async def rehearsal(catalogue: Catalogue, tmp_path: Path) -> AsyncIterator[Rehearsal]:
    # A hanging image is given up after 1 s instead of 240.
    async with Rehearsal.start(catalogue, tmp_path, pace=Pace(traffic_lag_s=0.02, speed=240)) as running:
        yield running


async def _cloud_run(rehearsal: Rehearsal, service: str, **settings: str) -> World:
    """Make a service on a Cloud Run, all on the latest revision, as `gcloud run deploy` does."""
    place = {"project": "rehearsal", "region": "laptop", "service": service, "endpoint": rehearsal.grpc_endpoint}
    world = World(
        rehearsal, Place("cloud_run", {**place, "poll_every": "50ms", "change_within": "20s", **settings}), service
    )
    image = str(world.release("1.0.0").image)
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)])
    async with world.by_hand() as client:
        began = await client.create_service(
            parent="projects/rehearsal/locations/laptop",
            service=run_v2.Service(template=template),
            service_id=service,
        )
        await rehearsal.cloud.operations.wait(began.operation.name, 20)
    world.stable = world.told().latest_ready_revision.rpartition("/")[2]
    return world


_MAKERS = {"cloud_run": _cloud_run}


@pytest.fixture(params=list(_MAKERS))
async def make_world(request: pytest.FixtureRequest, rehearsal: Rehearsal) -> Callable:
    """Return a function that makes one more service, on each kind of target in turn."""
    numbers = count(1)
    return lambda **settings: _MAKERS[request.param](rehearsal, f"shop{next(numbers)}", **settings)


@pytest.fixture
async def world(make_world: Callable) -> World:
    """Return a service on each kind of target in turn."""
    return await make_world()
