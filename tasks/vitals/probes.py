"""Vitals from our own requests: stable and canary side by side, no metrics stack needed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import aiohttp

from surefoot.check import Check
from surefoot.release import Address, Revision
from surefoot.vitals import Counts, Histogram, Look, Vitals
from tasks.probes.http import Exchange, connections, visitor
from tasks.probes.journey import walk

# A request that leaves later than this by our own fault measures this machine, not the service.
_LATE_S = 0.1
_LATE_MAX = 0.2
# A fifth of our own failures: what is left is no fair sample any more.
_OURS_MAX = 0.2
_EXAMPLES_MAX = 5
# How the causes begin that are no answer in time; every other request without an answer lost its connection.
_IN_VAIN = ("timed out after ", "connecting took too long")


@dataclass(frozen=True, slots=True)
class _Turn:
    """A check to be made at a moment of the event loop's clock."""

    at: float
    check: Check


@dataclass(slots=True)
class _Side:
    """One address: the turns still to come, and what came of those that were taken."""

    address: Address
    turns: Iterator[_Turn]
    lines: aiohttp.TCPConnector
    seen: list[Exchange] = field(default_factory=list)
    taken: int = 0
    late: int = 0


class Probes:
    """Sends the checks that may be repeated to both addresses, `per_second` requests to each.

    Requests start when they are due, whether or not earlier ones were answered (an open model), and latency counts from
    that moment, so that a service that stalls cannot hide it. No more than `at_once` are on their way to a side. Where
    many leave later than `late_s` by our own fault, nothing is said of the service.
    """

    ours = True
    lag_s = 0.0
    # At one request in a second it is one; slower rates look once all the same.
    shortest_s = 1.0

    def __init__(
        self,
        checks: Sequence[Check],
        per_second: float,
        *,
        at_once: int = 64,
        late_s: float = _LATE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the checks in turn; single requests that change something are left out, journeys are made whole."""
        if per_second <= 0:
            raise ValueError(f"{per_second} requests a second is not a rate; write 1 or more")
        self._checks = tuple(check for check in checks if len(check.requests) > 1 or check.requests[0].safe)
        self._per_second = per_second
        self._at_once = at_once
        self._late_s = late_s
        self._sleep = sleep
        self._next = 0

    def begin(self) -> None:
        """Do nothing: a look sends its own requests, so it covers nothing that was before it."""

    async def look(self, stable: Revision, canary: Revision, seconds: float) -> Look:
        """Return what was seen over the next `seconds`, and at most one request's time-out later.

        Nothing, where one of the two cannot be reached apart from the other.
        """
        if stable.preview and canary.preview:
            return await self._ask(stable.preview, canary.preview, seconds)
        alone = stable if canary.preview else canary
        await self._sleep(seconds)
        return _blind(f"no address reaches {alone.name} alone", seconds)

    async def close(self) -> None:
        """Do nothing: each look closes its own connections."""

    async def _ask(self, stable_at: Address, canary_at: Address, seconds: float) -> Look:
        if not self._checks:
            return _blind("no check may be repeated: each is a single request that changes something", seconds)
        start = asyncio.get_running_loop().time()
        end, turns = start + seconds, self._turns(start, seconds)
        stable, canary = (
            _Side(address, iter(part), connections(limit=self._at_once, keep_alive=True))
            for address, part in zip((stable_at, canary_at), turns, strict=True)
        )
        workers = min(self._at_once, len(turns[0]))
        try:
            async with asyncio.TaskGroup() as group:
                for side in (stable, canary) * workers:
                    group.create_task(_work(side, end, self._late_s))
        finally:
            await asyncio.gather(stable.lines.close(), canary.lines.close())
        return _look(stable, canary, seconds)

    def _turns(self, start: float, seconds: float) -> tuple[list[_Turn], list[_Turn]]:
        """Return both sides' turns: the same checks in the same order, first one side's, then the other's: A B B A."""
        sides: tuple[list[_Turn], list[_Turn]] = ([], [])
        sent, first = 0, 0
        while sent < max(1, round(seconds * self._per_second)):
            check = self._checks[self._next % len(self._checks)]
            at, lasts = sent / self._per_second, len(check.requests) / self._per_second
            sides[first].append(_Turn(start + at, check))
            sides[1 - first].append(_Turn(start + at + min(lasts, seconds - at) / 2, check))
            sent, first, self._next = sent + len(check.requests), 1 - first, self._next + 1
        return sides


async def _work(side: _Side, end: float, late_s: float) -> None:
    """Take turns until there are none left; a turn that nobody was free for starts late, and that is the service's."""
    clock = asyncio.get_running_loop().time
    for turn in side.turns:
        free = clock()
        if free > end:
            return
        await asyncio.sleep(turn.at - free)
        started = clock()
        side.taken += 1
        side.late += started - max(turn.at, free) > late_s
        await _make(side, turn, started - turn.at, end)


async def _make(side: _Side, turn: _Turn, waited: float, end: float) -> None:
    clock = asyncio.get_running_loop().time
    async with visitor(side.lines, side.address) as who, aclosing(walk(turn.check, side.address.url, who)) as exchanges:
        async for seen in exchanges:
            side.seen.append(_waited(seen, waited))
            waited = 0.0
            if clock() > end:
                return


def _waited(seen: Exchange, seconds: float) -> Exchange:
    return replace(seen, seconds=seen.seconds + max(0.0, seconds))


def _look(stable: _Side, canary: _Side, seconds: float) -> Look:
    taken, late = stable.taken + canary.taken, stable.late + canary.late
    if late > _LATE_MAX * taken:
        return _blind(f"this machine is too busy to look: {late} of {taken} requests left late", seconds)
    everything = [*stable.seen, *canary.seen]
    if not any(exchange.answer for exchange in everything):
        return _blind(f"neither side answered: {_most_frequent(everything)}", seconds)
    return Look(_vitals(stable, seconds), _vitals(canary, seconds))


def _vitals(side: _Side, seconds: float) -> Vitals:
    ours = [exchange for exchange in side.seen if exchange.ours]
    if not side.seen or len(ours) > _OURS_MAX * len(side.seen):
        return Vitals(seconds=seconds, blind=f"could not ask: {_most_frequent(ours)}")
    seen = [exchange for exchange in side.seen if not exchange.ours]
    failures = Counter(f"{exchange.label} → {exchange.cause}" for exchange in seen if exchange.problem)
    return Vitals(
        requests=len(seen),
        errors=failures.total(),
        latency_ms=Histogram.of((_three_digits(each.seconds * 1000), 1) for each in seen if each.answer),
        seconds=seconds,
        examples=_frequent_first(failures)[:_EXAMPLES_MAX],
        classes=_frequent_first(Counter(_class(exchange) for exchange in seen if exchange.problem)),
    )


def _class(failed: Exchange) -> str:
    """Return how a request went wrong, in the core's words."""
    if failed.answer is None:
        return "timeout" if failed.cause.startswith(_IN_VAIN) else "connection"
    if 400 <= failed.answer.status < 600:
        return f"{failed.answer.status // 100}xx"
    return "unexpected"


def _frequent_first(counts: Counter[str]) -> Counts:
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _most_frequent(exchanges: Sequence[Exchange]) -> str:
    causes = Counter(exchange.cause for exchange in exchanges).most_common(1)
    return "".join(f"{cause} ({number} of {len(exchanges)})" for cause, number in causes) or "nothing came back in time"


def _three_digits(milliseconds: float) -> float:
    # As fine as HdrHistogram's usual setting: equal values meet, and a shift of 1 % is still seen.
    return float(f"{milliseconds:.3g}")


def _blind(why: str, seconds: float) -> Look:
    return Look(Vitals(seconds=seconds, blind=why), Vitals(seconds=seconds, blind=why))
