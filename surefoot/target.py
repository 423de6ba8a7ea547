"""The port to a platform that runs revisions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from surefoot.release import Release, Revision
from surefoot.rollout import Mark
from surefoot.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Live:
    """What a target was seen doing: observed, not wished.

    `version` is the platform's own guard (an etag): a write that carries it is refused when anybody wrote since.
    `settled` is False while a change is still on its way. `by` and `at` are the last writer and when. `undone` is why
    the platform itself has put the marked rollout back, "" where it has not. `previews` is False where the platform
    cannot show a revision before users get it.
    """

    url: str
    traffic: Traffic
    revisions: Mapping[str, Revision]
    version: str
    settled: bool = True
    mark: Mark | None = None
    by: str = ""
    at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    undone: str = ""
    previews: bool = True


class Target(Protocol):
    """What every platform has to be able to do.

    Every write takes what its caller had `seen`, is refused with `Interfered` when somebody else wrote since, writes
    the rollout's mark in the same call, and returns what was observed after it was true. A lost reply is looked
    after, never repeated blindly. Errors: `Unavailable`, `Refused`, `StageFailed`, `Interfered`, `RolledBack`.
    """

    async def live(self) -> Live:
        """Return what is observed now; a read, so it is tried again when the platform is out of reach."""
        ...

    async def stage(self, release: Release, mark: Mark, seen: Live) -> Live:
        """Return once the release's revision is ready and previewable, without user traffic. Idempotent."""
        ...

    async def shift(self, traffic: Traffic, mark: Mark | None, seen: Live) -> Live:
        """Return once the traffic is observed to be so. Also the way back. No mark: the rollout is over."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
