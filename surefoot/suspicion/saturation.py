"""Answering less than its share of the traffic: a canary that sheds or stalls has few errors, and few answers."""

from math import inf

import numpy as np

from surefoot.luck import Luck, alike
from surefoot.suspicion import Finding, by_luck
from surefoot.units import count, percent
from surefoot.verdict import Outcome
from surefoot.vitals import Look
from surefoot.walk import Walk, boundary

# Answers a canary may lack without being suspect: sessions that stick, and splits that are only nearly what they say.
_LACKING = 0.2
# By how much a side's share strays from look to look, and for good.
_SPREAD = 0.01
_LUCKS = (Luck(_SPREAD, -0.1), Luck(_SPREAD), Luck(_SPREAD, 0.1))
_WEIGHTS = np.array((0.2, 0.6, 0.2))
# A splitter's shares are those of a population without end.
_EVERYBODY = 10**15


class Saturation:
    """Stable's answers beyond its share, given both sides' together; only where a splitter says what the share is."""

    name = "share"
    required = False

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._walk = Walk(len(_LUCKS))
        self._canary, self._stable, self._due = 0, 0, 0.0
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:  # noqa: ARG002
        """Take in one look; no answer at all is silence, and silence blames nobody."""
        canary, stable = look.canary.requests, look.stable.requests
        others = round((1 - look.share) * _EVERYBODY)
        if not 0 < others < _EVERYBODY or not canary or not stable:
            return
        rates = [(canary + stable) / _EVERYBODY] * len(_LUCKS)
        self._walk.go(alike(canary + stable, others, _EVERYBODY - others, rates, _LUCKS))
        self._canary, self._stable = self._canary + canary, self._stable + stable
        self._due += look.share * (canary + stable)

    def crosses(self, may_spend: float) -> bool:
        """Say whether the canary lacks more answers than luck can take away, and enough to matter."""
        at, chance_of = boundary(self._walk, _WEIGHTS, may_spend)
        self._walk.stop(at)
        lacks = self._canary < self._due * (1 - _LACKING)
        self._luck = chance_of(self._stable) if self._stable >= at and lacks else None
        return self._luck is not None

    def find(self) -> Finding:
        """Conclude; what is not certain is nothing to wait for."""
        together = self._canary + self._stable
        if not together:
            return Finding(Outcome.INCONCLUSIVE, "no share to compare yet", factor=inf)
        text = f"answered {count(self._canary)} of {count(together)} requests ({percent(self._canary / together)})"
        if self._luck is None:
            return Finding(Outcome.PASS, text)
        due = f"its share of the traffic is {percent(self._due / together)}"
        return Finding(Outcome.FAIL, text, f"{due}{by_luck(self._luck)}")
