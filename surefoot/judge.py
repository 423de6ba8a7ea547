"""Go on, hold, or go back: canary held against stable, look by look, over a whole rollout.

Two questions are asked of every suspicion. *Is it worse?* is answered at a chance of a false alarm that is spent once
over all looks, steps and suspicions, so looking often is free. *Was enough seen to have caught the harm that the plan
names?* is answered by a bound: only then does silence in the numbers mean that the release is well.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import ceil, inf

from surefoot.levels import Levels
from surefoot.suspicion import Finding, Suspicion
from surefoot.suspicion.beyond import latency_limit, rate_limit
from surefoot.suspicion.collapse import Collapse
from surefoot.suspicion.failures import Failures
from surefoot.suspicion.saturation import Saturation
from surefoot.suspicion.scatter import Scatter
from surefoot.suspicion.slowness import Slowness
from surefoot.terms import Terms
from surefoot.units import count, percent, took
from surefoot.verdict import Outcome, Verdict
from surefoot.vitals import CLASSES, Counts, Look, Vitals, added

# A failed request in five: a side is ill at this moment, and nothing can be promoted beside it.
_ILL = 0.2
# The less of a rollout could be seen, the surer a failure has to be: with a third of the looks blind, a hundredth of
# the usual chance of a false alarm is left. A tenth of the plan counts as seen: few looks tell little of a source.
_SEEN_POWER, _SEEN_BEFORE = 12, 0.1
# Failures are what users feel first, so they get the most of the chance of a false alarm.
_ERRORS, _CLASS, _LATENCY, _OTHERS = 24.0, 2.0, 3.0, 1.0
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Judge:
    """One rollout on its terms: takes looks in their order, and has a verdict after each."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._levels = Levels()
        self._suspicions = suspicions(terms, self._levels)
        self._parts = sum(suspicion.weight for suspicion in self._suspicions)
        self.looks = self._looks_seen = 0
        self.failed: Suspicion | None = None
        self._requests, self._seconds = 0, 0.0
        self._examples: Counts = ()
        self._latest: tuple[Look, ...] = ()

    def see(self, *looks: Look) -> bool:
        """Take in what was seen since the last look, by one source or several; returns whether the canary has failed.

        Where nobody could see, that says nothing, neither good nor bad.
        """
        self.looks += 1
        self._latest = looks
        way = self.looks / self._terms.planned_looks
        seen = [look for look in looks if not look.stable.blind and not look.canary.blind]
        if not seen:
            return False
        self._looks_seen += 1
        for look in seen:
            self._take(look, way)
        part = self._may_spend / self._parts
        crossed = [each for each in self._suspicions if each.crosses(part * each.weight)]
        self.failed = crossed[0] if crossed else None
        return self.failed is not None

    @property
    def _may_spend(self) -> float:
        before = _SEEN_BEFORE * self._terms.planned_looks
        seen = (self._looks_seen + before) / (self.looks + before)
        return self._terms.may_spend(self.looks) * seen**_SEEN_POWER

    def _take(self, look: Look, way: float) -> None:
        self._requests += look.canary.requests
        self._seconds += look.canary.seconds
        self._examples = added(self._examples, look.canary.examples)
        self._levels.add(look)
        for suspicion in self._suspicions:
            suspicion.add(look, way)

    @property
    def verdict(self) -> Verdict:
        """Return what can be said after the latest look."""
        if not self._latest:
            return Verdict(Outcome.INCONCLUSIVE, "nothing was looked at yet")
        if self.failed is not None:
            return self._failure(self.failed)
        if problem := next(filter(None, map(_silence, self._latest)), ""):
            return Verdict(Outcome.INCONCLUSIVE, problem)
        findings = {each: each.find() for each in self._suspicions}
        said = _said(findings)
        unclear = [found for each, found in findings.items() if each.required and found.outcome is not Outcome.PASS]
        if not unclear:
            return replace(said, outcome=Outcome.PASS)
        return self._unclear(said, max(found.factor for found in unclear))

    def _failure(self, suspicion: Suspicion) -> Verdict:
        """Name what decided first, with its proof; then what else there is to see."""
        findings = {each: each.find() for each in self._suspicions}
        found = findings[suspicion]
        others = {each: other for each, other in findings.items() if other.text != found.text}
        example = _example(self._examples, suspicion.name)
        text = "; ".join(filter(None, [f"{found.text}: {found.proof}", example, _said(others).reason]))
        return replace(_said(findings), outcome=Outcome.FAIL, reason=text)

    def _unclear(self, said: Verdict, factor: float) -> Verdict:
        """Say how much more would settle it, at the rate that requests came so far."""
        if factor == inf or not self._requests:
            return replace(said, reason=f"{said.reason}; cannot be told at this traffic")
        requests = max(1, ceil(self._requests * (factor - 1)))
        seconds = self._seconds * requests / self._requests
        needs = f"needs about {count(requests)} more requests, {took(seconds)} at this rate"
        return replace(said, reason=f"{said.reason}; {needs}", needs_requests=requests, needs_s=seconds)


def _said(findings: Mapping[Suspicion, Finding]) -> Verdict:
    """Return what is to be said of all that has to be ruled out, undecided."""
    text = "; ".join(found.text for each, found in findings.items() if each.required and found.text)
    bounds = tuple((each.name, found.bound) for each, found in findings.items() if found.bound is not None)
    levels = tuple((each.name, *found.levels) for each, found in findings.items() if found.levels)
    return Verdict(Outcome.INCONCLUSIVE, text, bounds=bounds, levels=levels)


def suspicions(terms: Terms, levels: Levels) -> tuple[Suspicion, ...]:
    """Return all that a canary is suspected of, on these terms."""
    found: list[Suspicion] = []
    if terms.error_rate is not None:
        found.append(Collapse(_OTHERS))
        found.append(Failures("errors", _errors, terms.error_rate, _ERRORS, required=True))
        found += [
            Failures(name, partial(_of_class, name), terms.error_rate, _CLASS, required=False) for name in terms.classes
        ]
    found += [
        Slowness(name, QUANTILES[name], harm, _LATENCY, levels, terms.floor_ms, required=name not in terms.rare)
        for name, harm in terms.latency.items()
    ]
    if terms.scatter:
        found.append(Scatter(_OTHERS, levels))
    if terms.split:
        found.append(Saturation(_OTHERS))
    limits = terms.limits
    if limits.error_rate is not None:
        found.append(rate_limit(limits.error_rate, _OTHERS))
    found += [
        latency_limit(name, QUANTILES[name], limit_ms, _OTHERS, levels) for name, limit_ms in limits.latency_ms.items()
    ]
    return tuple(found)


def _errors(vitals: Vitals) -> int:
    return vitals.errors


def _of_class(name: str, vitals: Vitals) -> int:
    return dict(vitals.classes).get(name, 0)


def _silence(look: Look) -> str:
    """Return why the latest look says nothing, "" where it does."""
    for side, vitals in (("stable", look.stable), ("canary", look.canary)):
        if vitals.blind:
            return f"could not look: {vitals.blind}"
        # With all users on the canary nobody is left to ask stable: what it keeps is judged, by its limits.
        if not vitals.requests and not (side == "stable" and look.share == 1):
            return f"could not look: {side} got no request"
    if look.canary.error_rate > _ILL and not look.stable.requests:
        return f"cannot compare: canary fails {percent(look.canary.error_rate)} of its requests, and stable gets none"
    if look.stable.error_rate > _ILL and look.canary.error_rate > _ILL:
        return f"cannot compare: stable itself fails {percent(look.stable.error_rate)} of its requests"
    answered = look.canary.requests > look.canary.errors
    if answered and look.stable.latency_ms.counts and not look.canary.latency_ms.counts:
        return "could not look: nobody saw how long canary took"
    return ""


def _example(examples: Counts, name: str) -> str:
    if not examples or name not in ("errors", "collapse", *CLASSES):
        return ""
    what, number = examples[0]
    return f"{count(number)} times {what}"
