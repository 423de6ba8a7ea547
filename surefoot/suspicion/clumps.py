"""How much a side's failures come in clumps: learnt from stable's own minutes, believed of both."""

from collections import deque
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from surefoot.luck import Luck

Row = NDArray[np.float64]

# Squared coefficients of variation of a minute's rate, from none to bursts of many times the usual, and how likely each
# is held to be before anything was seen.
_SPREADS = (0.0, 0.25, 1.0)
LUCKS = tuple(Luck(spread) for spread in _SPREADS)
_BEFORE = np.log(np.array((0.965, 0.02, 0.015)))
# A few minutes that happen to be calm do not tell that none are bursts: with a spread of 1, one in twenty pairs of
# minutes looks calm. So few minutes are doubted whole, and bursts of that kind are believed instead; then the doubt
# falls with this power of their number.
_FEW = 4.0
_LEARNING = 4.0
_DOUBTED = np.array((0.0, 0.0, 1.0))
# At the beginning of a watch there is little chance of a false alarm to be spent, so less doubt keeps it: it grows from
# this to the whole by this part of the way, as fast as what is spent does.
_DOUBT = 0.01
_HALF_WAY = 0.4
_GROWTH = 2.5
# How far below its mean stable may have been by luck, in deviations: at the beginning of the way, and from here on.
_EARLY = 0.1
_CALM_EARLY, _CALM = 0.4, 1.2
# So many failures are added to what stable had: had it none by luck, a few of the canary's would look certain.
_UNSEEN = 0.8
# A release that is well fails less than this, if nothing else is known.
_HIGHEST = 0.05
# (These were found by simulating healthy and broken rollouts, bench/judge.py, not by theory.)
# Two hours of minutes tell enough.
_MOST_MINUTES = 120


class Clumps:
    """Stable's failures minute by minute, and how likely each spread makes them."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, int]] = deque(maxlen=_MOST_MINUTES)
        self._weights = np.exp(_BEFORE)
        self._failures, self._requests = 0, 0

    def add(self, requests: int, failures: int) -> None:
        """Take in what stable had in one minute."""
        self._requests += requests
        self._failures += failures
        self._minutes.append((requests, failures))
        self._weigh()

    def weights(self, way: float) -> Row:
        """Return how likely each of `LUCKS` is.

        Before many minutes were seen bursts are believed instead, the more so the more of the plan's `way` is gone.
        """
        few = min(1.0, (_FEW / max(1, len(self._minutes))) ** _LEARNING)
        doubt = few * min(1.0, max(_DOUBT, (way / _HALF_WAY) ** _GROWTH))
        believed: Row = (1 - doubt) * self._weights + doubt * _DOUBTED
        return believed

    def rates(self, requests: int, failures: int, way: float) -> list[float]:
        """Return stable's level in an open minute under each of `LUCKS`, as high as it may well be.

        Few minutes of bursts may all have been calm ones. Where all goes badly at the moment, the minute's own counts.
        """
        total, bad = self._requests + requests, self._failures + failures
        unseen, minutes = min(_UNSEEN, _HIGHEST * (total + 1)), len(self._minutes) + 1
        usual = (bad + unseen) / (total + 1)
        own = failures / requests if requests else 0.0
        unsure = max(_CALM_EARLY, _CALM * min(1.0, way / _EARLY))
        calm = [_calm(luck.spread / minutes + 1 / (bad + 0.5), unsure) for luck in LUCKS]
        return [max(usual, own, min(_HIGHEST, usual / each)) for each in calm]

    def _weigh(self) -> None:
        """Weigh the spreads by Bayes' rule: a minute's failures are Poisson, or negative binomial with a spread."""
        requests, failures = np.array(self._minutes, dtype=float).T
        if len(failures) < 2 or failures.sum() < 2:
            return
        middle = requests * failures.sum() / requests.sum()
        logs = np.array([_likely(failures, middle, spread) for spread in _SPREADS]) + _BEFORE
        weights = np.exp(logs - logs.max())
        self._weights = weights / weights.sum()


def _likely(failures: Row, middle: Row, spread: float) -> float:
    if not spread:
        return float((failures * np.log(middle) - middle - gammaln(failures + 1)).sum())
    clumps = 1 / spread
    ways = gammaln(failures + clumps) - gammaln(clumps) - gammaln(failures + 1)
    odds = middle / (middle + clumps)
    return float((ways + clumps * np.log1p(-odds) + failures * np.log(odds)).sum())


def _calm(spread: float, deviations: float) -> float:
    """Return a gamma distribution's quantile so many normal deviations down, for mean 1 and this squared variation.

    Wilson and Hilferty's approximation (Proceedings of the National Academy of Sciences 17, 1931).
    """
    ninth = spread / 9
    return max(1e-3, 1 - ninth - deviations * sqrt(ninth)) ** 3
