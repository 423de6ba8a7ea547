"""More failures than stable has: all of them, or one class of them."""

from collections import deque
from collections.abc import Callable
from math import inf

from surefoot.luck import alike
from surefoot.suspicion import SHOWN, Finding, by_luck, times_until
from surefoot.suspicion.clumps import LUCKS, Clumps
from surefoot.suspicion.minutes import Minute, Sums
from surefoot.units import percent
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals
from surefoot.walk import Walk, boundary

Counted = Callable[[Vitals], int]

# A difference below this part of the harm is no harm, however certain.
_MARGIN = 0.5
# So many of the last minutes, and so many failures more than stable in them, that a harm may have begun.
_LATELY, _A_FEW = 4, 3.0
# A side that should have had more requests than this and had none was not there; fewer are missing by chance.
_MISSING = 3.0


class Failures:
    """Counts of failures, compared look by look: what hits both sides at once says nothing about the canary."""

    def __init__(self, name: str, counted: Counted, harm: float, weight: float, *, required: bool) -> None:
        self.name, self.weight, self.required = name, weight, required
        self._counted, self._harm = counted, harm
        self._clumps = Clumps()
        self._walk = self._ahead = Walk(len(LUCKS))
        self._minute = Minute()
        self._at: float = inf
        self._way = 0.0
        self._closed = Sums()
        self._lately: deque[Minute] = deque(maxlen=_LATELY)
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:
        """Take in one look: the canary's part of what both had together in it."""
        before, self._way = self._way, way
        if not self._beside(look):
            return  # with nothing beside it, it cannot be told whose fault anything is
        if self._minute.ends(look, before):
            self._close(before)
        self._minute = self._minute.plus(look, self._counted(look.canary), self._counted(look.stable))
        self._look_ahead(way)

    def _look_ahead(self, way: float) -> None:
        """Let the walk go through the open minute, all at once: how it was cut into looks tells nothing."""
        minute, self._ahead = self._minute, self._walk.copy()
        together = minute.canary_bad + minute.stable_bad
        if together and minute.canary and minute.stable:
            rates = self._clumps.rates(minute.stable, minute.stable_bad, way)
            self._ahead.go(alike(together, minute.canary, minute.stable, rates, LUCKS))

    def _beside(self, look: Look) -> bool:
        """Return whether both sides were there: one that had no request may have had none by chance."""
        canary, stable, sums = look.canary.requests, look.stable.requests, self._sums
        if canary and stable:
            return True
        if not sums.total or not sums.stable_total:
            return False
        due = stable * sums.total / sums.stable_total if stable else canary * sums.stable_total / sums.total
        return due < _MISSING

    @property
    def _sums(self) -> "Sums":
        return self._closed.plus(self._minute)

    def crosses(self, may_spend: float) -> bool:
        """Say whether there are more than luck can make, and enough more to matter."""
        self._at, chance_of = boundary(self._ahead, self._clumps.weights(self._way), may_spend)
        self._luck, sums = None, self._sums
        if sums.bad >= self._at and sums.worse_by >= self._harm * _MARGIN:
            self._luck = chance_of(sums.bad)
        return self._luck is not None

    def _close(self, before: float) -> None:
        """End the minute: a burst does not last longer, and what would have crossed in it is taken away."""
        self._closed = self._sums
        self._lately.append(self._minute)
        self._walk = self._ahead
        self._walk.stop(self._at)
        if self._minute.stable:
            self._clumps.add(self._minute.stable, self._minute.stable_bad)
        self._minute = Minute(began=before)

    def find(self) -> Finding:
        """Conclude: certain and large enough is a failure, ruled out is well, anything else needs more."""
        sums = self._sums
        if not sums.total:
            return Finding(Outcome.INCONCLUSIVE, f"no {self.name} to compare yet", factor=inf)
        text, bound = sums.text(self.name), self._bound(sums)
        levels = sums.bad / sums.total, sums.like_bad / sums.total
        if self._luck is not None:
            low, high = (max(0.0, each) for each in sums.difference(sure=SHOWN))
            proof = f"{percent(low)} to {percent(high)} more{by_luck(self._luck)}"
            return Finding(Outcome.FAIL, text, proof, bound=bound, levels=levels)
        factor = 2.0 if self._begins else self._factor(sums)
        outcome = Outcome.PASS if factor <= 1 else Outcome.INCONCLUSIVE
        return Finding(outcome, text, factor=factor, bound=bound, levels=levels)

    @property
    def _begins(self) -> bool:
        """Return whether the last minutes look like harm: what was well before does not outweigh what begins now."""
        latest = Sums()
        for minute in (*self._lately, self._minute):
            latest = latest.plus(minute)
        return latest.bad - latest.like_bad >= _A_FEW and latest.worse_by >= self._harm * _MARGIN

    def _bound(self, sums: "Sums") -> float | None:
        if self._at > sums.total:
            return None
        return min(1.0, max(self._at / sums.total, sums.like_bad / sums.total + self._harm * _MARGIN))

    def _factor(self, sums: "Sums") -> float:
        """Return how many times as much evidence would rule the harm out, or prove it, if all goes on like this."""
        if sums.worse_by >= self._harm:
            return 2.0  # it would be proven rather than ruled out; how soon depends on looks to come
        return times_until(lambda times: sums.difference(times)[1] < self._harm)
