"""The situations that rules are measured in, by what is asked of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from judging.traffic import Cell

RATES = (0.5, 2.0, 10.0, 50.0)
EACH_MINUTE = 30
# What surefoot does unless told otherwise: a look every five seconds.
OFTEN = 360
CLIMB = (0.05, 0.25, 0.5)
PROCESSES: dict[str, dict[str, Any]] = {
    "Poisson": {},
    "bursts": {"burst": 4.0},
    "wild bursts": {"burst": 1.0},
    "shared bursts": {"burst": 1.0, "together": True},
    "outages": {"outages": True},
}


@dataclass(frozen=True, slots=True)
class Question:
    """Cells that answer one question, how many runs of each (in full, and quickly), and whether peers take part."""

    title: str
    cells: tuple[Cell, ...]
    full: int
    quick: int
    peers: bool = True

    def repeats(self, full: bool) -> int:
        """Return how many runs of each cell."""
        return self.full if full else self.quick


def _process(name: str, looks: int) -> dict[str, Any]:
    """Return a process; looked at every five seconds its bursts and outages still last as long as a minute's look."""
    process = PROCESSES[name]
    return {**process, "lasts_s": 60} if looks == OFTEN else process


def _called(what: str, per_s: float, looks: int, *more: str) -> str:
    return " ".join([what, f"{per_s:g}/s", *filter(None, more), *_looks(looks)])


def _looks(looks: int) -> list[str]:
    """Return how often a cell is looked at, unless it is each minute."""
    return [] if looks == EACH_MINUTE else [f"x{looks}"]


def _alike(per_s: float, looks: int, process: str, shares: tuple[float, ...] = (0.1,)) -> Cell:
    climb = "climb" if len(shares) > 1 else ""
    name = _called("alike", per_s, looks, climb, process)
    return Cell(name, per_s, shares, looks, **_process(process, looks))


def _worse(
    times: float, per_s: float, looks: int, process: str = "Poisson", shares: tuple[float, ...] = (0.1,)
) -> Cell:
    climb = "climb" if len(shares) > 1 else ""
    name = _called(f"{times:g}x", per_s, looks, climb, process)
    return Cell(name, per_s, shares, looks, times=times, **_process(process, looks))


def _broken(share: float) -> Cell:
    return Cell(_called(f"{share:.0%} broken", 50.0, OFTEN), 50.0, looks=OFTEN, broken=share)


def _latency(cv: float, drift: float, slower: float, minutes: int) -> Cell:
    name = f"{slower:+.0%} cv {cv:g} drift {drift:.0%} {minutes} min"
    return Cell(name, 20.0, (0.5,), looks=minutes, minutes=minutes, cv=cv, drift=drift, slower=slower)


def _dark(source: str, looks: int, bad: bool) -> Cell:
    """Return three steps of ten minutes, the second without a word from the metrics source."""
    kind = "bad, source" if bad else "good, source"
    name = " ".join([kind, source or "well", *_looks(looks)])
    broken = 0.05 if bad else 0.0
    return Cell(name, 10.0, (0.1, 0.1, 0.1), looks, broken=broken, source=source, like=f"{kind} well")


ALIKE = Question(
    "No change: put back wrongly",
    tuple(_alike(per_s, EACH_MINUTE, process) for per_s, process in product(RATES, PROCESSES)),
    full=4000,
    quick=200,
)
ALIKE_LOOKED_AT = Question(
    "No change, looked at more or less often",
    tuple(
        [_alike(per_s, looks, process) for per_s, looks, process in product(RATES, (5, 10, 60), PROCESSES)]
        + [_alike(per_s, OFTEN, process) for per_s, process in product(RATES, PROCESSES)]
    ),
    full=4000,
    quick=40,
    peers=False,
)
ALIKE_CLIMBING = Question(
    "No change, while traffic climbs 5 %, 25 %, 50 %",
    tuple(
        _alike(per_s, looks, process, CLIMB)
        for looks, per_s, process in product((EACH_MINUTE, OFTEN), (2.0, 10.0, 50.0), PROCESSES)
    ),
    full=4000,
    quick=40,
)
WORSE = Question(
    "Errors of 0.5 % on stable, twice and four times as many on the canary: caught in 30 minutes",
    tuple(
        [_worse(times, per_s, EACH_MINUTE) for times, per_s in product((2, 4), RATES)]
        + [_worse(4, 10.0, looks) for looks in (5, 10, 60, OFTEN)]
        + [_worse(4, 2.0, OFTEN), _worse(4, 10.0, EACH_MINUTE, "bursts"), _worse(4, 10.0, EACH_MINUTE, "wild bursts")]
        + [_worse(4, 10.0, EACH_MINUTE, "outages"), _worse(4, 10.0, EACH_MINUTE, "Poisson", CLIMB)]
    ),
    full=2000,
    quick=200,
)
BROKEN = Question(
    "A broken canary at 50 requests/s: users' requests spoiled",
    (*(_alike(50.0, OFTEN, process) for process in PROCESSES), _broken(0.05), _broken(1.0)),
    full=1000,
    quick=100,
)
SLOWER = Question(
    "Latency, 10 requests/s to each side: slower canaries caught in 10 minutes",
    tuple(_latency(cv, drift, slower, 10) for cv, drift, slower in product((0.5, 1.0), (0.01, 0.02), (0.1, 0.2, 0.4))),
    full=400,
    quick=20,
)
AS_FAST = Question(
    "Latency, no change: put back wrongly in 30 minutes",
    tuple(_latency(cv, drift, 0.0, 30) for cv, drift in product((0.5, 1.0), (0.01, 0.02))),
    full=4000,
    quick=60,
)
DARK = Question(
    "A metrics source that is down for 10 minutes, or fails 30 % of queries",
    tuple(
        _dark(source, looks, bad)
        for source, looks, bad in product(("", "down", "flaky", "down and flaky"), (EACH_MINUTE, OFTEN), (False, True))
    ),
    full=1000,
    quick=100,
)
QUESTIONS = (ALIKE, ALIKE_LOOKED_AT, ALIKE_CLIMBING, WORSE, BROKEN, SLOWER, AS_FAST, DARK)
# How failures come about where nothing changed: what a rule puts back wrongly is told for each of these.
KINDS: dict[str, tuple[Question, Callable[[Cell], bool]]] = {
    "plain failures": (ALIKE, lambda cell: not cell.burst and not cell.outages),
    "bursts": (ALIKE, lambda cell: bool(cell.burst)),
    "outages of both sides": (ALIKE, lambda cell: cell.outages),
    "traffic climbs": (ALIKE_CLIMBING, lambda _: True),
    "no answer from metrics": (DARK, lambda cell: cell.good and cell.source != ""),
}
