"""One run of a release at one moment, as the store and Prefect tell it: values only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from surefoot.release import Release
from surefoot.rollout import Plan
from surefoot.service import Environment
from surefoot.vitals import Histogram, Look, Vitals

if TYPE_CHECKING:
    from tasks.store.approvals import ApprovalRecord
    from tasks.store.ledger import Entry
    from tasks.store.rollouts import Attempt

_OVER = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


@dataclass(frozen=True, slots=True)
class RunState:
    """What Prefect says of a run: `name` is how it ended (`Done`, `PutBack`, …), `kind` is Prefect's own type."""

    name: str
    kind: str = "RUNNING"
    message: str = ""

    @property
    def over(self) -> bool:
        """Return whether the run does nothing more by itself."""
        return self.kind in _OVER

    @property
    def died(self) -> bool:
        """Return whether its process is gone without having said how it ended."""
        return self.kind == "CRASHED"


@dataclass(frozen=True, slots=True)
class Story:
    """One run in one environment. What has not happened yet is None, or empty; `heard`: Prefect was asked as well."""

    environment: Environment
    run_id: str
    run_url: str = ""
    release: Release | None = None
    asked_at: datetime | None = None
    attempt: "Attempt | None" = None
    entries: tuple["Entry", ...] = ()
    approval: "ApprovalRecord | None" = None
    state: RunState | None = None
    heard: bool = True

    @property
    def waits(self) -> bool:
        """Return whether a person is asked and nobody has answered: an answer reaches Prefect before the store."""
        if self.state is not None:
            return self.state.kind == "PAUSED"
        return self.approval is not None and self.approval.state == "asked"

    @property
    def answered(self) -> bool:
        """Return whether an answer is on its way to the run: Prefect has it, the store has not."""
        resumed = self.state is not None and self.state.kind in ("SCHEDULED", "PENDING")
        return resumed and self.approval is not None and self.approval.state == "asked"

    @property
    def reached(self) -> int:
        """Return the most percent of users that the release was sent."""
        return max((sent(entry, self.attempt.canary) for entry in self.entries if self.attempt), default=0)


@dataclass(frozen=True, slots=True)
class Judged:
    """One look and what the judge said of the stretch so far."""

    seen: Look
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of looking: the comparison at 0 %, a step of the plan, or the bake after the last.

    `move` is what it ended with: `Advance`, `RollBack`, `Ask`; empty while it lasts.
    """

    percent: int
    watch_s: float
    bake: bool = False
    began_at: datetime | None = None
    ended_at: datetime | None = None
    looks: tuple[Judged, ...] = ()
    move: str = ""
    reason: str = ""

    @property
    def seen(self) -> Look | None:
        """Return all its looks together, None before the first; windows in which nobody could see are left out."""
        seen = [each.seen for each in self.looks if not (each.seen.stable.blind or each.seen.canary.blind)]
        return reduce(add, seen) if seen else None


def stretches(story: Story) -> tuple[Stretch, ...]:
    """Return the plan's stretches in order, filled with what the last climb has seen of each."""
    filled = {(each.percent, each.bake): each for each in _planned(story.environment.plan)}
    for each in _climbed(story, filled):
        filled[each.percent, each.bake] = each
    return tuple(sorted(filled.values(), key=lambda each: (each.percent, each.bake)))


def sent(entry: "Entry", canary: str) -> int:
    """Return the percent that an entry's traffic gives to a revision: what was intended counts, it may have come."""
    if not entry.kind.startswith("shift:"):
        return 0
    share = re.search(rf"(\d+) % on {re.escape(canary)}(?:,|$)", str(entry.fields.get("traffic", "")))
    return int(share[1]) if share else 0


def _planned(plan: Plan) -> Iterator[Stretch]:
    if plan.compare_s:
        yield Stretch(0, plan.compare_s)
    yield from (Stretch(step.percent, step.watch_s) for step in plan.steps)
    if plan.bake_s:
        yield Stretch(100, plan.bake_s, bake=True)


def _climbed(story: Story, planned: dict[tuple[int, bool], Stretch]) -> Iterator[Stretch]:
    """Yield each stretch whenever more is known of it, the last one open."""
    now: Stretch | None = None
    for entry in _last_climb(story.entries):
        fields = entry.fields
        if entry.kind == "smoke" and fields["where"] == "preview" and (0, False) in planned:
            now = replace(planned[0, False], began_at=entry.at)
        elif entry.kind == "shift: done" and story.attempt is not None:
            percent = sent(entry, story.attempt.canary)
            now = replace(planned.get((percent, False), Stretch(percent, 0.0)), began_at=entry.at)
        elif entry.kind == "look" and now is not None:
            now = _looked(_bake_of(now, planned), entry)
        elif entry.kind == "move" and now is not None:
            now = replace(now, ended_at=entry.at, move=str(fields["move"]), reason=str(fields["reason"]))
        else:
            continue
        if now is not None:
            yield now


def _last_climb(entries: tuple["Entry", ...]) -> tuple["Entry", ...]:
    """A run that was started again climbs again, from its first step: only the last climb counts."""
    begun = [index for index, entry in enumerate(entries) if entry.kind == "stage: intended"]
    return entries[begun[-1] :] if begun else ()


def _bake_of(now: Stretch, planned: dict[tuple[int, bool], Stretch]) -> Stretch:
    """Return the bake once the last step is over: looks at 100 % go on without another shift."""
    over = now.move == "Advance" or not now.watch_s
    if over and not now.bake and now.percent == 100 and (100, True) in planned:
        return replace(planned[100, True], began_at=now.ended_at or now.began_at)
    return now


def _looked(now: Stretch, entry: "Entry") -> Stretch:
    seen = entry.fields["seen"]
    look = Look(_vitals(seen["stable"]), _vitals(seen["canary"]))
    judged = Judged(look, str(entry.fields["outcome"]), str(entry.fields["reason"]))
    return replace(now, looks=(*now.looks, judged))


def _vitals(document: dict[str, Any]) -> Vitals:
    counts = Histogram.of((float(value), int(number)) for value, number in document["latency_ms"]["counts"])
    return Vitals(
        document["requests"], document["errors"], counts, document["seconds"], blind=str(document.get("blind", ""))
    )
