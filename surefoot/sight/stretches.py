"""What a plan's looks can be expected to bring: requests to each side, stretch by stretch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil

from surefoot.rollout import Plan
from surefoot.vitals import Histogram

# Looks are put together by the minute, as the judge does, and to so many parts of the time gone by then: the judge
# learns most in the first minutes, and later ones can be coarser without changing what is seen.
_MINUTE_S = 60.0
_FINE = 16
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Recent:
    """What comes to a service, as far as it is known.

    `per_s` are users' requests to all of it in a second, where users' requests are looked at; None: our own are, and
    the plan says how many. `error_rate` (0 to 1) and `latency_ms` are stable's; without latencies they are taken to be
    log-normal and as wide as their mean. `lag_s` is how late the source shows a request, `shortest_s` its shortest
    window.
    """

    per_s: float | None = None
    error_rate: float = 0.0
    latency_ms: Histogram = field(default_factory=Histogram)
    lag_s: float = 0.0
    shortest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of looking: how many requests a second go to each side, and are seen, from `begins_s` on.

    With `ours` they are our own. `looks` is how many there are, `seen_s` the seconds they show.
    """

    percent: int
    watch_s: float
    begins_s: float
    looks: int
    seen_s: float
    canary_per_s: float
    stable_per_s: float
    bake: bool
    ours: bool

    @property
    def canary(self) -> int:
        """Return how many requests the canary gets."""
        return round(self.canary_per_s * self.seen_s)

    @property
    def stable(self) -> int:
        """Return how many requests stable gets."""
        return round(self.stable_per_s * self.seen_s)


@dataclass(frozen=True, slots=True)
class Part:
    """Some looks of a stretch put together: `look` is the number of the last one, `ends_s` when it was seen."""

    stretch: int
    ours: bool
    share: float
    seconds: float
    looks: int
    look: int
    ends_s: float
    canary: int
    stable: int


def stretches(plan: Plan, recent: Recent) -> tuple[Stretch, ...]:
    """Return all stretches that are watched: the comparison at 0 %, the steps, the bake.

    Users are looked at where they are on both sides. Before and after, our own requests ask both.
    """
    watched = [(0, plan.compare_s, False), *((step.percent, step.watch_s, False) for step in plan.steps)]
    found: list[Stretch] = []
    begins_s = 0.0
    for percent, watch_s, bake in (*watched, (100, plan.bake_s, True)):
        if watch_s:
            found.append(_stretch(plan, recent, percent, watch_s, begins_s, bake=bake))
        begins_s += watch_s
    return tuple(found)


def _stretch(plan: Plan, recent: Recent, percent: int, watch_s: float, begins_s: float, *, bake: bool) -> Stretch:
    users = recent.per_s if recent.per_s is not None and 0 < percent < 100 else None
    each_s = max(plan.look_s, recent.shortest_s) if recent.per_s is not None and percent else plan.look_s
    looks = -(-round(watch_s * 1000) // round(each_s * 1000))
    if users is None:
        rate, seen_s = plan.probes_per_s, looks * plan.look_s if each_s == plan.look_s else watch_s
        return Stretch(percent, watch_s, begins_s, looks, seen_s, rate, rate, bake=bake, ours=True)
    canary, seen_s = users * percent / 100, max(0.0, max(watch_s, each_s) - recent.lag_s)
    return Stretch(percent, watch_s, begins_s, looks, seen_s, canary, users - canary, bake=bake, ours=False)


def parts(found: Sequence[Stretch]) -> Iterator[Part]:
    """Yield the whole rollout in parts, each within one stretch: minutes at first, longer ones later on."""
    least_s = min(_MINUTE_S, sum(stretch.watch_s for stretch in found) / _FEWEST)
    canary, stable, before = Whole(), Whole(), 0
    for number, stretch in enumerate(found):
        each_s, late_s, done = stretch.seen_s / stretch.looks, stretch.watch_s - stretch.seen_s, 0
        while done < stretch.looks:
            began_s = stretch.begins_s + done * each_s
            looks = min(stretch.looks - done, ceil(max(least_s, began_s / _FINE) / each_s)) if each_s else stretch.looks
            done += max(1, looks)
            yield Part(
                number,
                stretch.ours,
                stretch.percent / 100,
                looks * each_s,
                looks,
                before + done,
                stretch.begins_s + max(0.0, late_s) + done * each_s,
                canary.add(looks * each_s * stretch.canary_per_s),
                stable.add(looks * each_s * stretch.stable_per_s),
            )
        before += stretch.looks


class Whole:
    """Whole numbers that add up to what parts of them do."""

    def __init__(self) -> None:
        self._sum = 0.0

    def add(self, number: float) -> int:
        """Return how much a part raises the whole."""
        before = round(self._sum)
        self._sum += number
        return round(self._sum) - before
