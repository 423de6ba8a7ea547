"""Look at a step until the core says what to do."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from surefoot import notice
from surefoot.errors import Interfered, RolledBack, TargetError, Unhealthy
from surefoot.judge import Judge
from surefoot.rollout import Advance, Hold, Move, next_move
from surefoot.service import Environment, VitalsRule
from surefoot.terms import Terms
from surefoot.verdict import Outcome, Verdict
from surefoot.vitals import Look
from tasks import vitals
from tasks.clock import now
from tasks.evidence import looks_of, terms_of, verdict_of
from tasks.rollout import Rollout
from tasks.settings.secrets import resolve_secret
from tasks.store import ledger
from tasks.vitals import Source

_OURS = VitalsRule()


async def watch(rollout: Rollout, percent: int, watch_s: float) -> Move:
    """Compare canary and stable side by side for as long as the plan says, longer while it is unclear."""
    if not watch_s:
        return Advance("the plan does not look here")
    plan = rollout.site.environment.plan
    verdicts: list[Verdict] = []
    began = time.monotonic()
    held = False
    async with sources(rollout.site.environment, percent) as seeing:
        while True:
            verdicts.append(await look(rollout, seeing, percent, f"{percent} %, look {len(verdicts) + 1}"))
            move = next_move(plan, watch_s, verdicts, time.monotonic() - began)
            if not isinstance(move, Hold):
                await _tell(rollout, percent, move, verdicts[-1])
                return move
            if not held and time.monotonic() - began >= watch_s:
                held = True
                await rollout.site.tell(notice.held(rollout.subject, now(), percent, move.reason))


async def watch_until(rollout: Rollout, answer: "asyncio.Task[bool]") -> None:
    """Look on while people make up their mind, and once more after it; Unhealthy as soon as it goes badly."""
    percent, looks = rollout.attempt.percent, 0
    async with sources(rollout.site.environment, percent) as seeing:
        while not answer.done():
            looks += 1
            verdict = await look(rollout, seeing, percent, f"{percent} % while people are asked, look {looks}")
            if verdict.outcome is Outcome.FAIL:
                raise Unhealthy(f"while people were asked: {verdict.reason}")


@asynccontextmanager
async def sources(environment: Environment, percent: int) -> AsyncIterator[Sequence[Source]]:
    """Open what sees both sides at a step, its windows beginning now.

    Before users are there only our own requests show anything. With all of them on the canary, their numbers show it
    alone, so our own requests go on asking stable too.
    """
    rule = environment.vitals
    rules = {0: [_OURS], 100: [rule, _OURS]}.get(percent, [rule]) if rule.source != _OURS.source else [rule]
    async with AsyncExitStack() as stack:
        seeing = []
        for each in rules:
            token = (await resolve_secret(each.token)).get_secret_value() if each.token else ""
            source = vitals.connect(replace(environment, vitals=each), token)
            stack.push_async_callback(source.close)
            source.begin()
            seeing.append(source)
        yield seeing


@task(name="look", task_run_name="look at {what}", cache_policy=NO_CACHE)
async def look(rollout: Rollout, seeing: Sequence[Source], percent: int, what: str) -> Verdict:
    """See both sides for one interval, read the target meanwhile, judge, and keep what was seen in the ledger."""
    if rollout.judge is None:
        rollout.judge = await _judge(rollout)
    live, seen = await asyncio.gather(
        rollout.site.target.live(), asyncio.gather(*(_see(rollout, source, percent) for source in seeing))
    )
    if live.undone:
        raise RolledBack(live.undone)
    if live.version != rollout.seen.version and live.traffic != rollout.seen.traffic:
        raise Interfered(f"{live.by or 'somebody'} changed the traffic to {live.traffic} in the middle of this rollout")
    failed = rollout.judge.see(*seen)
    verdict = rollout.judge.verdict
    if failed and (undone := await _undone(rollout)):
        raise RolledBack(undone)  # what was seen are its last tasks going away
    first, *also = map(asdict, seen)
    kept = await rollout.record("look", what=what, **asdict(verdict), seen=first, **({"also": also} if also else {}))
    rollout.verdicts.append(verdict_of(kept.fields))
    return verdict


async def _judge(rollout: Rollout) -> Judge:
    """Return the rollout's judge: with all that was seen before, where the run began again after it had died.

    Unhealthy where it had failed by then: its run died on the way back, and more looks are no second chance.
    """
    entries = await rollout.site.keep(ledger.of_rollout, rollout.id)
    terms = terms_of(entries)
    if terms is None:
        terms = await _terms(rollout)
        await rollout.record("terms", terms=asdict(terms))
    judge = Judge(terms)
    for seen in looks_of(entries):
        if judge.see(*seen):
            raise Unhealthy(f"had failed before its run died: {judge.verdict.reason}")
    return judge


async def _terms(rollout: Rollout) -> Terms:
    environment = rollout.site.environment
    split = environment.vitals.source != _OURS.source
    async with sources(environment, 1) as seeing:
        return Terms.of(environment.plan, split=split, shortest_s=seeing[0].shortest_s if split else 0.0)


async def _undone(rollout: Rollout) -> str:
    """Return why the platform put the release back meanwhile, "" where it did not or cannot be asked."""
    try:
        return (await rollout.site.target.live()).undone
    except TargetError:
        return ""


async def _see(rollout: Rollout, source: Source, percent: int) -> Look:
    """Return what a source shows of both sides; `ours` splits no traffic, users' requests come as the target splits."""
    seen = await source.look(rollout.stable, rollout.canary, rollout.site.environment.plan.look_s)
    return replace(seen, share=0.0 if source.ours else percent / 100)


async def _tell(rollout: Rollout, percent: int, move: Move, verdict: Verdict) -> None:
    if isinstance(move, Advance) and percent:
        await rollout.site.tell(notice.advanced(rollout.subject, now(), percent, str(verdict)))
    await rollout.record("move", at=percent, move=type(move).__name__, reason=move.reason)
