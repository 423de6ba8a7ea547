"""One recorded rollout, as a file has it: what is refused, and what the core makes of the rest."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from surefoot.rollout import Limits
from surefoot.terms import Terms
from surefoot.vitals import CLASSES, Histogram, Look, Vitals
from tasks.cases.shares import share
from tasks.settings.near import near

# More requests, seconds or milliseconds than anybody has: beyond, sums of floats are no counts any more.
_MOST, _LONGEST = 10**12, 1e9
_MOST_LOOKS = 10**6
# A rate cannot grow by more than all of it; a latency can, and a hundred times as slow is harm in any case.
_WHOLE, _HUNDREDFOLD = 1.0, 100.0


def _up_to(most: float) -> Callable[[Any], float]:
    return lambda value: share(value, most)


Count = Annotated[int, Field(ge=0, le=_MOST)]
Seconds = Annotated[float, Field(ge=0, le=_LONGEST)]
Milliseconds = Annotated[float, Field(gt=0, le=_LONGEST)]
Rate = Annotated[float, BeforeValidator(_up_to(_WHOLE))]
Slower = Annotated[float, BeforeValidator(_up_to(_HUNDREDFOLD))]
Chance = Annotated[float, Field(gt=0, le=0.5)]


class Strict(BaseModel):
    """Nothing is guessed at: no unknown key, no text for a number, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class OfRate(Strict):
    """What is too much for a rate: the worsening, and the rate itself."""

    harm: Rate
    limit: Rate | None = None


class OfLatency(Strict):
    """What is too much for a quantile: the worsening in parts of stable's level, and milliseconds."""

    harm: Slower
    limit: Milliseconds | None = None


class Limited(Strict):
    """What is looked at; each is ruled out before a rollout passes."""

    error_rate: OfRate | None = None
    p50_ms: OfLatency | None = None
    p95_ms: OfLatency | None = None
    p99_ms: OfLatency | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not any(True for _ in self.latency()) and self.error_rate is None:
            raise ValueError("names nothing to look at; write error_rate, p50_ms, p95_ms or p99_ms")
        return self

    def latency(self) -> Iterator[tuple[str, OfLatency]]:
        """Yield the quantiles that are limited, by their name in the core."""
        for name, limit in (("p50", self.p50_ms), ("p95", self.p95_ms), ("p99", self.p99_ms)):
            if limit is not None:
                yield name, limit


class Side(Strict):
    """What was seen of one side since the last look; `blind` says why nothing was."""

    blind: str = ""
    requests: Count = 0
    errors: Count = 0
    latency_ms: tuple[tuple[Milliseconds, Count], ...] = ()
    classes: dict[str, Count] = Field(default_factory=dict)

    @field_validator("errors")
    @classmethod
    def _of_requests(cls, errors: int, info: ValidationInfo) -> int:
        if errors > info.data.get("requests", errors):
            raise ValueError(f"cannot be: there were {info.data['requests']} requests")
        return errors

    @field_validator("classes")
    @classmethod
    def _known(cls, classes: Mapping[str, int], info: ValidationInfo) -> Mapping[str, int]:
        for name, number in classes.items():
            if name not in CLASSES:
                raise ValueError(f"has {name!r}, which is no class of failures; {near(name, CLASSES)}")
            if number > info.data.get("requests", number):
                raise ValueError(f"cannot be: {number} {name} of {info.data['requests']} requests")
        return classes

    @model_validator(mode="after")
    def _seen(self) -> Self:
        lacking = {"requests", "errors"} - self.model_fields_set
        if lacking and not self.blind:
            raise ValueError(f"has no {' and no '.join(sorted(lacking, reverse=True))}; where nobody could look: blind")
        return self

    def vitals(self, seconds: float) -> Vitals:
        """Return it for the core; a latency that nothing had is left out."""
        latency = Histogram.of(pair for pair in self.latency_ms if pair[1])
        classes = tuple(self.classes.items())
        return Vitals(self.requests, self.errors, latency, seconds, blind=self.blind, classes=classes)


class Seen(Strict):
    """One look: both sides over the same seconds; null where nobody could look."""

    seconds: Seconds
    stable: Side | None
    canary: Side | None
    share: Annotated[float, Field(ge=0, le=1)] | None = None

    def look(self) -> Look:
        """Return it for the core."""
        stable, canary = (
            side.vitals(self.seconds) if side else Vitals(seconds=self.seconds, blind=f"nobody saw {name}")
            for name, side in (("stable", self.stable), ("canary", self.canary))
        )
        return Look(stable, canary, self.share or 0.0)


class Case(Strict):
    """One rollout: on which terms it is judged, and all that was seen."""

    false_alarm: Chance = 0.01
    planned_looks: Annotated[int, Field(ge=1, le=_MOST_LOOKS)] | None = None
    limits: Limited
    looks: tuple[Seen, ...]

    def terms(self) -> Terms:
        """Return the terms; without `planned_looks` the looks that there are were planned."""
        rate, latency = self.limits.error_rate, dict(self.limits.latency())
        sides = [side for look in self.looks for side in (look.stable, look.canary) if side]
        told_apart = {name for side in sides for name in side.classes}
        return Terms(
            self.planned_looks or max(1, len(self.looks)),
            self.false_alarm,
            rate.harm if rate else None,
            {name: limit.harm for name, limit in latency.items()},
            classes=tuple(name for name in CLASSES if name in told_apart),
            split=any(look.share is not None for look in self.looks),
            limits=Limits(rate.limit if rate else None, **{f"{name}_ms": each.limit for name, each in latency.items()}),
        )
