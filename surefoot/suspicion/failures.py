"""More failures than stable has: all of them, or one class of them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from surefoot.bounds import difference
from surefoot.suspicion import SHOWN, SURE, Finding, times_until
from surefoot.suspicion.clumps import LUCKS, Clumps
from surefoot.units import count, percent
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals
from surefoot.walk import Walk, alike, boundary

Counted = Callable[[Vitals], int]

# A difference below this part of the harm is no harm, however certain.
_MARGIN = 0.5
# So many of the last minutes, and so many failures more than stable in them, that a harm may have begun.
_LATELY, _A_FEW = 4, 3.0
# A minute, and a thirtieth of the way, each less what rounding takes.
_MINUTE_S = 57.0
_PART = 1 / 30 - 1e-6
# A side that should have had more requests than this and had none was not there; fewer are missing by chance.
_MISSING = 3.0


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute of looks had, or a thirtieth of a shorter watch: requests and failures of both sides.

    A burst is held to last about as long. `began` is how much of the plan's looks there were before it.
    """

    canary: int = 0
    canary_bad: int = 0
    stable: int = 0
    stable_bad: int = 0
    seconds: float = 0.0
    share: float = 0.0
    began: float = 0.0

    def plus(self, look: Look, bad: int, other: int) -> "Minute":
        """Return it with one look more."""
        return Minute(
            self.canary + look.canary.requests,
            self.canary_bad + bad,
            self.stable + look.stable.requests,
            self.stable_bad + other,
            self.seconds + look.stable.seconds,
            look.share,
            self.began,
        )

    def ends(self, look: Look, before: float) -> bool:
        """Return whether it is over before this look; a look says only nearly how long it was."""
        return self.seconds > _MINUTE_S or before - self.began > _PART or look.share != self.share


@dataclass(frozen=True, slots=True)
class Sums:
    """Both sides' failures and requests in all minutes.

    `like_bad` are stable's failures had it had the canary's part of each minute's traffic, `like_spread` what their
    variance is made of.
    """

    bad: int = 0
    total: int = 0
    stable_bad: int = 0
    stable_total: int = 0
    like_bad: float = 0.0
    like_spread: float = 0.0

    def plus(self, minute: Minute) -> "Sums":
        """Return them with one minute more."""
        if not minute.stable or not minute.canary:
            return self
        return Sums(
            self.bad + minute.canary_bad,
            self.total + minute.canary,
            self.stable_bad + minute.stable_bad,
            self.stable_total + minute.stable,
            self.like_bad + minute.canary * minute.stable_bad / minute.stable,
            self.like_spread + minute.canary**2 / minute.stable,
        )

    @property
    def worse_by(self) -> float:
        """Return the difference of the rates, stable's minutes weighed like the canary's."""
        return (self.bad - self.like_bad) / self.total if self.total else 0.0

    def difference(self, times: float = 1.0, sure: float = SURE) -> tuple[float, float]:
        """Return the bounds of the difference, were there so many times as much evidence of the same kind."""
        like_total = self.total**2 / self.like_spread
        like_bad = self.like_bad / self.total * like_total
        return difference(self.bad * times, self.total * times, like_bad * times, like_total * times, sure)

    def text(self, name: str) -> str:
        """Return both sides in words, the canary first."""
        sides = []
        for bad, total in ((self.bad, self.total), (self.stable_bad, self.stable_total)):
            sides.append(f"{count(bad)} of {count(total)}" + (f" ({percent(bad / total)})" if bad else ""))
        return f"{name} {sides[0]} vs {sides[1]}"


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


def by_luck(chance: float) -> str:
    """Return how likely luck alone gives as much in a whole rollout: `, by luck in 1 of 3,200 rollouts`."""
    if chance < 1e-9:
        return ", by luck in less than 1 of a billion rollouts"
    return f", by luck in 1 of {count(int(float(f'{1 / chance:.2g}')))} rollouts"
