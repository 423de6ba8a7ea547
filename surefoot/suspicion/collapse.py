"""Failing more than any burst of a release that is well: told within looks, whatever stable's minutes are like."""

import numpy as np

from surefoot.luck import Luck, clumped
from surefoot.suspicion import Finding, by_luck
from surefoot.suspicion.minutes import Minute, Sums
from surefoot.verdict import Outcome
from surefoot.vitals import Look
from surefoot.walk import Walk, boundary

# Bursts in which the rate of failures is itself drawn anew each minute, exponentially distributed.
_BURSTS = (Luck(1.0),)
_CERTAIN = np.ones(1)
# On average a release that is well fails less than this, or less than so many times what stable does at the moment.
_MOST = 0.03
_TIMES = 2.0
_HIGHEST = 0.99


class Collapse:
    """The canary's failures minute by minute, held against bursts around a rate that no healthy release has."""

    name = "collapse"
    required = False

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._walk = self._ahead = Walk()
        self._minute, self._closed = Minute(), Sums()
        self._at = float("inf")
        self._way = 0.0
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:
        """Take in one look; a minute's looks are one burst."""
        before, self._way = self._way, way
        if not look.canary.requests or not look.stable.requests:
            return
        if self._minute.ends(look, before):
            self._closed = self._closed.plus(self._minute)
            self._walk = self._ahead
            self._walk.stop(self._at)
            self._minute = Minute(began=before)
        self._minute = minute = self._minute.plus(look, look.canary.errors, look.stable.errors)
        rate = min(_HIGHEST, max(_MOST, _TIMES * minute.stable_bad / minute.stable))
        self._ahead = self._walk.copy()
        self._ahead.go(clumped(minute.canary, (rate,), _BURSTS))

    def crosses(self, may_spend: float) -> bool:
        """Say whether the canary fails more than bursts could make it; what stable does as well is no collapse."""
        self._at, chance_of = boundary(self._ahead, _CERTAIN, may_spend)
        sums = self._closed.plus(self._minute)
        self._luck = chance_of(sums.bad) if sums.bad >= max(self._at, _TIMES * sums.like_bad) else None
        return self._luck is not None

    def find(self) -> Finding:
        """Conclude; what is not certain is nothing to wait for."""
        sums = self._closed.plus(self._minute)
        if self._luck is None:
            return Finding(Outcome.PASS, "")
        levels = sums.bad / sums.total, sums.like_bad / sums.total
        proof = f"more than any burst of a release that is well{by_luck(self._luck)}"
        return Finding(Outcome.FAIL, sums.text("errors"), proof, levels=levels)
