"""What luck alone gives the canary of one look: exact chances, for each kind of luck.

Given what both sides of a look had together, the canary's part of it is drawn by chance if the sides are alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Row = NDArray[np.float64]

# Points of a lattice. While all that luck can do fits in, every count is a point and the chances are exact.
POINTS = 512
# How many standard deviations of one look's share are written out on both sides.
_REACH = 8.0
# So many times the length of a geometric tail makes it smaller than any look may spend.
_FAR = 32.0
# A look's part may lean by this many of its own deviations: over a hundred looks that is nothing.
_LEANING = 0.01
# A tilt that puts all at one end, and how often it is halved: as near as a thousandth.
_STEEPEST = 1e4
_HALVINGS = 24


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
    step = 1 + high // (2 * POINTS)
    counts = np.arange(0, high + 1, step, dtype=float)
    chances = []
    for middle, luck in zip(middles, lucks, strict=True):
        clumps = 1 / luck.spread
        ways = gammaln(counts + clumps) - gammaln(counts + 1)
        chances.append(_normed(ways + counts * log(middle / (middle + clumps))))
    return Share(0, step, tuple(chances))


def _points(middle: float, deviation: float, low: int, high: int) -> tuple[Row, int]:
    low, high = max(low, int(middle - _REACH * deviation)), min(high, ceil(middle + _REACH * deviation))
    step = 1 + (high - low) // POINTS
    return np.arange(low, high + 1, step, dtype=float), step


def _deviation(together: int, middle: float, luck: Luck) -> float:
    return sqrt(middle * (1 - middle / together) * (1 + luck.spread * together)) + abs(luck.tilt) * middle + 1


def _normed(logs: Row) -> Row:
    weights: Row = np.exp(logs - logs.max())
    weights /= weights.sum()
    return weights
