"""Failures minute by minute, as long as a burst lasts, and added up."""

from dataclasses import dataclass

from surefoot.bounds import difference
from surefoot.suspicion import SURE
from surefoot.units import count, percent
from surefoot.vitals import Look

# A minute, and a thirtieth of the way, each less what rounding takes.
_MINUTE_S = 57.0
_PART = 1 / 30 - 1e-6


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
