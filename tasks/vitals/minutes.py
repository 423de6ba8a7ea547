"""Whole minutes, by which platforms add requests up and show them a while after a minute is over."""

import math
from dataclasses import dataclass

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Window:
    """Whole minutes from `start` up to `end`; nothing that began before `since` is of it. Seconds since the epoch."""

    start: float
    end: float
    since: float

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.end - self.start


def first_after(moment: float) -> float:
    """Return when the first minute begins that began no earlier than a moment."""
    return math.ceil(moment / MINUTE_S) * MINUTE_S


def last_before(moment: float) -> float:
    """Return when the last minute ended that was over at a moment."""
    return math.floor(moment / MINUTE_S) * MINUTE_S
