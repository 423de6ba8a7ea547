"""Where vitals come from: one module a source, found by the `source` a service file names."""

from collections.abc import Mapping
from typing import Protocol

from surefoot.release import Revision
from surefoot.vitals import Look

# Kind to module, imported when a service asks for it.
SOURCES: Mapping[str, str] = {"probes": "tasks.vitals.probes"}


class Source(Protocol):
    """Sees stable and canary over the same window, side by side.

    `lag_s` is how late its numbers are whole: a window that ended less than this ago is not looked at yet.
    `shortest_s` is the shortest window it can see. It never raises for what it could not see: the vitals say so
    themselves (`blind`), for both sides where either cannot be trusted.
    """

    lag_s: float
    shortest_s: float

    def begin(self) -> None:
        """Let the next look cover nothing that was before now: traffic was shifted just now."""
        ...

    async def look(self, stable: Revision, canary: Revision, seconds: float) -> Look:
        """Return what was seen from where the last look ended (or `begin`) up to `lag_s` before this returns.

        It takes about `seconds`, longer where lag and shortest window ask for it. Windows never overlap, and what lies
        between two looks is lost for neither.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
