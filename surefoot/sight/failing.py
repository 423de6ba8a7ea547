"""How surely so many more failures are caught: the judge's own suspicion, shown looks that bring what is expected."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil, inf

from surefoot.luck import chance
from surefoot.sight.stretches import Part, Whole
from surefoot.suspicion import Suspicion
from surefoot.vitals import Look, Vitals
from surefoot.walk import Walk

# Harms that the suspicion is shown, up to every request; the first is below half of the plan's, and puts nothing back.
_BELOW, _SHOWN = 0.47, 24
_MOST = 1 - 1e-9


class Failing:
    """One rollout's looks: `rate` of stable's requests fail, and each part's looks may spend what `spends` says.

    With `users`, the harm is one that only users meet: requests of our own do not fail on either side.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        spends: Sequence[float],
        rate: float,
        harm: float,
        new: Callable[[], Suspicion],
        *,
        users: bool,
    ) -> None:
        """Look for an absolute `harm` with suspicions that `new` makes."""
        self._parts, self._spends, self._new = parts, spends, new
        self._meets = [not (users and part.ours) and bool(part.stable) for part in parts]
        self._rates = [0.0 if users and part.ours else rate for part in parts]
        low, most = harm * _BELOW, max(harm, 1 - rate)
        shown = [low * (most / low) ** (number / (_SHOWN - 1)) for number in range(_SHOWN)]
        self.bounds = self._least(shown)

    def caught(self, jump: float) -> tuple[list[float], list[float]]:
        """Return the chance of having been caught by each part's end, and how many failures it takes there.

        The canary's failures vary, and so do stable's, by which the bound goes up and down: for that as many more are
        drawn as vary as much, and the bound is higher by their mean.
        """
        walk, more, caught = Walk(), 0.0, []
        for part, bound, rate, meets in zip(self._parts, self.bounds, self._rates, self._meets, strict=True):
            worse = min(_MOST, rate + jump) if meets else rate
            if part.canary and part.stable and worse:
                walk.go(chance(part.canary, worse))
                if also := min(0.5, rate * part.canary / part.stable):
                    walk.go(chance(part.canary, also))
                    more += part.canary * also
            walk.stop(bound + more)
            caught.append(float(walk.spent[0]))
        return caught, self.bounds

    def _shown(self, jump: float) -> Iterator[tuple[int, float]]:
        """Yield the canary's failures by each part's end, all as expected, and how many would be too many then.

        Whoever has seen enough of it stops.
        """
        suspicion, bad, other = self._new(), Whole(), Whole()
        failures = requests = 0
        for part, spend, rate, meets in zip(self._parts, self._spends, self._rates, self._meets, strict=True):
            worse = min(1.0, rate + jump) if meets else rate
            counts = min(part.canary, bad.add(part.canary * worse)), min(part.stable, other.add(part.stable * rate))
            suspicion.add(_look(part, *counts), part.look / self._parts[-1].look)
            suspicion.crosses(spend)
            if part.canary and part.stable:
                failures, requests = failures + counts[0], requests + part.canary
            share = suspicion.find().bound
            yield failures, inf if share is None else ceil(share * requests - 1e-6)

    def _least(self, jumps: Sequence[float]) -> list[float]:
        """Return the fewest failures that put back at each part's end.

        The bound rises with the failures: where they reach it is between the last harm that stayed below its own, and
        the first that did not. What puts back at an early part's end does so later, and is not asked again.
        """
        below, found = [(0, 1.0)] * len(self._parts), [inf] * len(self._parts)
        for jump in jumps:
            left = max((number for number, bound in enumerate(found) if bound == inf), default=-1)
            for number, now in zip(range(left + 1), self._shown(jump), strict=False):
                if found[number] == inf and now[0] >= now[1]:
                    found[number] = _reached(below[number], now)
                below[number] = now if now[1] < inf else (now[0], now[0] + 1.0)
        return found


def _reached(below: tuple[int, float], above: tuple[int, float]) -> int:
    """Return about how many failures are as many as their bound, given (failures, bound) on both sides of it."""
    short, over = below[1] - below[0], above[0] - above[1]
    between = below[0] + (above[0] - below[0]) * short / (short + over) if short + over else above[0]
    return ceil(min(max(between, below[1]), above[1]) - 1e-6)


def _look(part: Part, bad: int, other: int) -> Look:
    canary, stable = Vitals(part.canary, bad, seconds=part.seconds), Vitals(part.stable, other, seconds=part.seconds)
    return Look(stable, canary, 0.0 if part.ours else part.share)
