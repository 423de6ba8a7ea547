"""Prometheus as a source: stable's and canary's counters over the same window."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from surefoot.release import Revision
from surefoot.vitals import Look, Vitals
from tasks.vitals.prometheus.client import Client
from tasks.vitals.prometheus.counted import Counters, common_bounds, vitals_of
from tasks.vitals.prometheus.growth import Edge, Gone, Growth, Sides, check_fresh, level
from tasks.vitals.prometheus.selector import NoSuchLabel, Selector
from tasks.vitals.prometheus.series import Contradiction, Series, Unseen

if TYPE_CHECKING:
    import httpx

    from tasks.vitals.prometheus import Settings

_ANSWER_S = 10.0
# So far before a window samples are asked for, in `stale_after`: what was there before is told from what is new.
_MEMORY = 8.0
# So much of a longer window is asked for; counters count from its edge to the first of these samples.
_LONGEST_S = 900.0

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Prometheus:
    """Counts what its scrapes saw; each window begins at the scrapes with which the one before ended."""

    ours = False

    def __init__(self, settings: "Settings", client: Client, clock: Clock, sleep: Sleep, answer_s: float) -> None:
        """Take settings and an open client; `clock` tells seconds from any moment on, and is never set back."""
        self.lag_s = settings.lag_s
        self.shortest_s = settings.interval_s
        self._settings = settings
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._answer_s = answer_s
        self.begin()

    @classmethod
    def connect(
        cls,
        settings: "Settings",
        token: str = "",
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        transport: "httpx.AsyncBaseTransport | None" = None,
        answer_s: float = _ANSWER_S,
    ) -> "Prometheus":
        """Return the source with a client of its own; `answer_s` is how long all queries of a look may take."""
        return cls(settings, Client(settings.url, token, answer_s, transport), clock, sleep, answer_s)

    def begin(self) -> None:
        """Let the next look cover nothing that was before now: it begins with the first scrapes after this."""
        self._from = self._clock()
        self._edge: Edge | None = None

    async def look(self, stable: Revision, canary: Revision, seconds: float) -> Look:
        """Return what was scraped of both since the last look that saw anything, or since `begin`."""
        end = await self._end(seconds)
        window_s = end - self._from
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._see(stable, canary, end)
        except (Unseen, NoSuchLabel) as problem:
            why = str(problem)
        except TimeoutError:
            why = f"prometheus did not answer within {self._answer_s:g} s"
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as problem:
            why = f"prometheus' answer could not be read ({type(problem).__name__})"
        return _blind(why, window_s)

    async def reach(self, revision: Revision) -> str:
        """Return why no counter of a revision can be read now, "" where each has been scraped."""
        try:
            async with asyncio.timeout(self._answer_s):
                queries = [Selector.parse(text).of(revision) for text in self._named]
                found = await self._samples(queries, await self._client.time(), _MEMORY * self._settings.stale_s)
        except (Unseen, NoSuchLabel) as problem:
            return str(problem)
        except TimeoutError:
            return f"prometheus did not answer within {self._answer_s:g} s"
        return next(
            (f"nothing was scraped of {query}" for query, seen in zip(queries, found, strict=True) if not seen), ""
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    @property
    def _named(self) -> list[str]:
        """Return the selectors that the file names."""
        return [text for text in (self._settings.requests, self._settings.latency, self._settings.errors) if text]

    async def _end(self, seconds: float) -> float:
        """Wait until a window is over and its scrapes can be asked for; return its end, by our clock."""
        whole_s = self._from + self.shortest_s + self.lag_s - self._clock()
        await self._sleep(max(seconds, whole_s))
        return self._clock() - self.lag_s

    async def _see(self, stable: Revision, canary: Revision, end: float) -> Look:
        ahead = await self._ahead()
        # What happened by `end` is in the scrape that follows it.
        at, since = end + self.shortest_s + ahead, self._from + ahead
        if self._edge is None and at - since > _LONGEST_S:
            self._from = end
            raise Unseen(f"nothing could be seen for {_LONGEST_S / 60:.0f} min; the next look begins anew")
        back_s = min(at - since, _LONGEST_S) + _MEMORY * self._settings.stale_s
        both = await self._counters(stable, canary, at, back_s)
        look, self._edge = self._compare(both, at, since, end - self._from)
        self._from = end
        return look

    def _compare(self, both: Sequence[Counters], at: float, since: float, window_s: float) -> tuple[Look, Edge]:
        """Return what was seen, and the edge that the next window begins with."""
        stale_s, sides = self._settings.stale_s, _sides(both)
        edge = self._edge or Edge.opening(sides, since)
        rare = {side.name_of_errors for side in both}
        try:
            check_fresh({name: side for name, side in sides.items() if name not in rare}, edge, at, stale_s)
        except Gone as problem:
            self._edge = edge.without(problem.awaited)
            raise
        next_edge = edge.after(sides, at - stale_s)
        try:
            return self._look(both, Growth(sides, edge), edge, at - stale_s, window_s), next_edge
        except Contradiction:
            # Nor would it be true the next time: what this window held is not looked at again.
            self._edge, self._from = next_edge, self._from + window_s
            raise

    def _look(self, both: Sequence[Counters], growth: Growth, edge: Edge, fresh_from: float, window_s: float) -> Look:
        growth.check_whole(edge, fresh_from)
        bounds = common_bounds(side.latency for side in both)
        stable, canary = (vitals_of(side, growth, self._settings.code, window_s, bounds) for side in both)
        return Look(stable, canary)

    async def _counters(self, stable: Revision, canary: Revision, at: float, back_s: float) -> tuple[Counters, ...]:
        """Ask for all counters of both at once; Unseen where the two cannot be told apart."""
        named = self._named
        queries = [Selector.parse(text).of(revision) for revision in (stable, canary) for text in named]
        if twice := next((query for query in queries[: len(named)] if query in queries[len(named) :]), ""):
            raise Contradiction(f"stable and canary are both {twice}")
        found = await self._samples(queries, at, back_s)
        labels = Selector.parse(self._settings.requests).labels
        both = (
            _counted(stable.name, labels, *found[: len(named)]),
            _counted(canary.name, labels, *found[len(named) :]),
        )
        _check_apart(*both)
        return both

    async def _samples(self, queries: Sequence[str], at: float, back_s: float) -> list[tuple[Series, ...]]:
        """Return what was scraped of each; the first problem that any of them has is raised when all have ended."""
        asks = (self._client.samples(query, at, back_s) for query in queries)
        found: list[tuple[Series, ...]] = []
        for each in await asyncio.gather(*asks, return_exceptions=True):
            if isinstance(each, BaseException):
                raise each
            found.append(each)
        return found

    async def _ahead(self) -> float:
        """Return by how much Prometheus' clock is ahead of ours, seconds."""
        asked = self._clock()
        theirs = await self._client.time()
        return theirs - (asked + self._clock()) / 2


def _counted(name: str, asked: frozenset[str], *found: Sequence[Series]) -> Counters:
    requests, latency, *errors = level(*found)
    return Counters(name, requests, latency, errors[0] if errors else None, asked)


def _check_apart(stable: Counters, canary: Counters) -> None:
    pairs = ((stable.requests, canary.requests), (stable.latency, canary.latency), (stable.errors, canary.errors))
    for ours, theirs in pairs:
        if {each.key for each in ours or ()} & {each.key for each in theirs or ()}:
            raise Contradiction("one counter is both stable's and canary's")
    if stable.errors is not None and not stable.errors and not canary.errors:
        raise Unseen("nothing was scraped of the errors; a counter has to be there before the first, at 0")


def _sides(both: Sequence[Counters]) -> Sides:
    return {
        name: series
        for side in both
        for name, series in (
            (side.name, side.requests),
            (side.name_of_latency, side.latency),
            (side.name_of_errors, side.errors or ()),
        )
    }


def _blind(why: str, seconds: float) -> Look:
    return Look(Vitals(seconds=seconds, blind=why), Vitals(seconds=seconds, blind=why))
