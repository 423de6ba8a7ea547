"""What a plan can see, said before anything is sent: computed with the judge's own walks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from surefoot.bounds import difference
from surefoot.judge import QUANTILES, Judge, suspicions
from surefoot.levels import Levels, Row, milliseconds, quantile_step
from surefoot.rollout import Plan
from surefoot.sight.curve import POWER, Curve
from surefoot.sight.failing import Failing
from surefoot.sight.slowing import Slowing, bounds_of, drawn, shape_of
from surefoot.sight.stretches import Recent, Stretch, Whole, parts, stretches
from surefoot.suspicion import SURE, Suspicion
from surefoot.terms import Terms
from surefoot.verdict import Outcome, Verdict
from surefoot.vitals import Look, Vitals

__all__ = ["POWER", "Chance", "Foresight", "Recent", "Sight"]

_MOST_SLOWER = 9.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What one stretch of looking can see, with all that was seen before it in the rollout; rates are from 0 to 1.

    `requests` go to the canary in it and `stable_requests` to stable; `ours`: they are our own, and
    without `sees` they do not meet what only users do. So many more failures,
    and so much slower at a quantile (0.25: a quarter), are caught by its end in 8 of 10 rollouts (None: nothing is).
    A canary that fails `fails_at` requests by then is put back (0: none is). A healthy one that had as many as
    expected rules `clears` more failures out, and can pass with `needs` requests (infinity: never) of which it has had
    `so_far`; the rest takes `needs_s` more.
    """

    percent: int
    watch_s: float
    bake: bool
    ours: bool
    sees: bool
    requests: int
    stable_requests: int
    so_far: int
    more_errors: float | None
    slower: Mapping[str, float | None]
    fails_at: int
    clears: float
    needs: float
    needs_s: float

    @property
    def enough(self) -> bool:
        """Return whether a healthy release can pass in the stretch's own time."""
        return self.needs <= self.so_far


@dataclass(frozen=True, slots=True)
class Chance:
    """How a harm fares: the chance that the whole rollout catches it, and after how long it does in half of them.

    `median_s` is counted from the first look, and None where less than half are caught; `percent` is where it stands
    then.
    """

    power: float
    median_s: float | None = None
    percent: int = 0


class Foresight:
    """One plan, before it is begun, at the traffic that is to be expected."""

    def __init__(self, plan: Plan, recent: Recent) -> None:
        self.plan, self.recent = plan, recent
        self.stretches = stretches(plan, recent)
        self.parts = tuple(parts(self.stretches))
        self._users = recent.per_s is not None
        self.terms = Terms.of(plan, split=self._users, shortest_s=recent.shortest_s)
        self._shape = shape_of(recent.latency_ms)
        self._curves: dict[str, Curve] = {}

    def _curve(self, name: str) -> Curve:
        """Return what is seen of one harm, spending what the judge gives to its suspicion."""
        if name not in self._curves:
            self._curves[name] = self._errors() if name == "errors" else self._latency(name)
        return self._curves[name]

    def _errors(self) -> Curve:
        harm, rate = self.plan.harm.error_rate, self.recent.error_rate

        def suspicion() -> Suspicion:
            return _named("errors", self.terms, Levels())

        failing = Failing(self.parts, self._spends("errors"), rate, harm, suspicion, users=self._users)
        return Curve(failing.caught, harm, max(harm, 1 - rate))

    def _latency(self, name: str) -> Curve:
        harm, q, levels, middle = self.plan.harm.latency, QUANTILES[name], Levels(), np.cumsum(self._shape)
        # Every level is worse than that: so the bound is where luck ends, whatever the harm.
        faster_ms = -milliseconds(quantile_step(middle, QUANTILES["p50"])) / 2
        anything = replace(self.terms, latency={name: -0.5}, floor_ms=faster_ms)
        bounds_ms = bounds_of(self.parts, self._shape, levels, _named(name, anything, levels), self._spends(name))
        floor = self.terms.floor_ms / milliseconds(quantile_step(middle, q))
        slowing = Slowing(self.parts, self._shape, q, max(harm / 2, floor), bounds_ms, users=self._users)
        return Curve(slowing.caught, max(harm, floor), max(harm, floor, _MOST_SLOWER))

    def _spends(self, name: str) -> list[float]:
        """Return what the judge lets a suspicion spend by each part's end."""
        found = {each.name: each.weight for each in suspicions(self.terms, Levels())}
        part_of = found[name] / sum(found.values())
        return [part_of * self.terms.may_spend(part.look) for part in self.parts]

    def sights(self) -> Iterator[Sight]:
        """Yield what each stretch can see, in order: the comparison at 0 %, the steps that are watched, the bake."""
        judge, seen = Judge(self.terms), _Seen(self.recent, self._shape)
        for number, stretch in enumerate(self.stretches):
            last = max(index for index, part in enumerate(self.parts) if part.stretch == number)
            judge.see(seen.add(stretch))
            needs, needs_s = _needs(judge.verdict, stretch, seen.canary)
            yield Sight(
                stretch.percent,
                stretch.watch_s,
                stretch.bake,
                stretch.ours,
                not (stretch.ours and self._users),
                stretch.canary,
                stretch.stable,
                seen.canary,
                self._curve("errors").smallest(last),
                {name: self._curve(name).smallest(last) for name in ("p95", "p50")},
                self._curve("errors").bound(last),
                seen.clears,
                needs,
                needs_s,
            )

    def harm(self, name: str) -> float:
        """Return the harm that is looked for: absolute for `errors`, relative for `p50` and `p95`."""
        return self._curve(name).harm

    def least(self, name: str) -> float | None:
        """Return the smallest harm that the whole rollout catches in 8 of 10, None where it catches none."""
        return self._curve(name).smallest(len(self.parts) - 1) if self.parts else None

    def chance(self, name: str) -> Chance:
        """Return how the plan's own harm fares in the whole rollout."""
        if not self.parts:
            return Chance(0.0)
        caught = self._curve(name).at(self.harm(name))
        before, begins_s = 0.0, 0.0
        for part, now in zip(self.parts, caught, strict=True):
            if now >= 0.5:
                median_s = begins_s + (part.ends_s - begins_s) * (0.5 - before) / (now - before)
                return Chance(caught[-1], median_s, self.stretches[part.stretch].percent)
            before, begins_s = now, part.ends_s
        return Chance(caught[-1])


def _named(name: str, terms: Terms, levels: Levels) -> Suspicion:
    return next(each for each in suspicions(terms, levels) if each.name == name)


def _needs(verdict: Verdict, stretch: Stretch, canary: int) -> tuple[float, float]:
    """Return with how many requests a healthy release can pass, and how many seconds more that takes."""
    if verdict.outcome is Outcome.PASS:
        return canary, 0.0
    if not verdict.needs_requests or not stretch.canary_per_s:
        return inf, inf
    return canary + verdict.needs_requests, verdict.needs_requests / stretch.canary_per_s


class _Seen:
    """What a healthy release and stable have had so far, if all goes as expected."""

    def __init__(self, recent: Recent, shape: Row) -> None:
        self._recent, self._shape = recent, shape
        self._canary_bad, self._stable_bad = Whole(), Whole()
        self._bad, self._like_spread = 0.0, 0.0
        self.canary = 0

    def add(self, stretch: Stretch) -> Look:
        """Take in a stretch, and return it as one look."""
        rate = 0.0 if stretch.ours and self._recent.per_s is not None else self._recent.error_rate
        if stretch.canary and stretch.stable:
            self.canary += stretch.canary
            self._bad += stretch.canary * rate
            self._like_spread += stretch.canary**2 / stretch.stable
        bad, other = self._canary_bad.add(stretch.canary * rate), self._stable_bad.add(stretch.stable * rate)
        return Look(
            self._vitals(stretch.stable, other, stretch.seen_s),
            self._vitals(stretch.canary, bad, stretch.seen_s),
            0.0 if stretch.ours else stretch.percent / 100,
        )

    @property
    def clears(self) -> float:
        """Return how many more failures are ruled out by now."""
        if not self.canary:
            return 1.0
        like = self.canary**2 / self._like_spread
        return difference(self._bad, self.canary, self._bad / self.canary * like, like, SURE)[1]

    def _vitals(self, requests: int, errors: int, seconds: float) -> Vitals:
        return Vitals(requests, min(errors, requests), drawn(self._shape, requests), seconds)
