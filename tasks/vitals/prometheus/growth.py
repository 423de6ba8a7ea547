"""How much counters grew between two edges, from the samples themselves.

Not by Prometheus' `increase()`: that extrapolates to the window's ends, so it makes fractions of requests that nobody
has sent, and the judge's statistics are those of counts. What it does well is done here too: a counter that began anew
counts from 0.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from tasks.vitals.prometheus.series import Contradiction, Instance, Key, Point, Series, Unseen, instance_of

# An instance that was not scraped for so many times what is fresh is gone, and waited for no more.
_GONE = 2.0
# Whose counters they are, in words, with the counters: `shop-1-9-0`, `the latency of shop-1-9-0`.
Sides = Mapping[str, Sequence[Series]]


@dataclass(frozen=True, slots=True)
class Edge:
    """Where one window ends and the next begins: each counter's last sample, and when each instance was scraped last.

    `awaited` are the instances, by side, that were fresh then, so that one that goes is missed.
    """

    points: Mapping[Key, Point] = field(default_factory=dict)
    scraped: Mapping[Instance, float] = field(default_factory=dict)
    awaited: frozenset[tuple[str, Instance]] = frozenset()

    @classmethod
    def opening(cls, sides: Sides, since: float) -> "Edge":
        """Return the first edge after a moment: where each instance was scraped next, infinity where it was not yet.

        An instance of which nothing is known from before is new, so its counters began at 0; but when nothing at all
        is known from before, it was Prometheus that was not there.
        """
        moments: dict[Instance, set[float]] = {}
        for each in _all(sides):
            moments.setdefault(each.instance, set()).update(point.at for point in each.points)
        known = {instance for instance, scrapes in moments.items() if min(scrapes) < since} or set(moments)
        first = {instance: min((at for at in moments[instance] if at >= since), default=math.inf) for instance in known}
        reached = ((each.key, each.until(first[each.instance])) for each in _all(sides) if each.instance in first)
        return cls({key: point for key, point in reached if point is not None}, first)

    def after(self, sides: Sides, fresh_from: float) -> "Edge":
        """Return the edge that ends a window.

        An instance that is away is remembered, should it come back; a counter that is away from an instance that is
        there begins at 0 when it comes back.
        """
        scraped: dict[Instance, float] = {}
        for side in sides.values():
            for instance, at in newest(side).items():
                scraped[instance] = max(scraped.get(instance, -math.inf), at)
        there = {instance for instance, at in scraped.items() if at >= fresh_from}
        points = {key: point for key, point in self.points.items() if instance_of(key) not in there}
        points |= {
            each.key: each.points[-1] for each in _all(sides) if each.newest >= fresh_from or each.instance not in there
        }
        fresh = (
            (name, instance)
            for name, side in sides.items()
            for instance, at in newest(side).items()
            if at >= fresh_from
        )
        return Edge(points, {**self.scraped, **scraped}, frozenset(fresh))

    def without(self, gone: Iterable[tuple[str, Instance]]) -> "Edge":
        """Return this edge, some instances waited for no more."""
        return replace(self, awaited=self.awaited - frozenset(gone))


class Gone(Unseen):
    """Instances have gone within a window, and what they had counted last with them."""

    def __init__(self, gone: Sequence[tuple[str, Instance]]) -> None:
        what = listed(sorted({instance for _, instance in gone}))
        super().__init__(f"{what} is not scraped any more, so nobody knows what it counted last for {gone[0][0]}")
        self.awaited = frozenset(gone)


def check_fresh(sides: Sides, edge: Edge, at: float, stale_s: float) -> None:
    """Raise Unseen where something was not scraped lately: not at all, or not in every instance."""
    gone: list[tuple[str, Instance]] = []
    for name, side in sides.items():
        if not side:
            raise Unseen(f"nothing was scraped of {name} yet")
        ago = {instance: at - moment for instance, moment in newest(side).items()}
        if (latest := min(ago.values())) > stale_s:
            raise Unseen(f"late: the newest scrape of {name} is {latest:.0f} s old")
        if late := sorted(instance for instance in ago if _late(ago[instance], edge.scraped.get(instance), stale_s)):
            raise Unseen(f"late: {listed(late)} was not scraped for {ago[late[0]]:.0f} s")
        awaited = sorted(instance for whose, instance in edge.awaited if whose == name)
        gone += [(name, instance) for instance in awaited if ago.get(instance, math.inf) > stale_s]
    if gone:
        raise Gone(gone)


def _late(ago_s: float, reached: float | None, stale_s: float) -> bool:
    """Say whether a scrape is missing; an instance that is away for long is gone, and none is late for that."""
    return stale_s < ago_s <= _GONE * stale_s or (reached == math.inf and ago_s <= stale_s)


class Growth:
    """By how much all counters grew over one window."""

    def __init__(self, sides: Sides, edge: Edge) -> None:
        """Add up each counter's steps; where an instance began anew between two scrapes, what it grew by at least."""
        self._begun: set[tuple[str, Instance]] = set()
        self._grown = {name: self._side(name, side, edge) for name, side in sides.items()}

    def by(self, name: str, what: Callable[[Series], str]) -> dict[str, int]:
        """Return the growth of a side's counters, added up by what they count."""
        total: dict[str, int] = {}
        for series, grown in self._grown[name]:
            total[what(series)] = total.get(what(series), 0) + grown
        return total

    def total(self, name: str) -> int:
        """Return the growth of a side's counters together."""
        return sum(grown for _, grown in self._grown[name])

    def check_whole(self, edge: Edge, fresh_from: float) -> None:
        """Raise Unseen where a counter ended although its instance goes on and did not begin anew."""
        for name, side in self._grown.items():
            scraped = newest(series for series, _ in side)
            for series, _ in side:
                ended = series.newest < fresh_from <= scraped[series.instance]
                if ended and series.key in edge.points and (name, series.instance) not in self._begun:
                    raise Contradiction(f"{listed([series.instance])} has lost a counter of {name}")

    def _side(self, name: str, side: Sequence[Series], edge: Edge) -> list[tuple[Series, int]]:
        """Return each counter with its growth.

        Where all of an instance's counters together are less than before, each of them counts from 0, though it may
        have passed its old value already.
        """
        steps = [(series, _steps(series, edge)) for series in side]
        change: dict[Instance, dict[float, int]] = {}
        for series, pairs in steps:
            moments = change.setdefault(series.instance, {})
            for before, after in pairs:
                moments[after.at] = moments.get(after.at, 0) + after.value - before.value
        anew = {instance: [at for at, by in moments.items() if by < 0] for instance, moments in change.items()}
        self._begun |= {(name, instance) for instance, moments in anew.items() if moments}
        return [
            (series, sum(_step(before, after, anew[series.instance]) for before, after in pairs))
            for series, pairs in steps
        ]


def _steps(series: Series, edge: Edge) -> list[tuple[Point, Point]]:
    """Return each sample since the edge with the one before it; a counter that is new began at 0."""
    began = edge.points.get(series.key) or Point(edge.scraped.get(series.instance, -math.inf), 0)
    return list(pairwise([began, *(point for point in series.points if point.at > began.at)]))


def _step(before: Point, after: Point, anew: Iterable[float]) -> int:
    begun = any(before.at < moment <= after.at for moment in anew)
    return after.value if begun or after.value < before.value else after.value - before.value


def newest(side: Iterable[Series]) -> dict[Instance, float]:
    """Return when each instance was scraped last."""
    found: dict[Instance, float] = {}
    for series in side:
        found[series.instance] = max(found.get(series.instance, -math.inf), series.newest)
    return found


def level(*parts: Sequence[Series]) -> list[tuple[Series, ...]]:
    """Return all up to the last scrape that each of them has: two queries may have a scrape between them."""
    last: dict[Instance, float] = {}
    for part in parts:
        for instance, at in newest(part).items():
            last[instance] = min(last.get(instance, math.inf), at)
    return [_cut(part, last) for part in parts]


def listed(instances: Sequence[Instance]) -> str:
    """Return what was scraped, for a sentence."""
    names = [instance or job or "an instance" for job, instance in instances]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _cut(side: Sequence[Series], last: Mapping[Instance, float]) -> tuple[Series, ...]:
    cut = (replace(each, points=tuple(p for p in each.points if p.at <= last[each.instance])) for each in side)
    return tuple(each for each in cut if each.points)


def _all(sides: Sides) -> Iterable[Series]:
    return (each for side in sides.values() for each in side)
