"""A cloud with small images as the tests use it: the vendor's own clients, and a browser."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from google.cloud import run_v2
from google.longrunning.operations_pb2 import Operation

from rehearsal.catalogue import Catalogue, Recipe
from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import CALLER_KEY, Pace

PARENT = "projects/rehearsal/locations/laptop"
NAME = f"{PARENT}/services/shop"
# Answers with its revision's name; the standard library's server takes three times as long to start.
_ANSWERS = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
body = (os.environ["K_REVISION"] + os.environ.get("GREETING", "")).encode()
while True:
    line, _ = server.accept()
    if line.recv(65536):
        head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
        line.sendall(head + body)
    line.close()
"""
_IMAGES = {
    "good": _ANSWERS,
    "better": _ANSWERS,
    "crash": "import sys; print('no database'); sys.exit(3)",
    "hang": "import time; time.sleep(60)",
}


def catalogue() -> Catalogue:
    """Return the catalogue of the small images."""

    def recipe(number, tag):
        return Recipe(
            "registry/shop", tag, f"sha256:{number:064x}", (sys.executable, "-S", "-E", "-c", _IMAGES[tag]), {}
        )

    return Catalogue(tuple(recipe(number, tag) for number, tag in enumerate(_IMAGES)))


@dataclass
class Laptop:
    """The cloud, its clients, and a browser."""

    rehearsal: Rehearsal
    services: run_v2.ServicesAsyncClient
    revisions: run_v2.RevisionsAsyncClient
    browser: aiohttp.ClientSession

    @property
    def pace(self) -> Pace:
        return self.rehearsal.cloud.reconciler.pace

    async def create(self, service: run_v2.Service | None = None, service_id: str = "shop") -> run_v2.Service:
        """Create a service and return it as it is once its operation is done."""
        service = service or run_v2.Service(template=template("good", f"{service_id}-good"))
        began = await self.services.create_service(parent=PARENT, service=service, service_id=service_id)
        return await self.result(began)

    async def write(self, *mask: str, name: str = NAME, caller: str = "", **fields):
        """Send an update and return what the client gives back at once."""
        request = run_v2.UpdateServiceRequest(service=run_v2.Service(name=name, **fields), update_mask={"paths": mask})
        return await self.services.update_service(request, metadata=[(CALLER_KEY, caller)] if caller else [])

    async def update(self, *mask: str, **fields) -> run_v2.Service:
        """Update the service and return it as it is once its operation is done."""
        return await self.result(await self.write(*mask, **fields))

    async def result(self, began) -> run_v2.Service:
        operation = await self.done(began)
        assert not operation.HasField("error"), operation.error.message
        return await self.told()

    async def done(self, began) -> Operation:
        """Return an operation once it is done, without the client's slow polling."""
        operation = await self.rehearsal.cloud.operations.wait(began.operation.name, 20)
        assert operation.done
        return operation

    async def told(self) -> run_v2.Service:
        return await self.services.get_service(name=NAME)

    async def revision(self, name: str) -> run_v2.Revision:
        return await self.revisions.get_revision(name=f"{NAME}/revisions/{name}")

    def alive(self, revision: str) -> bool:
        """Say whether a revision's processes run."""
        return self.rehearsal.cloud.services[NAME].platform.alive(revision)

    def crash(self, revision: str) -> None:
        self.rehearsal.cloud.services[NAME].platform.crash(revision)

    async def read(self, url: str) -> str:
        async with self.browser.get(url) as answer:
            return await answer.text() if answer.status == 200 else str(answer.status)


def template(tag: str, revision: str = "", **container) -> run_v2.RevisionTemplate:
    """Return a template for an image of the catalogue."""
    containers = [run_v2.Container(image=f"registry/shop:{tag}", **container)]
    return run_v2.RevisionTemplate(revision=revision, containers=containers)


def share(revision: str, percent: int = 0, tag: str = "") -> run_v2.TrafficTarget:
    """Return a traffic target; without a revision it is the latest."""
    return run_v2.TrafficTarget(type_=2 if revision else 1, revision=revision, percent=percent, tag=tag)


async def until(holds: Callable[[], bool]) -> None:
    """Return once something holds; TimeoutError after five seconds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  another process or task decides when
            await asyncio.sleep(0.01)
