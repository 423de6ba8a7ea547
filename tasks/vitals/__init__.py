"""Where vitals come from: one module a source."""

from collections.abc import Mapping
from typing import Protocol

from surefoot.release import Address
from surefoot.vitals import Look

# Kind to module, imported when a service asks for it.
SOURCES: Mapping[str, str] = {"probes": "tasks.vitals.probes"}


class Source(Protocol):
    """Sees stable and canary over the same window, side by side.

    It never raises for what it could not see: the vitals say so themselves (`blind`).
    """

    async def look(self, stable_at: Address, canary_at: Address, seconds: float) -> Look:
        """Return what was seen of both addresses over the next `seconds`."""
        ...
