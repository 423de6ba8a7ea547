"""How surely so much slower a release is caught at a quantile: the judge's own walk, over looks as expected."""

from collections.abc import Sequence
from math import ceil, log, sqrt
from statistics import NormalDist

import numpy as np

from surefoot.levels import Row, milliseconds, quantile_step, row
from surefoot.sight.stretches import Part
from surefoot.suspicion.slowness import _FEWEST, _LASTING, _MARGIN, _NODES, _PASSING, _STEEPEST, _WEIGHTS
from surefoot.vitals import Histogram
from surefoot.walk import Luck, Share, Walk, alike, boundary

# Where nothing is known of the latencies: log-normal, as wide as their mean (a coefficient of variation of 1).
_USUAL_MS = 100.0
_WIDTH = sqrt(log(2))
_MINUTE_S = 60.0
_LEAST = 1e-9
# How many steps on both sides tell how steep it is.
_NEAR = 10
_STEP = log(milliseconds(1) / milliseconds(0))


def shape_of(latency_ms: Histogram) -> Row:
    """Return the share of answers on each step of the scale."""
    known = row(latency_ms)
    if known.sum():
        shares: Row = known / known.sum()
        return shares
    normal = NormalDist(log(_USUAL_MS), _WIDTH)
    below = np.array([normal.cdf(log(milliseconds(step + 0.5))) for step in range(len(known))])
    return np.diff(below, prepend=0.0)


def drawn(shape: Row, requests: int) -> Histogram:
    """Return so many latencies, spread as the shape is."""
    numbers = np.diff(np.rint(np.cumsum(shape) * requests), prepend=0.0)
    return Histogram.of((milliseconds(int(step)), int(numbers[step])) for step in np.flatnonzero(numbers))


class Slowing:
    """One rollout's looks at one quantile, where stable's answers have a shape; `spends` are what looks may spend."""

    def __init__(self, parts: Sequence[Part], spends: Sequence[float], shape: Row, q: float, *, users: bool) -> None:
        self._parts, self._spends, self._q, self._users = parts, spends, q, users
        self._slower = np.concatenate([[1.0], 1 - np.cumsum(shape)])
        self._level_ms = milliseconds(quantile_step(np.cumsum(shape), q))
        self._cuts: dict[tuple[float, float], tuple[float, float]] = {}
        self._least = 0.0

    def ask(self, harm: float, floor_ms: float) -> float:
        """Return the harm that is looked for, relative: no shift below `floor_ms` is one."""
        asked = max(harm, floor_ms / self._level_ms)
        self._least = _MARGIN * log(1 + asked)
        return asked

    def caught(self, jump: float) -> tuple[list[float], list[float]]:
        """Return the chance that a release slower by `jump` (0.25: a quarter) was caught by each part's end.

        And how many slow answers that takes there.
        """
        walk, worse, enough = Walk(len(_NODES)), Walk(), 0.0
        canary = stable = looks = 0
        seconds = 0.0
        caught, bounds = [], []
        for part, spend in zip(self._parts, self._spends, strict=True):
            if part.canary and part.stable:
                canary, stable = canary + part.canary, stable + part.stable
                looks, seconds = looks + part.looks, seconds + part.seconds
            above = round((canary + stable) * (1 - self._q))
            if above >= _FEWEST:
                shift = log(1 + jump) if not (self._users and part.ours) else 0.0
                tilt, slope = self._cut(shift, canary / (canary + stable))
                least, _ = self._cut(self._least, canary / (canary + stable))
                walk.go(self._luck(above, canary, stable, slope, seconds, looks))
                worse.go(alike(above, canary, stable, (0.0,), (Luck(tilt=tilt),)))
                enough += _mean(alike(above, canary, stable, (0.0,), (Luck(tilt=least),)))
                canary = stable = looks = 0
                seconds = 0.0
            at, _ = boundary([(walk, _WEIGHTS)], spend)
            walk.stop(at)
            worse.stop(max(at, ceil(enough)))
            caught.append(float(worse.spent[0]))
            bounds.append(at)
        return caught, bounds

    def _luck(self, above: int, canary: int, stable: int, slope: float, seconds: float, looks: int) -> Share:
        """Return what luck gives the canary; what passes from minute to minute evens out over the looks' own cuts."""
        cuts = min(looks, max(1, above // _FEWEST))
        each_s = max(0.001, seconds / cuts)
        spread = (self._q * slope * _PASSING) ** 2 * max(1.0, _MINUTE_S / each_s) / cuts
        lucks = [Luck(spread, node * _LASTING * slope) for node in _NODES]
        return alike(above, canary, stable, [above / (canary + stable)] * len(lucks), lucks)

    def _cut(self, shift: float, share: float) -> tuple[float, float]:
        """Return how much higher the canary's odds are to be slow, and how steeply they fall with the latency.

        Slow is what lies above the quantile of both together, `share` of them being the canary's. Odds and slope are
        logarithms.
        """
        if (shift, share) not in self._cuts:
            steps = np.arange(len(self._slower))
            canary = np.interp(steps - shift / _STEP, steps, self._slower)
            both = share * canary + (1 - share) * self._slower
            at = float(np.interp(self._q - 1, -both, steps))
            tilt = _odds(np.interp(at, steps, canary)) - _odds(np.interp(at, steps, self._slower))
            near = [_odds(np.interp(at + apart, steps, both)) for apart in (-_NEAR, _NEAR)]
            slope = min(_STEEPEST, max(0.0, (near[0] - near[1]) / (2 * _NEAR * _STEP)))
            self._cuts[shift, share] = tilt, slope
        return self._cuts[shift, share]


def _mean(share: Share) -> float:
    return float(share.chances[0] @ (share.start + share.step * np.arange(len(share.chances[0]))))


def _odds(rate: float) -> float:
    kept = min(1 - _LEAST, max(_LEAST, float(rate)))
    return log(kept / (1 - kept))
