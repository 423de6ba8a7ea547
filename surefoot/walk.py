"""One suspicion's evidence as a walk: how far it may stray by luck alone, look after look, over a whole rollout.

Given what both sides of a look had together, the canary's part of it is drawn by chance if the sides are alike. The
walk adds these chances up, look by look, and takes away at every look what would have been called a failure there:
what is left is exactly the luck that is still possible. So the chance of a false alarm is spent once over all looks
(Jennison and Turnbull, Group Sequential Methods, 2000, chapters 7 and 12: error spending, exact for counts).
"""

from collections.abc import Callable, Sequence
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

from surefoot.luck import POINTS, Row, Share

# Luck below this is nobody's: far smaller than what any look may spend.
_NOTHING = 1e-14


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
        while self._mass.shape[1] > POINTS:
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
