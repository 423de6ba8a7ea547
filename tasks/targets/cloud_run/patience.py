"""How long we wait for the cloud, and how often we look meanwhile."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_FIRST_S = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """A deadline on the event loop's clock, and the longest wait between two looks, seconds."""

    until: float
    every_s: float

    @classmethod
    def of(cls, within_s: float, every_s: float) -> "Patience":
        """Return a patience that begins now; call it inside a running event loop."""
        return cls(asyncio.get_running_loop().time() + within_s, every_s)

    @property
    def left_s(self) -> float:
        """Return the seconds that are left, 0 when it ran out."""
        return max(0.0, self.until - asyncio.get_running_loop().time())

    def waits(self) -> Iterator[float]:
        """Yield the next wait, seconds, short at first, until the patience runs out."""
        for number in count():
            if not self.left_s:
                return
            yield min(_FIRST_S * 2 ** min(number, 10), self.every_s, self.left_s)
