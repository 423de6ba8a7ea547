"""What a plan is going to see, in words: stretch by stretch, the harm it is meant to prevent, and what would do."""

from collections.abc import Iterator
from math import inf
from typing import Any

from surefoot.rollout import Plan
from surefoot.sight import POWER, Foresight, Recent, Sight
from surefoot.sight.remedy import Remedy, remedies
from surefoot.units import count, duration, percent, took
from tasks.recent import Known

# Where nobody knows how many users come: what would be seen of so many a second.
RATES = (1.0, 10.0, 100.0)
_HARMS = ("errors", "p95")


class Foreseen:
    """One plan at recent traffic; where that is not known, only our own requests are told."""

    def __init__(self, plan: Plan, known: Known) -> None:
        self.plan, self.known = plan, known
        self._foresight = Foresight(plan, known.recent) if known.source else None
        self.sights = tuple(self._foresight.sights()) if self._foresight else ()

    def stretch(self, percents: int, *, bake: bool = False) -> Sight | None:
        """Return what is seen in one stretch."""
        return next((each for each in self.sights if (each.percent, each.bake) == (percents, bake)), None)

    def traffic(self) -> str:
        """Return what this was computed from."""
        recent = self.known.recent
        if not self.known.source:
            return "not known: no rollout was seen here yet; say it with --traffic 10/s --errors 0.5%"
        whose = "" if recent.per_s is not None else " of ours to each side"
        rate = recent.per_s if recent.per_s is not None else self.plan.probes_per_s
        said = f"{rate:,.3g} requests/s{whose}, {percent(recent.error_rate)} failing, {self.known.source}"
        shape = "" if recent.latency_ms.counts else "; latencies taken to be log-normal, as wide as their mean"
        return said + shape

    def table(self) -> Iterator[str]:
        """Yield what would be seen in the whole rollout at some rates, where none is known."""
        found = [Foresight(self.plan, _at(self.known.recent, rate)) for rate in RATES]
        yield f"{'requests/s':<20}{''.join(f'{rate:>10,.0f}' for rate in RATES)}"
        for name, what in (("errors", "sees more failures"), ("p95", "sees p95 slower by")):
            least = (each.least(name) for each in found)
            shown = ("nothing" if each is None else percent(each) for each in least)
            yield f"{what:<20}{''.join(f'{each:>10}' for each in shown)}"

    def caught(self) -> Iterator[tuple[bool, str]]:
        """Yield for each harm whether it is caught often enough, and how."""
        missed = []
        for name in _HARMS if self._foresight else ():
            chance = self._foresight.chance(name) if self._foresight else None
            assert chance is not None  # there is one wherever there is a foresight
            what = self._harm(name)
            if chance.power < POWER:
                missed.append(name)
                yield False, f"{what} in {percent(chance.power)} of rollouts only{self._least(name)}"
                continue
            often = "more than 99 %" if chance.power > 0.99 else percent(chance.power)
            when = f", after {took(chance.median_s)} on the median" if chance.median_s is not None else ""
            yield True, f"{what} in {often}{when}"
        if missed:
            yield False, self._remedy(tuple(missed))

    def _harm(self, name: str) -> str:
        assert self._foresight is not None
        harm = percent(self._foresight.harm(name))
        return f"{harm} more failures: caught" if name == "errors" else f"{name} slower by {harm}: caught"

    def _least(self, name: str) -> str:
        """Return what is seen instead."""
        least = self._foresight.least(name) if self._foresight else None
        return f"; it sees {percent(least)} and more" if least is not None else ""

    def _remedy(self, missed: tuple[str, ...]) -> str:
        found = [_changed(each) for each in remedies(self.plan, self.known.recent, missed)]
        if found:
            return f"what would see it: {', or '.join(found)}"
        if self.known.recent.per_s is not None and not any(step.watch_s for step in self.plan.steps[:-1]):
            return "watch a step below 100 %: there users are on both sides"
        return "no watch up to a day does at this traffic: name a larger harm, or send more"

    def as_fields(self) -> dict[str, Any]:
        """Return the same for the JSON document."""
        recent, foresight = self.known.recent, self._foresight
        harms = {}
        missed = []
        for name in _HARMS if foresight else ():
            assert foresight is not None
            chance = foresight.chance(name)
            harms[name] = {"harm": foresight.harm(name), "caught": chance.power, "median_seconds": chance.median_s}
            missed += [name] if chance.power < POWER else []
        found = remedies(self.plan, recent, missed) if missed else ()
        return {
            "sight": [_sight_fields(sight) for sight in self.sights],
            "traffic": {
                "known": self.known.source or None,
                "requests_per_second": recent.per_s,
                "error_rate": recent.error_rate,
            },
            "harms": harms,
            "would_see": [_changed(each) for each in found],
        }


def seen(sight: Sight, plan: Plan) -> str:
    """Return one stretch: its requests, what they show, and whether a healthy release can pass."""
    whose = f"requests{'' if sight.sees else ' of ours'}"
    sides = (
        f"{whose} to each side" if sight.ours else f"{whose} to it of {count(sight.requests + sight.stable_requests)}"
    )
    said = f"{duration(sight.watch_s):<5} {count(sight.requests)} {sides}{_shows(sight)}"
    return said if sight.enough else f"{said}; too few for a healthy release to pass: {_held(sight, plan)}"


def _shows(sight: Sight) -> str:
    if not sight.sees:
        return ": what only users do is not seen"
    slower = sight.slower.get("p95")
    found = [
        f"{percent(sight.more_errors)} more failures" if sight.more_errors is not None else "",
        f"p95 slower by {percent(slower)}" if slower is not None else "",
    ]
    if any(found):
        return f": sees {' or '.join(filter(None, found))} in 8 of 10 rollouts"
    return ": sees nothing surely"


def _held(sight: Sight, plan: Plan) -> str:
    if sight.needs == inf:
        return "none here can; held until patience ends, then put back"
    takes = f"it takes {count(round(sight.needs - sight.so_far))} more"
    if sight.needs_s <= plan.patience_s:
        return f"{takes}, held about {took(sight.needs_s)}"
    return f"{takes}, held until patience ends, then put back"


def _changed(remedy: Remedy) -> str:
    """Return a remedy in the service file's own words."""
    if remedy.probes_per_s:
        return f"probes_per_second: {remedy.probes_per_s:g}"
    return f"watch {remedy.percent} % for {duration(remedy.watch_s)}"


def _at(recent: Recent, rate: float) -> Recent:
    return Recent(rate, recent.error_rate, recent.latency_ms, recent.lag_s, recent.shortest_s)


def _sight_fields(sight: Sight) -> dict[str, Any]:
    return {
        "percent": sight.percent,
        "bake": sight.bake,
        "watch_seconds": sight.watch_s,
        "requests_per_side": sight.requests,
        "stable_requests": sight.stable_requests,
        "ours": sight.ours,
        "put_back_from_failures": sight.fails_at or None,
        "rules_out_more_failures": sight.clears,
        "sees_more_failures": sight.more_errors,
        "sees_slower": dict(sight.slower),
        "needs_requests": None if sight.needs == inf else round(sight.needs),
        "enough": sight.enough,
    }
