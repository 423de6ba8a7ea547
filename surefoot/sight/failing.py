"""How surely so many more failures are caught: the judge's own walk, over looks that bring what is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, log, sqrt

import numpy as np

from surefoot.sight.stretches import Part, Whole
from surefoot.suspicion.clumps import LUCKS, Clumps, Row
from surefoot.suspicion.failures import _MARGIN
from surefoot.walk import Luck, Walk, alike, boundary

_MINUTE_S = 60.0
# Never to fail is to fail so seldom: the odds need a number.
_NEVER = 1e-7
_MOST = 1 - 1e-7


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of stable's clumps when a part is over: how each kind of luck weighs, and its rate."""

    weights: Row
    rates: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """A minute that is not over yet."""

    canary: int = 0
    stable: int = 0
    together: int = 0
    seconds: float = 0.0
    stretch: int = -1


class Failing:
    """One rollout's looks, and stable's own failures in them; `spends` are what each part's looks may spend."""

    def __init__(self, parts: Sequence[Part], spends: Sequence[float], rate: float, harm: float, *, users: bool) -> None:
        self._parts, self._spends, self._harm = parts, spends, harm
        # What only users meet is not in requests of ours; these are checks, which do not fail by themselves.
        self._rates = [0.0 if users and part.ours else rate for part in parts]
        self._meets = [not (users and part.ours) for part in parts]
        self._told = list(_told(parts, self._rates))

    def caught(self, jump: float) -> tuple[list[float], list[float]]:
        """Return the chance of having been caught by each part's end, and how many failures it takes there."""
        even, clumped, bad, count = Walk(), Walk(len(LUCKS)), Walk(), Whole()
        minute, at, caught, bounds = Open(), np.inf, [], []
        ahead, total, like = clumped, 0, 0.0
        for part, spend, rate, meets, told in zip(
            self._parts, self._spends, self._rates, self._meets, self._told, strict=True
        ):
            worse = min(_MOST, rate + jump) if meets else rate
            together = min(count.add(part.canary * worse + part.stable * rate), part.canary + part.stable)
            if part.canary and part.stable:
                if minute.seconds > _MINUTE_S * 0.95 or minute.stretch != part.stretch:
                    clumped, minute = ahead, Open(stretch=part.stretch)
                    clumped.stop(at)
                minute = _plus(minute, part, together)
                total, like = total + part.canary, like + part.canary * rate
                if together:
                    even.go(alike(together, part.canary, part.stable))
                    bad.go(alike(together, part.canary, part.stable, (0.0,), (Luck(tilt=_odds(worse) - _odds(rate)),)))
                if minute.together:
                    ahead = _ahead(clumped, minute, told)
            at, _ = boundary([(even, told.weights[:1]), (ahead, told.weights[1:])], spend)
            even.stop(at)
            bad.stop(max(at, ceil(like + total * self._harm * _MARGIN)))
            caught.append(float(bad.spent[0]))
            bounds.append(at)
        return caught, bounds


def _plus(minute: Open, part: Part, together: int) -> Open:
    return replace(
        minute,
        canary=minute.canary + part.canary,
        stable=minute.stable + part.stable,
        together=minute.together + together,
        seconds=minute.seconds + part.seconds,
    )


def _ahead(clumped: Walk, minute: Open, told: Told) -> Walk:
    """Return the walk with the open minute; of several minutes at once the clumps even out."""
    minutes = max(1.0, minute.seconds / _MINUTE_S)
    lucks = [Luck(luck.spread / minutes) for luck in LUCKS]
    ahead = clumped.copy()
    ahead.go(alike(minute.together, minute.canary, minute.stable, told.rates, lucks))
    return ahead


def _told(parts: Sequence[Part], rates: Sequence[float]) -> Iterator[Told]:
    """Yield what stable's minutes have told by each part's end, if they vary as plain luck does."""
    clumps, left, turn, fails = Clumps(), 0.0, 1, Whole()
    for part, rate in zip(parts, rates, strict=True):
        way = part.look / parts[-1].look
        requests = round(part.stable * min(1.0, _MINUTE_S / part.seconds)) if part.seconds else 0
        known = tuple(max(_NEVER, each) for each in clumps.rates(requests, round(requests * rate), way))
        yield Told(clumps.weights(way), known)
        left += part.seconds / _MINUTE_S
        while left >= 0.95:
            left, turn = left - 1, -turn
            mean = part.stable * rate * min(1.0, _MINUTE_S / part.seconds)
            failures = round(mean + turn * sqrt(mean)) if mean >= 1 else fails.add(mean)
            if requests:
                clumps.add(requests, min(requests, failures))


def _odds(rate: float) -> float:
    kept = min(_MOST, max(_NEVER, rate))
    return log(kept / (1 - kept))
