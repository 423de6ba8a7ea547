"""What a canary is judged on: which harm must not get through, what it has to keep, and how often a look is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from surefoot.rollout import Limits, Plan

# Of the chance of a false alarm this part is kept for looks beyond the planned ones, and for what is not quite exact.
_KEPT = 0.08
# The rest is spent as this power of the way (Kim and DeMets, Biometrika 74, 1987): little at first, when few requests
# make for large differences, and enough to put a plainly broken release back at its first looks.
_POWER = 1.75
# A shift that our own prober's scheduling can make is never harm.
_FLOOR_MS = 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """`error_rate` and `latency` are the harms: absolute for the rate (None: not looked at), relative for a quantile.

    `rare` quantiles are not ruled out before a canary passes: they would take too many requests. `classes` are failures
    told apart. With `scatter`, latencies must not lie wider apart either. With `split`, a splitter says which share of
    the requests is the canary's. `floor_ms` is a shift that the prober's own scheduling can make. `false_alarm` is the
    chance of putting back a healthy release, over the whole rollout of about `planned_looks` looks.
    """

    planned_looks: int
    false_alarm: float = 0.01
    error_rate: float | None = None
    latency: Mapping[str, float] = field(default_factory=dict)
    rare: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    scatter: bool = False
    split: bool = False
    limits: Limits = field(default_factory=Limits)
    floor_ms: float = 0.0

    @classmethod
    def of(cls, plan: Plan, *, split: bool = False, shortest_s: float = 0.0) -> "Terms":
        """Return the terms of a plan whose vitals come from users' requests (`split`) or from our own.

        `shortest_s` is the shortest window that their source sees.
        """
        harm = plan.harm
        return cls(
            plan.looks_of(shortest_s),
            harm.false_alarm,
            harm.error_rate,
            dict.fromkeys(("p50", "p95", "p99"), harm.latency),
            rare=("p99",),
            classes=("5xx", "timeout", "4xx"),
            scatter=True,
            split=split,
            limits=plan.limits,
            floor_ms=_FLOOR_MS,
        )

    def may_spend(self, look: int) -> float:
        """Return the chance of a false alarm that all looks up to this one (from 1) may use together."""
        way = look / self.planned_looks
        if way <= 1:
            return float(self.false_alarm * (1 - _KEPT) * way**_POWER)
        return self.false_alarm * (1 - _KEPT + _KEPT / 2 * (1 - 1 / way))
