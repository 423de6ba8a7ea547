"""Beyond what a release has to keep, whatever stable does: a rate, or a latency at a quantile."""

from collections.abc import Callable

import numpy as np

from surefoot.levels import Levels, milliseconds, quantile_step, step_of
from surefoot.luck import chance
from surefoot.suspicion import Finding, by_luck
from surefoot.units import percent, shown_ms
from surefoot.verdict import Outcome
from surefoot.vitals import Look
from surefoot.walk import Walk, boundary

# How many of how many requests of the canary's latest look are beyond the limit.
Tried = Callable[[Look], tuple[int, int]]
_CERTAIN = np.ones(1)


class Beyond:
    """The canary's requests beyond a limit, held against as many as the limit allows: the exact binomial test."""

    required = True

    def __init__(self, name: str, tried: Tried, rate: float, weight: float, said: Callable[[float], str]) -> None:
        self.name, self.weight = name, weight
        self._tried, self._rate, self._said = tried, rate, said
        self._walk = Walk()
        self._bad, self._total = 0, 0
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:  # noqa: ARG002
        """Take in one look of the canary."""
        bad, total = self._tried(look)
        if total and 0 < self._rate < 1:
            self._walk.go(chance(total, self._rate))
        self._bad, self._total = self._bad + bad, self._total + total

    def crosses(self, may_spend: float) -> bool:
        """Say whether it is certain that more are beyond than the limit allows."""
        at, chance_of = boundary(self._walk, _CERTAIN, may_spend)
        self._walk.stop(at)
        self._luck = chance_of(self._bad) if self._bad >= at and self._beyond else None
        return self._luck is not None

    @property
    def _beyond(self) -> bool:
        return self._bad > self._rate * self._total

    def find(self) -> Finding:
        """Conclude; what only looks beyond holds."""
        text = self._said(self._bad / self._total if self._total else 0.0)
        if self._luck is not None:
            return Finding(Outcome.FAIL, text, f"certain{by_luck(self._luck)}")
        if not self._beyond:
            return Finding(Outcome.PASS, "")  # kept: nothing to be said about it
        # Twice as many requests as the excess could be luck for: a rough word, since it may settle either way.
        return Finding(Outcome.INCONCLUSIVE, text, factor=2.0)


def rate_limit(limit: float, weight: float) -> Beyond:
    """Return the suspicion that more fail than may."""
    return Beyond(
        "error limit",
        lambda look: (look.canary.errors, look.canary.requests),
        limit,
        weight,
        lambda rate: f"errors {percent(rate)}, the limit is {percent(limit)}",
    )


def latency_limit(name: str, q: float, limit_ms: float, weight: float, levels: Levels) -> Beyond:
    """Return the suspicion that a quantile is slower than it may be."""
    limit = step_of(limit_ms)

    def slower(_: Look) -> tuple[int, int]:
        if levels.latest is None:
            return 0, 0
        return round(levels.latest.canary[limit + 1 :].sum()), round(levels.latest.canary.sum())

    def said(_: float) -> str:
        level = milliseconds(quantile_step(np.cumsum(levels.every), q)) if levels.every.any() else 0.0
        return f"{name} {shown_ms(level)} ms, the limit is {shown_ms(limit_ms)} ms"

    return Beyond(f"{name} limit", slower, 1 - q, weight, said)
