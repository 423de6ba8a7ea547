"""More failures than stable has: all of them, or one class of them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from surefoot.bounds import difference
from surefoot.suspicion import SURE, Finding
from surefoot.suspicion.clumps import LUCKS, Clumps
from surefoot.units import count, percent
from surefoot.verdict import Outcome
from surefoot.vitals import Look, Vitals
from surefoot.walk import Walk, alike, boundary

Counted = Callable[[Vitals], int]

# A difference below this part of the harm is no harm, however certain.
_MARGIN = 0.5
_MOST_TIMES = 1e6


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute of looks had: requests and failures of both sides."""

    canary: int = 0
    stable: int = 0
    together: int = 0
    stable_bad: int = 0
    seconds: float = 0.0
    share: float = 0.0

    def plus(self, look: Look, bad: int, other: int) -> "Minute":
        """Return it with one look more."""
        return Minute(
            self.canary + look.canary.requests,
            self.stable + look.stable.requests,
            self.together + bad + other,
            self.stable_bad + other,
            self.seconds + look.stable.seconds,
            look.share,
        )

    @property
    def over(self) -> bool:
        """Return whether it is one: a look says only nearly how long it was."""
        return self.seconds > 57


class Failures:
    """Counts of failures, compared look by look: what hits both sides at once says nothing about the canary."""

    def __init__(self, name: str, counted: Counted, harm: float, weight: float, *, required: bool) -> None:
        self.name, self.weight, self.required = name, weight, required
        self._counted, self._harm = counted, harm
        self._clumps = Clumps()
        self._even, self._clumped, self._ahead = Walk(), Walk(len(LUCKS)), Walk(len(LUCKS))
        self._minute = Minute()
        self._at: float = inf
        self._way = 0.0
        self._bad, self._total = 0, 0
        self._stable_bad, self._stable_total = 0, 0
        # Stable's failures and requests as they would be, had it had the canary's part of each look's traffic.
        self._like_bad, self._like_spread = 0.0, 0.0
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:
        """Take in one look: the canary's part of what both had together in it."""
        self._way = way
        bad, other = self._counted(look.canary), self._counted(look.stable)
        total, other_total = look.canary.requests, look.stable.requests
        if not total or not other_total:
            return  # with nothing beside it, it cannot be told whose fault anything is
        if self._minute.over or look.share != self._minute.share:
            self._close()
        self._minute = self._minute.plus(look, bad, other)
        self._bad, self._total = self._bad + bad, self._total + total
        self._stable_bad, self._stable_total = self._stable_bad + other, self._stable_total + other_total
        self._like_bad += total * other / other_total
        self._like_spread += total * total / other_total
        if bad + other:
            self._even.go(alike(bad + other, total, other_total))
        if self._minute.together:
            self._ahead = self._clumped.copy()
            rates = self._clumps.rates(self._minute.stable, self._minute.stable_bad, way)
            self._ahead.go(alike(self._minute.together, self._minute.canary, self._minute.stable, rates, LUCKS))

    def crosses(self, may_spend: float) -> bool:
        """Say whether there are more than luck can make, and enough more to matter."""
        weights = self._clumps.weights(self._way)
        walks = [(self._even, weights[:1]), (self._ahead, weights[1:])]
        self._at, chance_of = boundary(walks, may_spend)
        self._even.stop(self._at)
        self._luck = None
        if self._bad >= self._at and self._worse_by() >= self._harm * _MARGIN:
            self._luck = chance_of(self._bad)
        return self._luck is not None

    def _close(self) -> None:
        """End the minute: a burst does not last longer, and what would have crossed in it is taken away."""
        self._clumped = self._ahead
        self._clumped.stop(self._at)
        if self._minute.stable:
            self._clumps.add(self._minute.stable, self._minute.stable_bad)
        self._minute = Minute()

    def find(self) -> Finding:
        """Conclude: certain and large enough is a failure, ruled out is well, anything else needs more."""
        if not self._total:
            return Finding(Outcome.INCONCLUSIVE, f"no {self.name} to compare yet", factor=inf)
        text, bound = self._text(), self._bound()
        levels = self._bad / self._total, self._like_bad / self._total
        if self._luck is not None:
            return Finding(Outcome.FAIL, text, self._proof(self._luck), bound=bound, levels=levels)
        factor = self._factor()
        outcome = Outcome.PASS if factor <= 1 else Outcome.INCONCLUSIVE
        return Finding(outcome, text, factor=factor, bound=bound, levels=levels)

    def _worse_by(self) -> float:
        """Return the difference of the rates, stable's looks weighed like the canary's."""
        return (self._bad - self._like_bad) / self._total

    def _bound(self) -> float | None:
        if self._at > self._total:
            return None
        return min(1.0, max(self._at / self._total, self._like_bad / self._total + self._harm * _MARGIN))

    def _factor(self) -> float:
        """Return how many times as much evidence would rule the harm out, or prove it, if all goes on like this."""
        if self._worse_by() >= self._harm:
            return 2.0  # it would be proven rather than ruled out; how soon depends on looks to come
        times = 1.0
        while times < _MOST_TIMES and self._difference(times)[1] >= self._harm:
            times *= 1.25
        return times if times < _MOST_TIMES else inf

    def _difference(self, times: float = 1.0) -> tuple[float, float]:
        """Return the bounds of the difference, were there so many times as much evidence of the same kind."""
        like_total = self._total**2 / self._like_spread
        like_bad = self._like_bad / self._total * like_total
        return difference(self._bad * times, self._total * times, like_bad * times, like_total * times, SURE)

    def _text(self) -> str:
        sides = []
        for bad, total in ((self._bad, self._total), (self._stable_bad, self._stable_total)):
            sides.append(f"{count(bad)} of {count(total)}" + (f" ({percent(bad / total)})" if bad else ""))
        return f"{self.name} {sides[0]} vs {sides[1]}"

    def _proof(self, luck: float) -> str:
        low, high = (max(0.0, bound) for bound in self._difference())
        return f"{percent(low)} to {percent(high)} more{by_luck(luck)}"


def by_luck(chance: float) -> str:
    """Return how likely luck alone gives as much in a whole rollout: `, by luck in 1 of 3,200 rollouts`."""
    if chance < 1e-9:
        return ", by luck in less than 1 of a billion rollouts"
    return f", by luck in 1 of {count(int(float(f'{1 / chance:.2g}')))} rollouts"
