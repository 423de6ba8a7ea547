"""The climb: its plan, where it stands, and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from surefoot.traffic import Traffic
from surefoot.verdict import Outcome, Verdict


class WhenUnclear(StrEnum):
    """What to do when patience ran out and nobody can say whether the release is well."""

    ROLL_BACK = "roll_back"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: the canary's percent of user traffic, and how many seconds to look at it before going on."""

    percent: int
    watch_s: float


@dataclass(frozen=True, slots=True)
class Harm:
    """The worsening that must not get through.

    `error_rate` is absolute (0.02: two more failures in a hundred), `latency` is relative to stable's level
    (0.25: a quarter slower), `false_alarm` is the chance of putting back a healthy release, over the whole rollout.
    """

    error_rate: float = 0.02
    latency: float = 0.25
    false_alarm: float = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """What the canary must keep whatever stable does: a rate (0 to 1), and milliseconds. None: no such limit."""

    error_rate: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None

    @property
    def latency_ms(self) -> Mapping[str, float]:
        """Return the latencies that are limited, by their quantile's name."""
        limits = {"p50": self.p50_ms, "p95": self.p95_ms, "p99": self.p99_ms}
        return {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a release climbs in one environment: steps that end at 100 %, a bake after them, and what is too much harm.

    `compare_s` is how long stable and canary are compared at 0 %, through the preview address; 0 leaves it out.
    `look_s` is the time between two looks, `probes_per_s` how many requests we send to each side in a second.
    `patience_s` is how much longer than its watch a step may stay unclear.
    """

    steps: tuple[Step, ...]
    bake_s: float = 0.0
    compare_s: float = 0.0
    look_s: float = 5.0
    probes_per_s: float = 2.0
    patience_s: float = 600.0
    when_unclear: WhenUnclear = WhenUnclear.ROLL_BACK
    harm: Harm = Harm()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        percents = [step.percent for step in self.steps]
        if not percents or percents[-1] != 100:
            raise ValueError("a plan ends at 100 %")
        if percents[0] < 1 or any(low >= high for low, high in pairwise(percents)):
            raise ValueError(f"steps only climb, from at least 1 %: {percents}")
        if self.look_s < 0.001:
            raise ValueError(f"{self.look_s} s between two looks is too short: it would never end")

    @property
    def planned_looks(self) -> int:
        """Return how many looks the plan has when nothing is held, at 0 % and in every step; at least 1."""
        return self.looks_of(self.look_s)

    def looks_of(self, users_s: float) -> int:
        """Return the same where users' requests can be looked at every so many seconds only; at 0 % ours are."""
        watched = [(self.compare_s, self.look_s)]
        watched += [(seconds, max(self.look_s, users_s)) for seconds in (*(s.watch_s for s in self.steps), self.bake_s)]
        return max(1, sum(-(-round(seconds * 1000) // round(each * 1000)) for seconds, each in watched))

    @property
    def shortest_s(self) -> float:
        """Return how long the rollout takes at least, seconds."""
        return self.compare_s + sum(step.watch_s for step in self.steps) + self.bake_s


@dataclass(frozen=True, slots=True)
class Advance:
    """Go on to the next step."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Stay, look again."""

    reason: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """Put it back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Patience ran out, and the plan wants a person to decide."""

    reason: str


Move = Advance | Hold | RollBack | Ask


def next_move(plan: Plan, watch_s: float, verdicts: Sequence[Verdict], elapsed_s: float) -> Move:
    """Decide after a look: `verdicts` are this step's so far, the latest last; `elapsed_s` is since the step began.

    FAIL goes back at once. PASS goes on when the watch is over. Anything else holds until patience runs out, and
    never goes on: silence never promotes a release.
    """
    if not verdicts:
        return Hold("nothing was looked at yet")
    latest = verdicts[-1]
    if latest.outcome is Outcome.FAIL:
        return RollBack(latest.reason)
    if elapsed_s < watch_s:
        return Hold(latest.reason)
    if latest.outcome is Outcome.PASS:
        return Advance(latest.reason)
    if elapsed_s < watch_s + plan.patience_s:
        return Hold(latest.reason)
    unclear = f"still unclear after {round(elapsed_s)} s: {latest.reason}"
    return Ask(unclear) if plan.when_unclear is WhenUnclear.ASK else RollBack(unclear)


class Phase(StrEnum):
    """Where a rollout stands. The last four are ends; only they release the place for the next one."""

    STAGING = "staging"
    CLIMBING = "climbing"
    BAKING = "baking"
    RESTORING = "restoring"
    PROMOTED = "promoted"
    PUT_BACK = "put back"
    NOT_PUT_BACK = "not put back"
    REFUSED = "refused"

    @property
    def ended(self) -> bool:
        """Return whether nothing more will happen by itself."""
        return self in (Phase.PROMOTED, Phase.PUT_BACK, Phase.NOT_PUT_BACK, Phase.REFUSED)


@dataclass(frozen=True, slots=True)
class Mark:
    """The rollout's own state, carried by the target so that another machine can take over from the cloud alone.

    `stable` is the traffic to go back to, `canary` the revision on its way, `percent` how far it was sent, `until`
    when its owner promised to have written again, `fence` the number of the lease it was written under.
    """

    rollout: str
    stable: Traffic
    canary: str
    percent: int
    until: datetime
    fence: int


def is_stranded(mark: Mark, now: datetime) -> bool:
    """Return whether the owner of a rollout has missed the moment it promised to write again."""
    return now > mark.until
