"""Latencies wider apart than stable's, though their middle is where it was."""

from math import inf, log

import numpy as np

from surefoot.levels import Levels, Row, Window, milliseconds, quantile_step
from surefoot.luck import Luck, alike
from surefoot.suspicion import Finding, by_luck
from surefoot.units import shown_ms
from surefoot.verdict import Outcome
from surefoot.vitals import Look
from surefoot.walk import Walk, boundary

# The slowest and the fastest tenth are far out.
_FAR = 0.1
# Less than this many times as wide is what one host differs from another.
_WIDER = 1.25
# One copy of a program has more or fewer far answers than another by about this part, from look to look.
_SPREAD = 0.01
_FEWEST = 3


class Scatter:
    """Answers far out on either side, counted like failures: beyond the outer tenths of both sides together.

    Westenberg's interquantile range test (Proceedings KNAW 51, 1948), in a walk over all looks.
    """

    name = "spread"
    required = False

    def __init__(self, weight: float, levels: Levels) -> None:
        self.weight = weight
        self._levels = levels
        self._walk = Walk()
        self._open: Window | None = None
        self._far = 0
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:  # noqa: ARG002 (the levels have taken the look in already)
        """Take in the levels' latest look; looks with few answers are put together."""
        window = self._levels.window
        if window is None:
            return
        self._open = self._open + window if self._open else window
        together = np.cumsum(self._open.canary + self._open.stable)
        if together[-1] * _FAR < _FEWEST:
            return
        low, high = (quantile_step(together, q) for q in (_FAR, 1 - _FAR))
        far = [side[:low].sum() + side[high + 1 :].sum() for side in (self._open.canary, self._open.stable)]
        totals = round(self._open.canary.sum()), round(self._open.stable.sum())
        if any(far):
            out = round(far[0]) + round(far[1])
            self._walk.go(alike(out, *totals, [out / sum(totals)], [Luck(_SPREAD)]))
            self._far += round(far[0])
        self._open = None

    def crosses(self, may_spend: float) -> bool:
        """Say whether more are far out than luck can make, and the reach is enough wider to matter."""
        at, chance_of = boundary(self._walk, np.ones(1), may_spend)
        self._walk.stop(at)
        self._luck = chance_of(self._far) if self._far >= at and self._wider() >= _WIDER else None
        return self._luck is not None

    def find(self) -> Finding:
        """Conclude; what is not certain is nothing to wait for."""
        if not self._levels.canary_total:
            return Finding(Outcome.INCONCLUSIVE, "no spread to compare yet")
        sides = [_reach(side) for side in (self._levels.canary, self._levels.stable)]
        text = "spread " + " vs ".join(f"{shown_ms(low)} to {shown_ms(high)} ms" for low, high in sides)
        if self._luck is None:
            return Finding(Outcome.PASS, text)
        wider = self._wider()
        proof = f"{wider:.1f} times as wide" if wider < inf else "wider apart"
        return Finding(Outcome.FAIL, text, f"{proof}{by_luck(self._luck)}")

    def _wider(self) -> float:
        canary, stable = (log(high / low) for low, high in map(_reach, (self._levels.canary, self._levels.stable)))
        return canary / stable if stable else (inf if canary > log(_WIDER) else 1.0)


def _reach(side: Row) -> tuple[float, float]:
    together = np.cumsum(side)
    return milliseconds(quantile_step(together, _FAR)), milliseconds(quantile_step(together, 1 - _FAR))
