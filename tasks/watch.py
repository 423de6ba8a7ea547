"""Look at a step until the core says what to do."""

import asyncio
import time

from prefect import task
from prefect.cache_policies import NO_CACHE

from surefoot import notice
from surefoot.errors import Interfered, RolledBack, TargetError, Unhealthy
from surefoot.judge import judge
from surefoot.rollout import Advance, Hold, Move, next_move
from surefoot.verdict import Outcome, Verdict
from surefoot.vitals import Look, Vitals
from tasks.clock import now
from tasks.evidence import verdict_of
from tasks.rollout import Rollout

# People may take a day: what is judged then are the latest looks, not the hours before.
_REMEMBERED = 60


async def watch(rollout: Rollout, percent: int, watch_s: float) -> Move:
    """Compare canary and stable side by side for as long as the plan says, longer while it is unclear."""
    if not watch_s:
        return Advance("the plan does not look here")
    plan = rollout.site.environment.plan
    looks: list[Look] = []
    verdicts: list[Verdict] = []
    began = time.monotonic()
    held = False
    while True:
        verdicts.append(await look(rollout, looks, f"{percent} %, look {len(looks) + 1}"))
        move = next_move(plan, watch_s, verdicts, time.monotonic() - began)
        if not isinstance(move, Hold):
            await _tell(rollout, percent, move, verdicts[-1])
            return move
        if not held and time.monotonic() - began >= watch_s:
            held = True
            await rollout.site.tell(notice.held(rollout.subject, now(), percent, move.reason))


async def watch_until(rollout: Rollout, answer: "asyncio.Task[bool]") -> None:
    """Look on while people make up their mind, and once more after it; Unhealthy as soon as it goes badly."""
    percent = rollout.attempt.percent
    looks: list[Look] = []
    while not answer.done():
        verdict = await look(rollout, looks, f"{percent} % while people are asked, look {len(looks) + 1}")
        if verdict.outcome is Outcome.FAIL:
            raise Unhealthy(f"while people were asked: {verdict.reason}")
        del looks[:-_REMEMBERED]


@task(name="look", task_run_name="look at {what}", cache_policy=NO_CACHE)
async def look(rollout: Rollout, looks: list[Look], what: str) -> Verdict:
    """Probe both sides for one interval, read the target meanwhile, judge, and keep what was seen in the ledger."""
    plan = rollout.site.environment.plan
    live, seen = await asyncio.gather(rollout.site.target.live(), _see(rollout, plan.look_s))
    if live.undone:
        raise RolledBack(live.undone)
    if live.version != rollout.seen.version and live.traffic != rollout.seen.traffic:
        raise Interfered(f"{live.by or 'somebody'} changed the traffic to {live.traffic} in the middle of this rollout")
    looks.append(seen)
    rollout.looks += 1
    verdict = judge(looks, plan.harm, plan.limits, rollout.looks, plan.planned_looks)
    if verdict.outcome is Outcome.FAIL and (undone := await _undone(rollout)):
        raise RolledBack(undone)  # what was seen are its last tasks going away
    kept = await rollout.record("look", what=what, outcome=verdict.outcome, reason=verdict.reason, seen=seen)
    rollout.verdicts.append(verdict_of(kept.fields))
    return verdict


async def _undone(rollout: Rollout) -> str:
    """Return why the platform put the release back meanwhile, "" where it did not or cannot be asked."""
    try:
        return (await rollout.site.target.live()).undone
    except TargetError:
        return ""


async def _see(rollout: Rollout, seconds: float) -> Look:
    """Return what stable and canary show; nothing where one of them cannot be reached apart from the other."""
    stable, canary = rollout.stable, rollout.canary
    if stable.preview and canary.preview:
        return await rollout.source.look(stable.preview, canary.preview, seconds)
    alone = stable if canary.preview else canary
    await asyncio.sleep(seconds)
    unseen = Vitals(seconds=seconds, blind=f"no address reaches {alone.name} alone")
    return Look(unseen, unseen)


async def _tell(rollout: Rollout, percent: int, move: Move, verdict: Verdict) -> None:
    if isinstance(move, Advance) and percent:
        await rollout.site.tell(notice.advanced(rollout.subject, now(), percent, str(verdict)))
    await rollout.record("move", at=percent, move=type(move).__name__, reason=move.reason)
