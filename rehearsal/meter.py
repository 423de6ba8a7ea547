"""What each revision's requests came to, minute by minute, as platforms keep it for those who ask later."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rehearsal.splitter import Counts, Place, Tally
from rehearsal.splitter.counts import BOUNDS_S

MINUTE_S = 60.0
# A day: a rehearsal that is left running does not grow for ever.
_KEPT = 24 * 60

Key = tuple[str, str]
Keyed = Callable[[Place], Key | None]


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute's requests by status code, and their lengths as (seconds, how many).

    `unconnected` found nobody, `unanswered` got no answer of the revision's own: they have neither. `start` is in
    seconds since the epoch.
    """

    start: float
    codes: Mapping[int, int] = field(default_factory=dict)
    lengths: tuple[tuple[float, int], ...] = ()
    unconnected: int = 0
    unanswered: int = 0

    @property
    def end(self) -> float:
        """Return when it was over."""
        return self.start + MINUTE_S

    def of_class(self, number: int) -> int:
        """Return how many answers had a code of a class, such as 5."""
        return sum(count for code, count in self.codes.items() if code // 100 == number)

    @property
    def requests(self) -> int:
        """Return how many requests there were."""
        return sum(self.codes.values()) + self.unconnected + self.unanswered


@dataclass(slots=True)
class Meter:
    """The minutes of everything that is counted, by a key of two names; a minute without requests is not kept."""

    minutes: dict[Key, list[Minute]] = field(default_factory=dict)
    _before: dict[Place, tuple[dict[int, int], list[int]]] = field(default_factory=dict)

    def add(self, key: Key, minute: Minute) -> None:
        """Keep a minute."""
        kept = self.minutes.setdefault(key, [])
        kept.append(minute)
        del kept[:-_KEPT]

    def of(self, key: Key) -> list[Minute]:
        """Return the minutes of a key, the oldest first."""
        return sorted(self.minutes.get(key, ()), key=lambda minute: minute.start)

    def take(self, tally: Tally, start: float, keyed: Keyed) -> None:
        """Keep as the minute that began at `start` what was counted since this was last called."""
        for place, counts in tally.places.items():
            key = keyed(place)
            codes, lengths = self._since(place, counts)
            if key is not None and codes:
                self.add(key, Minute(start, codes, lengths))

    @asynccontextmanager
    async def following(
        self, tally: Tally, keyed: Keyed, clock: Callable[[], float] = time.time
    ) -> AsyncIterator[None]:
        """Take in each minute of a tally when it is over, while the block runs."""
        follower = asyncio.create_task(self._follow(tally, keyed, clock))
        try:
            yield
        finally:
            follower.cancel()
            await asyncio.wait([follower])

    async def _follow(self, tally: Tally, keyed: Keyed, clock: Callable[[], float]) -> None:
        while True:
            end = (math.floor(clock() / MINUTE_S) + 1) * MINUTE_S
            await asyncio.sleep(end - clock())
            self.take(tally, end - MINUTE_S, keyed)

    def _since(self, place: Place, counts: Counts) -> tuple[dict[int, int], tuple[tuple[float, int], ...]]:
        codes, buckets = self._before.get(place, ({}, [0] * len(counts.buckets)))
        self._before[place] = dict(counts.codes), list(counts.buckets)
        new = {code: count - codes.get(code, 0) for code, count in counts.codes.items()}
        # What was longer than the last bound is told as half as long again.
        lengths = zip((*BOUNDS_S, BOUNDS_S[-1] * 1.5), counts.buckets, buckets, strict=True)
        return (
            {code: count for code, count in new.items() if count},
            tuple((length, count - before) for length, count, before in lengths if count > before),
        )
