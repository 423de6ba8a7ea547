"""One rehearsed platform with one service that serves: what the contract of every target is held against."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import aiohttp

from rehearsal.catalogue import Catalogue
from rehearsal.cloud import Rehearsal
from surefoot.release import Address, Image, Release
from surefoot.rollout import Mark, Plan, Step
from surefoot.service import Place
from surefoot.target import Live, Target
from tasks.targets import connect

REPOSITORY = "registry.rehearsal/shop"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
# As many percents as a contract needs; ECS has to know them when a rollout begins.
TENTHS = Plan(tuple(Step(percent, 0.0) for percent in range(10, 101, 10)))
AT_ONCE = Plan((Step(100, 0.0),))
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


def write_catalogue(folder: Path) -> Catalogue:
    """Write images whose processes start at once, and answer with the revision's name."""
    file = folder / "catalogue.yaml"
    entries = []
    for tag, code in _IMAGES.items():
        script = folder / f"{tag}.py"
        script.write_text(code)
        entries.append(f"- {{image: {REPOSITORY}, tag: {tag}, command: [{sys.executable}, -S, -E, {script}]}}\n")
    file.write_text("images:\n" + "".join(entries))
    return Catalogue.load(file)


@dataclass
class World:
    """A rehearsed platform, a service on it, how to reach both, and what is the platform's own way of saying it."""

    rehearsal: Rehearsal
    place: Place
    service: str
    stable: str = ""
    plan: Plan = TENTHS

    # How the platform names somebody else, and the least percent it can give.
    stranger: ClassVar[str]
    least: ClassVar[int]
    # What a look calls, and which call writes a rollout's mark.
    looks: ClassVar[frozenset[str]]
    marking: ClassVar[str]
    # Whether of two writes at the same moment the platform refuses one; ECS takes both, and the second changes nothing.
    guarded: ClassVar[bool]
    # How long the platform asks to be left alone in the contract's test of that, seconds.
    pauses_s: ClassVar[float]
    # How many writes were made, staging among them, when users first move.
    moving: ClassVar[int]
    # Whether a revision that nobody is sent to stays ready beside the others.
    keeps: ClassVar[bool]
    # What the errors say.
    crashed: ClassVar[str]
    hung: ClassVar[str]
    missing: ClassVar[str]
    forbidden: ClassVar[str]
    nowhere: ClassVar[str]
    silent: ClassVar[str]

    @asynccontextmanager
    async def target(self, on_call: Callable[[str], None] | None = None) -> AsyncIterator[Target]:
        target = connect(self.place, self.plan, on_call)
        try:
            yield target
        finally:
            await target.close()

    def release(self, version: str, commit: str = "4e1c9aa0") -> Release:
        digest = self.rehearsal.catalogue.digest(f"{REPOSITORY}:{version}") or "sha256:" + "0" * 64
        return Release(self.service, Image(REPOSITORY, digest), version, commit)

    def mark(self, seen: Live, release: Release, **changed: Any) -> Mark:
        """Return the mark of a rollout that began at what was seen."""
        canary, until = release.revision_name(self.service), NOON + timedelta(minutes=10)
        return replace(Mark("r-1", seen.traffic, canary, percent=0, until=until, fence=1), **changed)

    def elsewhere(self, service: str) -> "World":
        """Return the same world with a service that nobody has made."""
        place = replace(self.place, settings={**self.place.settings, "service": service})
        return replace(self, service=service, place=place)

    async def answers_as(self, address: Address | str | None) -> str:
        """Return the revision that answers at an address, by the name that Surefoot has for it."""
        assert address, "there is an address"
        to = address if isinstance(address, Address) else Address(address)
        async with (
            aiohttp.ClientSession(headers=dict(to.headers)) as session,
            session.get(to.url) as answer,
        ):
            return await self.called(await answer.text())

    async def until_written(self, times: int) -> None:
        """Wait until so many writes were accepted."""
        async with asyncio.timeout(20):
            while self.writes(accepted=True) < times:  # noqa: ASYNC110 (the journal has no event)
                await asyncio.sleep(0.01)

    async def called(self, answer: str) -> str:
        """Return our name for the revision that an answer names."""
        raise NotImplementedError

    def arm(self, problem: str = "", *, on: str = "*", **fault: Any) -> None:
        """Arm a fault: `problem` is one of the words of `problems`, `on` is "*", "look", "write", or a call's name."""
        raise NotImplementedError

    def disarm(self) -> bool:
        """Disarm all faults, and return whether one was left that no call had met."""
        raise NotImplementedError

    def writes(self, *, accepted: bool = False) -> int:
        """Return how many writes to users' traffic or revisions were asked for, or accepted, since it was made."""
        raise NotImplementedError

    async def revisions(self) -> int:
        """Return how many revisions the platform has made for the service."""
        raise NotImplementedError

    def slow_down(self, traffic_lag_s: float) -> None:
        """Let the platform take so long for a new split."""
        raise NotImplementedError

    async def meddle(self, *, wait: bool = True) -> None:
        """Let another person change the service, traffic as it was; with `wait` until that is over."""
        raise NotImplementedError

    async def meddling(self, *, on: str = "write", after: int = 0) -> None:
        """Let another person write right before a call of ours; `theirs_stand` then says whether that was kept."""
        raise NotImplementedError

    async def theirs_stand(self) -> bool:
        """Return whether what another person wrote is as they left it."""
        raise NotImplementedError

    async def state(self) -> str:
        """Return what the platform was told last, as one text that any write changes."""
        raise NotImplementedError
