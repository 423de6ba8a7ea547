"""What a plan can see, said before anything is sent: computed with the judge's own questions."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from surefoot.judge import difference_bound, fisher_tail, look_alpha, quantile_bounds
from surefoot.rollout import Plan
from surefoot.vitals import Histogram

# More failures than this in a step without one on the other side always show.
_MOST_FAILURES = 10_000
_MOST_REQUESTS = 1_000_000
# The judge passes what would have shown the harm in 19 of 20 rollouts.
_UNSURE = 1 - 0.95


@dataclass(frozen=True, slots=True)
class Sight:
    """What one stretch of looking can see, when stable has no failure at all; rates are from 0 to 1.

    `requests` go to each side in it. A canary that fails `fails_at` of them is put back (0: so few cannot tell).
    Without any failure, `clears` more failures are ruled out. The judge lets nothing pass before `needs` requests
    went to each side: so many rule out the plan's harm, and bound the p95. Where a stretch has fewer, it is held.
    """

    percent: int
    watch_s: float
    bake: bool
    requests: int
    fails_at: int
    clears: float
    needs: int

    @property
    def enough(self) -> bool:
        """Return whether a healthy release can pass in the stretch's own time."""
        return self.requests >= self.needs


def sights(plan: Plan) -> Iterator[Sight]:
    """Yield what each stretch can see, in order: the comparison at 0 %, the steps that are watched, the bake."""
    stretches = [(0, plan.compare_s, False), *((step.percent, step.watch_s, False) for step in plan.steps)]
    looks, needs = 0, _needed(plan.harm.error_rate)
    for percent, watch_s, bake in (*stretches, (100, plan.bake_s, True)):
        if not watch_s:
            continue
        here = ceil(watch_s / plan.look_s)
        looks += here
        requests = round(here * plan.look_s * plan.probes_per_s)
        alpha, _ = look_alpha(plan.harm, plan.limits, looks, plan.planned_looks)
        yield Sight(
            percent,
            watch_s,
            bake,
            requests,
            fails_at=_fails_at(requests, alpha, plan.harm.error_rate),
            clears=difference_bound(0, requests, 0, requests) if requests else 1.0,
            needs=needs,
        )


def _fails_at(requests: int, alpha: float, harm: float) -> int:
    """Return the fewest failures in so many requests that put a release back, against none; 0 where none can."""
    for failures in range(max(1, ceil(requests * harm / 2)), min(requests, _MOST_FAILURES) + 1):
        if fisher_tail(failures, requests, 0, requests) < alpha:
            return failures
    return 0


def _needed(harm: float) -> int:
    """Return the fewest requests a side that can pass, by doubling and then halving."""
    high = 1
    while high < _MOST_REQUESTS and not _can_pass(high, harm):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _can_pass(middle, harm) else (middle, high)
    return high


def _can_pass(requests: int, harm: float) -> bool:
    alike = Histogram(((1.0, requests),))
    return difference_bound(0, requests, 0, requests) < harm and quantile_bounds(alike, 0.95, _UNSURE)[1] < inf
