"""The writes of a rollout, and the way back."""

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import replace

from prefect import task
from prefect.cache_policies import NO_CACHE

from surefoot import notice
from surefoot.check import smoke_verdict
from surefoot.errors import Cancelled, Interfered, RollbackFailed, RolledBack, StageFailed, SurefootError, TargetError
from surefoot.notice import Notice
from surefoot.release import Address
from surefoot.rollout import Phase, Step
from surefoot.target import Live, Target
from surefoot.traffic import Traffic
from tasks.clock import now
from tasks.probes import smoke as look_once
from tasks.rollout import Rollout
from tasks.store.database import StoreUnavailable
from tasks.targets import undo_command

# The last write is tried this often before people are called; the watchdog goes on after that.
_TRIES = 5
_PAUSE_S = 1.0
# People wait for the message; a check that takes longer than this is not well anyway.
_SEEN_S = 3.0
# How a rollout ends that somebody else wrote into: the watchdog leaves it alone as well.
LEFT_ALONE = "left alone: "
_LOG = logging.getLogger("surefoot")


@task(name="stage", task_run_name="stage, no traffic", cache_policy=NO_CACHE)
async def stage(rollout: Rollout) -> None:
    """Make the revision: ready, previewable, without user traffic."""
    began = time.monotonic()
    release, site = rollout.release, rollout.site
    mark = rollout.mark(rollout.attempt.percent, site.environment.plan.compare_s)
    fields = {"revision": rollout.attempt.canary, "image": str(release.image)}
    await rollout.change("stage", fields, lambda: site.target.stage(release, mark, rollout.seen))
    seconds = time.monotonic() - began
    await site.tell(notice.staged(rollout.subject, now(), rollout.attempt.canary, seconds))


@task(name="shift", task_run_name="shift to {step.percent} %", cache_policy=NO_CACHE)
async def shift(rollout: Rollout, step: Step) -> None:
    """Send the step's percent of user traffic to the canary; returns once that was observed."""
    traffic = rollout.attempt.before.toward(rollout.attempt.canary, step.percent)
    mark = rollout.mark(step.percent, step.watch_s)
    # Written before the traffic: whoever takes over then knows the most that users may have been sent. A run that began
    # again after it had died may have sent more than this step does.
    most = max(step.percent, rollout.attempt.percent)
    await rollout.stand(Phase.CLIMBING, most)
    await rollout.change(
        "shift", {"traffic": str(traffic)}, lambda: rollout.site.target.shift(traffic, mark, rollout.seen)
    )
    if most != step.percent:
        await rollout.stand(Phase.CLIMBING, step.percent)


async def passed(rollout: Rollout, seen: str) -> None:
    """Write down that all was passed: from here on whoever takes over closes the rollout, and puts nothing back."""
    await rollout.stand(Phase.BAKING, 100, seen)


@task(name="promote", cache_policy=NO_CACHE)
async def promote(rollout: Rollout, seen: str) -> None:
    """Close a rollout that reached the top: the mark goes, the old revision stays as the way back, people hear."""
    await finish(rollout, seen)


class Unfinished(SurefootError):
    """The release is live and well, but its rollout could not be closed; the watchdog does that."""


async def finish(rollout: Rollout, seen: str) -> None:
    """Take the mark away and close the rollout; `seen` is what its last checks said.

    Unfinished when target or store cannot be told: users have the release, so nothing is put back for that.
    """
    top, target = Traffic.all_on(rollout.attempt.canary), rollout.site.target
    try:
        await rollout.change("finish", {}, lambda: settle(target, top, rollout.id, {top}))
        seconds = (now() - rollout.attempt.began_at).total_seconds()
        await rollout.end(Phase.PROMOTED, seen, notice.promoted(rollout.subject, now(), seconds, seen=seen))
    except (Interfered, RolledBack) as over:
        await restore(rollout, over)
        raise
    except (TargetError, StoreUnavailable) as problem:
        raise Unfinished(
            f"{rollout.release.short} is live, but its rollout could not be ended there: {problem}; "
            "the watchdog does so, or now: surefoot watchdog"
        ) from problem


async def restore(rollout: Rollout, problem: BaseException) -> None:
    """Put user traffic back to what it was, tell why; RollbackFailed when that cannot be done.

    Not a Prefect task on purpose: it needs no Prefect, no store and no Slack. What another writer did is left alone.
    Cancelled when somebody has taken the place over, an operator or the watchdog: then it is theirs.
    """
    if not isinstance(problem, StoreUnavailable) and (by := await rollout.overtaken()):
        raise Cancelled(f"stopped at {rollout.attempt.percent} %: {by}") from problem
    percent, began = rollout.attempt.percent, time.monotonic()
    try:
        await _put_back(rollout, problem)
    except Interfered as interfered:
        if by := await rollout.overtaken():
            raise Cancelled(f"stopped at {percent} %: {by}") from problem
        # What was seen last, not what was on its way: the write that would have sent more was refused.
        percent = dict(rollout.seen.traffic.shares).get(rollout.attempt.canary, 0)
        told = notice.interfered(rollout.subject, now(), percent, str(interfered))
        await _end(rollout, Phase.NOT_PUT_BACK, f"{LEFT_ALONE}{interfered}", told)
        if interfered is not problem:
            raise RollbackFailed(f"not put back: {interfered}") from problem
    except Exception as failed:  # whatever it is: users are where they should not be, and people have to know
        await _end(rollout, Phase.NOT_PUT_BACK, str(failed), _not_put_back(rollout, percent, failed))
        raise RollbackFailed(f"NOT put back, {rollout.release.short} still has traffic: {failed}") from problem
    else:
        told = await _put_back_notice(rollout, percent, problem, time.monotonic() - began)
        await _end(rollout, Phase.PUT_BACK, _why(problem), told)


async def _put_back(rollout: Rollout, problem: BaseException) -> None:
    before, target = rollout.attempt.before, rollout.site.target
    if isinstance(problem, Interfered):
        raise problem
    if not rollout.wrote:
        return
    ours = may_be_ours(before, rollout.attempt.canary, rollout.attempt.percent)
    if isinstance(problem, StoreUnavailable):
        await settle(target, before, rollout.id, ours)
        return
    try:
        await rollout.change("restore", {"traffic": str(before)}, lambda: settle(target, before, rollout.id, ours))
    except StoreUnavailable:
        await settle(target, before, rollout.id, ours)


def may_be_ours(before: Traffic, canary: str, percent: int) -> frozenset[Traffic]:
    """Return every traffic that a rollout which came to `percent` may have written; any other is somebody's own."""
    return frozenset({before, *(before.toward(canary, share) for share in range(1, percent + 1))})


async def settle(target: Target, wanted: Traffic, rollout: str, ours: Collection[Traffic]) -> Live:
    """Return once the traffic is observed to be as wanted, without a mark: the way back, and the end of a climb.

    Interfered when another holds the place, or has set a traffic that is not `ours`; RolledBack when the platform has
    put back what is wanted. A write that is refused is looked at again before it is believed: what was read may have
    lagged behind.
    """
    for tried in range(1, _TRIES + 1):
        try:
            live = await target.live()
            if live.mark is None and live.traffic == wanted:
                return live
            if live.undone and live.traffic != wanted:
                raise RolledBack(live.undone)
            _refuse_if_taken_over(live, rollout, ours)
            return await target.shift(wanted, None, live)
        except TargetError as problem:
            if tried == _TRIES or isinstance(problem, RolledBack):
                raise
            _LOG.warning("%s, try %s of %s: %s", wanted, tried, _TRIES, problem)
        await asyncio.sleep(_PAUSE_S)
    raise AssertionError("unreachable: the last try returns or raises")


def _refuse_if_taken_over(live: Live, rollout: str, ours: Collection[Traffic]) -> None:
    if live.mark is None or live.mark.rollout != rollout:
        other = f"the rollout {live.mark.rollout}" if live.mark else live.by or "somebody"
        raise Interfered(f"{other} has taken over, live is {live.traffic}; it is left alone")
    if live.settled and live.traffic not in ours:
        raise Interfered(f"{live.by or 'somebody'} has set the traffic to {live.traffic}; it is left alone")


async def _end(rollout: Rollout, phase: Phase, reason: str, told: Notice) -> None:
    try:
        await rollout.end(phase, reason, told)
    except SurefootError as problem:
        _LOG.warning("%s ended as %r, but that could not be kept: %s", rollout.id, phase, problem)


def _not_put_back(rollout: Rollout, percent: int, problem: Exception) -> Notice:
    command = undo_command(rollout.site.environment.place, rollout.attempt.before)
    return notice.not_put_back(rollout.subject, now(), percent=percent, problem=str(problem), command=command)


async def _put_back_notice(rollout: Rollout, percent: int, problem: BaseException, seconds: float) -> Notice:
    if isinstance(problem, StageFailed):
        return notice.stage_failed(rollout.subject, now(), str(problem))
    if isinstance(problem, asyncio.CancelledError):
        return notice.cancelled(rollout.subject, now(), percent)
    release, environment = rollout.release, rollout.site.environment.name
    return notice.put_back(
        rollout.subject,
        now(),
        percent=percent,
        reason=_why(problem).removeprefix(f"at {percent} %: "),
        seconds=seconds,
        again=f"surefoot deploy {release.service} {environment} --image {release.image}",
        seen=f"{rollout.attempt.before}, read back; {await seen_by_probes(rollout)}",
    )


async def seen_by_probes(rollout: Rollout) -> str:
    """Return what one round of checks says of the public address: done means observed."""
    checks = [replace(check, timeout_s=min(check.timeout_s, _SEEN_S)) for check in rollout.site.environment.checks]
    verdict = smoke_verdict(await look_once(checks, Address(rollout.seen.url)))
    return f"checks {verdict.reason}"


def _why(problem: BaseException) -> str:
    if isinstance(problem, asyncio.CancelledError):
        return str(problem) or "stopped by a person or by SIGTERM"
    return str(problem) if isinstance(problem, SurefootError) else f"{type(problem).__name__}: {problem}"
