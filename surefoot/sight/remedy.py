"""What would see a harm that a plan does not: a longer watch, more of the users, more requests of our own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from surefoot.rollout import Plan, Step
from surefoot.sight import POWER, Foresight, Recent

# Lengths and percents as people write them; a watch longer than a day is no rollout any more.
_WATCHES_S = (
    10, 20, 30, 60, 120, 180, 300, 480, 600, 900, 1200, 1500, 1800, 2400, 3000, 3600, 4500, 5400, 7200, 10800, 14400,
    21600, 28800, 43200, 86400,
)  # fmt: skip
_PERCENTS = (5, 10, 20, 25, 30, 40, 50)
_PROBES = (2, 3, 5, 8, 10, 15, 20, 30, 50)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change that is enough: a step's percent and how long it is watched, or how many probes a second."""

    percent: int = 0
    watch_s: float = 0.0
    probes_per_s: float = 0.0


def remedies(plan: Plan, recent: Recent, harms: Sequence[str]) -> tuple[Remedy, ...]:
    """Return what catches these harms (`errors`, `p95`) in 8 of 10 rollouts, each by itself; empty where nothing does.

    Users' requests are compared best where most of them are on both sides. How many of our own go out does not depend
    on the percent.
    """
    users = recent.per_s is not None
    watched = [step for step in plan.steps if step.watch_s and (step.percent < 100 or not users)]
    if not watched:
        return ()
    step = max(watched, key=lambda each: each.watch_s * (each.percent if users else 1))
    found = (
        _more_users(plan, recent, harms, step) if users else _more_probes(plan, recent, harms),
        _longer(plan, recent, harms, step),
    )
    return tuple(each for each in found if each is not None)


def _longer(plan: Plan, recent: Recent, harms: Sequence[str], step: Step) -> Remedy | None:
    tried = [watch_s for watch_s in _WATCHES_S if watch_s > step.watch_s]
    watch_s = _fewest(tried, lambda each: _sees(_with(plan, step.percent, each), recent, harms))
    return Remedy(step.percent, watch_s) if watch_s else None


def _more_users(plan: Plan, recent: Recent, harms: Sequence[str], step: Step) -> Remedy | None:
    tried = [percent for percent in _PERCENTS if percent > step.percent]
    percent = _fewest(tried, lambda each: _sees(_with(plan, int(each), step.watch_s), recent, harms))
    return Remedy(int(percent), step.watch_s) if percent else None


def _more_probes(plan: Plan, recent: Recent, harms: Sequence[str]) -> Remedy | None:
    tried = [number for number in _PROBES if number > plan.probes_per_s]
    number = _fewest(tried, lambda each: _sees(replace(plan, probes_per_s=each), recent, harms))
    return Remedy(probes_per_s=number) if number else None


def _with(plan: Plan, percent: int, watch_s: float) -> Plan:
    """Return the plan with a step that is watched so long at a percent, in place of the one there, if there is one."""
    watches = {step.percent: step.watch_s for step in plan.steps} | {percent: watch_s}
    return replace(plan, steps=tuple(Step(each, watches[each]) for each in sorted(watches)))


def _sees(plan: Plan, recent: Recent, harms: Sequence[str]) -> bool:
    foresight = Foresight(plan, recent)
    # Latency first: it takes more requests than failures do, and less time to compute.
    return all(foresight.chance(name).power >= POWER for name in sorted(harms, key="errors".__eq__))


def _fewest(tried: Sequence[float], enough: Callable[[float], bool]) -> float | None:
    """Return the first that is enough, None where none is, by halving."""
    low, high = 0, len(tried)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(tried[middle]) else (middle + 1, high)
    return tried[low] if low < len(tried) else None
