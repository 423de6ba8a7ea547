"""How long we wait for the cloud, and how often we look meanwhile."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Annotated

from pydantic import AfterValidator

from surefoot.units import parse_duration

# The first looks follow quickly, since most changes are true within a moment.
_QUICKER = 10
# What a call may still take when patience has just run out: the last look is often the one that tells.
_LAST_CALL_S = 1.0


def _some_time(text: str) -> str:
    if parse_duration(text) <= 0:
        raise ValueError(f"{text!r} is no time at all; write 5m or 90s")
    return text


# A length of time in a target's settings.
Duration = Annotated[str, AfterValidator(_some_time)]


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

    @property
    def call_s(self) -> float:
        """Return how long the next call may take, its repetitions included."""
        return max(_LAST_CALL_S, self.left_s)

    def waits(self) -> Iterator[float]:
        """Yield the next wait, seconds, short at first, until the patience runs out."""
        for number in count():
            if not self.left_s:
                return
            yield min(self.every_s / _QUICKER * 2 ** min(number, 10), self.every_s, self.left_s)
