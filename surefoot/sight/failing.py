"""How surely so many more failures are caught: the judge's own suspicion, shown looks that bring what is expected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf

from surefoot.sight.stretches import Part, Whole
from surefoot.suspicion import Suspicion
from surefoot.vitals import Look, Vitals
from surefoot.walk import Walk, chance

# Never and always, for a distribution that needs a rate between.
_LEAST, _MOST = 1e-7, 1 - 1e-7


@dataclass(frozen=True, slots=True)
class Failing:
    """One rollout's looks: `rate` of stable's requests fail, and each part's looks may spend what `spends` says.

    With `users`, the harm is one that only users meet: requests of our own do not fail on either side.
    """

    parts: Sequence[Part]
    spends: Sequence[float]
    rate: float
    suspicion: Callable[[], Suspicion]
    users: bool

    def caught(self, jump: float) -> tuple[list[float], list[float]]:
        """Return the chance of having been caught by each part's end, and how many failures it takes there."""
        suspicion, walk = self.suspicion(), Walk()
        bad, other, trials, total = Whole(), Whole(), Whole(), 0
        caught, bounds = [], []
        for part, spend in zip(self.parts, self.spends, strict=True):
            rate = 0.0 if self.users and part.ours else self.rate
            worse = rate if self.users and part.ours else min(1.0, rate + jump)
            counts = min(part.canary, bad.add(part.canary * worse)), min(part.stable, other.add(part.stable * rate))
            suspicion.add(_look(part, *counts), part.look / self.parts[-1].look)
            suspicion.crosses(spend)
            if part.canary and part.stable:
                total += part.canary
                like = _like(part, worse, rate)
                if worse and (number := trials.add(part.canary * worse / like)):
                    walk.go(chance(number, like))
            share = suspicion.find().bound
            bounds.append(inf if share is None else ceil(share * total - 1e-6))
            walk.stop(bounds[-1])
            caught.append(float(walk.spent[0]))
        return caught, bounds


def _look(part: Part, bad: int, other: int) -> Look:
    canary, stable = Vitals(part.canary, bad, seconds=part.seconds), Vitals(part.stable, other, seconds=part.seconds)
    return Look(stable, canary, 0.0 if part.ours else part.share)


def _like(part: Part, worse: float, rate: float) -> float:
    """Return the rate of the binomial distribution that varies as the canary's failures do, against their bound.

    The bound rises with the failures of both sides, the canary's own among them: what is compared is the canary's
    number less its share of both, the variance of which is this one's, at the canary's own mean.
    """
    share = part.canary / (part.canary + part.stable)
    varies = (1 - worse) * (1 - share) * (1 - share * (1 - rate / worse)) if worse else 1.0
    return min(_MOST, max(_LEAST, 1 - varies))
