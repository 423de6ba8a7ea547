"""One suspicion's evidence as a walk: how far it may stray by luck alone, look after look, over a whole rollout.

Given what both sides of a look had together, the canary's part of it is drawn by chance if the sides are alike. The
walk adds these chances up, look by look, and takes away at every look what would have been called a failure there:
what is left is exactly the luck that is still possible. So the chance of a false alarm is spent once over all looks
(Jennison and Turnbull, Group Sequential Methods, 2000, chapters 7 and 12: error spending, exact for counts).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Row = NDArray[np.float64]

# Points of the walk's lattice. While all that luck can do fits in, every count is a point and the chances are exact.
_POINTS = 512
# How many standard deviations of one look's share are written out on both sides.
_REACH = 8.0
# So many times the length of a geometric tail makes it as small as that.
_FAR = 32.0
# A look's part may lean by this many of its own deviations: over a hundred looks that is nothing.
_LEANING = 0.01
# A tilt that puts all at one end, and how often it is halved: as near as a thousandth.
_STEEPEST = 1e4
_HALVINGS = 24
# Luck below this is nobody's: far smaller than what any look may spend.
_NOTHING = 1e-14


@dataclass(frozen=True, slots=True)
class Luck:
    """One way in which sides that are alike may differ without anybody's fault.

    `spread` is the squared coefficient of variation of a side's own rate from one look to the next, `tilt` a lasting
    difference of the logarithm of the canary's rate.
    """

    spread: float = 0.0
    tilt: float = 0.0


EVEN = (Luck(),)


@dataclass(frozen=True, slots=True)
class Share:
    """What may fall to the canary in one look: a row of chances for each kind of luck, `step` apart from `start` on."""

    start: int
    step: int
    chances: tuple[Row, ...]


def alike(
    together: int, canary: int, stable: int, rates: Sequence[float] = (0.0,), lucks: Sequence[Luck] = EVEN
) -> Share:
    """Return the canary's share of what both had `together`, of `canary` and `stable` requests each.

    Without a spread it is hypergeometric (Fisher's exact test); with one it is that of two negative binomials whose sum
    is known, `rates` being stable's own level under each kind. A tilt makes the canary's rate another: then it is
    Fisher's noncentral hypergeometric one, or that of negative binomials whose means differ.
    """
    middle = together * canary / (canary + stable)
    widest = max(_deviation(together, middle, luck) for luck in lucks)
    counts, step = _points(middle, widest, max(0, together - stable), min(together, canary))
    rest = together - counts
    ways = -gammaln(counts + 1) - gammaln(rest + 1)
    chances = []
    for luck, rate in zip(lucks, rates, strict=True):
        if luck.spread:
            clumps, mean, other = 1 / luck.spread, canary * rate * exp(luck.tilt), stable * rate
            logs = ways + gammaln(counts + clumps) + counts * log(mean / (mean + clumps))
            logs += gammaln(rest + clumps) + rest * log(other / (other + clumps))
        else:
            logs = ways - gammaln(canary - counts + 1) - gammaln(stable - rest + 1) + counts * luck.tilt
        odds = canary * exp(luck.tilt)
        chances.append(_fair(logs, counts, together * odds / (odds + stable)) if luck.spread else _normed(logs))
    return Share(int(counts[0]), step, tuple(chances))


def _fair(logs: Row, counts: Row, part: float) -> Row:
    """Return the chances, tilted where they would give less than its part on average.

    No side has more failures than requests; where clumps are larger than that, what is left of them leans to nothing.
    """
    off = (counts - min(part, counts[-1])) / max(1.0, counts[-1] - counts[0])
    row, low, high = _normed(logs), 0.0, _STEEPEST
    if off @ row >= -_LEANING * sqrt(off * off @ row):
        return row
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        row = _normed(logs + middle * off)
        low, high = (middle, high) if off @ row < 0 else (low, middle)
    return _normed(logs + high * off)


def chance(trials: int, rate: float) -> Share:
    """Return how many of so many trials succeed at a rate (between 0 and 1): the binomial distribution."""
    middle = trials * rate
    counts, step = _points(middle, sqrt(middle * (1 - rate)) + 1, 0, trials)
    ways = -gammaln(counts + 1) - gammaln(trials - counts + 1)
    return Share(int(counts[0]), step, (_normed(ways + counts * log(rate) + (trials - counts) * log(1 - rate)),))


def clumped(requests: int, rates: Sequence[float], lucks: Sequence[Luck]) -> Share:
    """Return how many of so many requests fail in clumps: negative binomial, around a rate for each kind of luck."""
    middles = [requests * rate for rate in rates]
    # The slowest of the tails falls geometrically; beyond this it is nothing.
    far = max(_FAR * (1 + middle * luck.spread) + middle for middle, luck in zip(middles, lucks, strict=True))
    high = min(requests, ceil(far))
    step = 1 + high // (2 * _POINTS)
    counts = np.arange(0, high + 1, step, dtype=float)
    chances = []
    for middle, luck in zip(middles, lucks, strict=True):
        clumps = 1 / luck.spread
        ways = gammaln(counts + clumps) - gammaln(counts + 1)
        chances.append(_normed(ways + counts * log(middle / (middle + clumps))))
    return Share(0, step, tuple(chances))


def _points(middle: float, deviation: float, low: int, high: int) -> tuple[Row, int]:
    low, high = max(low, int(middle - _REACH * deviation)), min(high, ceil(middle + _REACH * deviation))
    step = 1 + (high - low) // _POINTS
    return np.arange(low, high + 1, step, dtype=float), step


def _deviation(together: int, middle: float, luck: Luck) -> float:
    return sqrt(middle * (1 - middle / together) * (1 + luck.spread * together)) + abs(luck.tilt) * middle + 1


def _normed(logs: Row) -> Row:
    weights: Row = np.exp(logs - logs.max())
    weights /= weights.sum()
    return weights


class Walk:
    """All that luck could have made of the canary's count so far: a row for each kind of luck.

    A row holds the chance of having come to each point of the lattice without having crossed at an earlier look;
    `spent` is, for each kind, the chance of having crossed.
    """

    def __init__(self, kinds: int = 1) -> None:
        self.spent = np.zeros(kinds)
        self._origin = 0
        self._step = 1
        self._mass = np.ones((kinds, 1))
        # What is at each point or further, and at the end what is beyond the last: nothing.
        self._beyond = _tails(self._mass)

    def go(self, share: Share) -> None:
        """Take one look's part: luck alone gives the canary `share` of it."""
        while self._step < share.step:
            self._coarsen()
        start, rows = _laid(share, self._step)
        self._mass = np.array([np.convolve(mass, row) for mass, row in zip(self._mass, rows, strict=True)])
        self._origin += start * self._step
        self._trim()
        self._beyond = _tails(self._mass)

    @property
    def points(self) -> Row:
        """Return the lattice, and the first point beyond it."""
        return self._origin + self._step * np.arange(self._mass.shape[1] + 1.0)

    def beyond(self, counts: Row) -> Row:
        """Return the chance of having come to each of these counts or further now, not having crossed before."""
        at = np.ceil((counts - self._origin) / self._step).astype(int)
        return self._beyond[:, np.clip(at, 0, self._mass.shape[1])]

    def together(self, weights: Row) -> tuple[float, Row]:
        """Return the chance of having crossed, and of being at each of `points` or further, over all kinds of luck."""
        return float(weights @ self.spent), weights @ self._beyond

    def stop(self, bound: float) -> None:
        """Take away what is at `bound` or further: there the rollout would have ended."""
        points = self._mass.shape[1]
        at = 0 if bound <= self._origin else points if bound == inf else ceil((bound - self._origin) / self._step)
        if at < points:
            self.spent = self.spent + self._beyond[:, at]
            self._mass = self._mass[:, :at] if at else np.zeros((len(self._mass), 1))
            self._beyond = self._beyond[:, : at + 1] - self._beyond[:, at, None] if at else _tails(self._mass)

    def copy(self) -> "Walk":
        """Return another that goes on from here; nothing is shared that changes."""
        other = Walk(len(self._mass))
        other.spent, other._origin, other._step = self.spent, self._origin, self._step
        other._mass, other._beyond = self._mass, self._beyond
        return other

    def _coarsen(self) -> None:
        """Double the step; what lay between two new points is split, so that the middle stays where it is."""
        even, odd = self._mass[:, 0::2], self._mass[:, 1::2] / 2
        self._mass = np.zeros((len(even), self._mass.shape[1] // 2 + 1))
        self._mass[:, : even.shape[1]] += even
        self._mass[:, : odd.shape[1]] += odd
        self._mass[:, 1 : 1 + odd.shape[1]] += odd
        self._step *= 2

    def _trim(self) -> None:
        """Leave out what nobody is lucky enough for; the unluckiest are moved up, so nothing is made easier."""
        kept = np.flatnonzero(self._mass.max(axis=0) > _NOTHING)
        if not len(kept):
            return
        low, high = int(kept[0]), int(kept[-1]) + 1
        self._mass[:, low] += self._mass[:, :low].sum(axis=1)
        self._mass = self._mass[:, low:high]
        self._origin += low * self._step
        while self._mass.shape[1] > _POINTS:
            self._coarsen()


def _tails(mass: Row) -> Row:
    tails = np.zeros((len(mass), mass.shape[1] + 1))
    tails[:, :-1] = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1]
    return tails


def _laid(share: Share, step: int) -> tuple[int, Sequence[Row]]:
    """Return a share on a lattice of that step: its first point, and the rows from there on."""
    if share.step == step == 1:
        return share.start, share.chances
    at = (share.start + share.step * np.arange(len(share.chances[0]))) / step
    low = np.floor(at).astype(int)
    start, part = int(low[0]), at - low
    low -= start
    size = int(low[-1]) + 2
    return start, [_put(low, row * (1 - part), size) + _put(low + 1, row * part, size) for row in share.chances]


def _put(at: NDArray[np.int64], numbers: Row, size: int) -> Row:
    laid: Row = np.bincount(at, numbers, size).astype(float)
    return laid


def boundary(walk: Walk, weights: Row, may_spend: float) -> tuple[float, Callable[[float], float]]:
    """Return the lowest count that luck alone reaches so seldom that it is called a failure, and how seldom.

    `weights` are how likely each kind of luck is, `may_spend` is the chance of a false alarm that all looks up to this
    one may use. The second value tells a count's own chance, stage-wise (Tsiatis, Rosner and Mehta, Biometrics 40,
    1984): of having crossed before, or having come as far now.
    """
    (spent, beyond), counts = walk.together(weights), walk.points
    low = len(counts) - int(np.searchsorted(beyond[::-1], may_spend - spent, side="right"))
    bound = float(counts[low]) if low < len(counts) else inf

    def chance_of(count: float) -> float:
        return spent + float(weights @ walk.beyond(np.array([count]))[:, 0])

    return bound, chance_of
