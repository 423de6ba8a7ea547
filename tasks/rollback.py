"""The operator's way back: needs target and service file only. Store, Slack and probes help where they are there."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from surefoot import notice
from surefoot.check import smoke_verdict
from surefoot.errors import Interfered, RollbackFailed, SurefootError, TargetError
from surefoot.release import Address
from surefoot.rollout import Phase
from surefoot.service import Environment
from surefoot.target import Live, Target
from surefoot.traffic import Traffic
from surefoot.verdict import Outcome, Verdict
from tasks import settings
from tasks.clock import now
from tasks.goal import goal
from tasks.notify import deliver
from tasks.probes import smoke
from tasks.site import Run, open_store
from tasks.store import lease, ledger, outbox, rollouts
from tasks.store.database import Store
from tasks.store.lease import Lease
from tasks.store.rollouts import Attempt
from tasks.targets import connect, undo_command

# An operator's lease is short: the way back is one write.
_TTL_S = 60.0
# Users wait for the way back, not for a database.
_STORE_PATIENCE_S = 2.0
# Somebody who writes at the same moment is written over; more often than this, people have to talk.
_TRIES = 3
_UNSEEN = Verdict(Outcome.INCONCLUSIVE, "nobody looked")


@dataclass(frozen=True, slots=True)
class Taken:
    """The lease an operator took, and the rollout it was taken from."""

    lease: Lease
    attempt: Attempt | None

    @property
    def rollout(self) -> str:
        """Return the id under which this way back is recorded."""
        return f"{self.lease.key}/rollback/{self.lease.fence}"


@dataclass(slots=True)
class WentBack:
    """What the way back did: `seconds` from the call to traffic read back, `notes` what could not be done besides.

    `seen` is what the public address's checks showed afterwards, `stopped` the rollout that was at work.
    """

    was: Traffic
    now: Traffic
    seconds: float = 0.0
    seen: Verdict = _UNSEEN
    stopped: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def moved(self) -> bool:
        """Return whether users had to be moved at all."""
        return self.was != self.now


class NotBack(RollbackFailed):
    """The way back failed; `was` is what users have, as far as that could be seen, `command` what to type by hand."""

    def __init__(self, message: str, was: Traffic | None = None, command: str = "") -> None:
        super().__init__(message)
        self.was = was
        self.command = command


async def roll_back(service: str, environment: str, to: str, reason: str, run: Run) -> WentBack:
    """Put all user traffic on `to`, or on what was good before; returns once that was read back.

    `to` is a revision's name, or a part of it such as a version. NotNow when there is no way back, NotBack when it
    could not be gone.
    """
    began = time.monotonic()
    found = settings.load(service)
    place = settings.environment(found, environment)
    target = connect(place.place, place.plan)
    try:
        live = await _look(target, place)
        went = WentBack(live.traffic, live.traffic)
        async with _store(went) as store:
            taken, past = await _take(store, place, run, went)
            try:
                # What its owner wrote until it lost the lease is ours to undo, so it is looked at again.
                live = await _look(target, place) if went.stopped else live
                live = await _shift(target, place, goal(place.key, live, past, to), live)
                went.seconds = time.monotonic() - began
                went.now, went.seen = live.traffic, smoke_verdict(await smoke(place.checks, Address(live.url)))
                await _keep(store, place, taken, went, reason)
            finally:
                await _give_back(store, taken, went)
        return went
    finally:
        await target.close()


async def _look(target: Target, place: Environment) -> Live:
    try:
        return await target.live()
    except TargetError as problem:
        raise NotBack(f"{place.key} cannot be looked at: {problem}") from problem


async def _shift(target: Target, place: Environment, wanted: Traffic, live: Live) -> Live:
    """Write the traffic; where somebody wrote in between, on top of that: an operator's word is the last."""
    for tried in range(1, _TRIES + 1):
        try:
            return await target.shift(wanted, None, live)
        except Interfered as problem:
            if tried == _TRIES:
                raise _not_back(place, live, wanted, problem) from problem
            live = await _look(target, place)
        except TargetError as problem:
            raise _not_back(place, live, wanted, problem) from problem
    raise AssertionError("unreachable: the last try returns or raises")


def _not_back(place: Environment, live: Live, wanted: Traffic, problem: TargetError) -> NotBack:
    return NotBack(str(problem), live.traffic, undo_command(place.place, wanted))


@asynccontextmanager
async def _store(went: WentBack) -> AsyncIterator[Store | None]:
    """Open the store, if it can be opened: it is not needed to go back."""
    opening = open_store(_STORE_PATIENCE_S)
    try:
        store = await opening.__aenter__()
    except Exception as problem:  # whatever is wrong with it, users come first
        went.notes.append(f"store: {problem}; what was done here is not in the ledger")
        yield None
        return
    try:
        yield store
    finally:
        await opening.__aexit__(None, None, None)


async def _take(
    store: Store | None, place: Environment, run: Run, went: WentBack
) -> tuple[Taken | None, Sequence[Attempt]]:
    """Take the lease from whoever has it, so that a rollout at work stops; return the place's rollouts as well."""
    if store is None:
        return None, ()
    try:
        held = await store.run(lease.seize, place.key, run.id, now(), ttl_s=_TTL_S, link=run.url)
        past = await store.run(rollouts.history, place.key, limit=50)
    except SurefootError as problem:  # it went away after it was opened: users come first
        went.notes.append(f"store: {problem}; what was done here is not in the ledger")
        return None, ()
    opened = next((attempt for attempt in past if attempt.ended_at is None), None)
    if opened:
        went.stopped = f"the rollout of {opened.release.short}, at {opened.percent} %"
    return Taken(held, opened), past


async def _give_back(store: Store | None, taken: Taken | None, went: WentBack) -> None:
    """Let go of the place, however it went: what is left to do there is the watchdog's."""
    if store is None or taken is None:
        return
    try:
        await store.run(lease.release, taken.lease)
    except SurefootError as problem:
        went.notes.append(f"store: {problem}; the place is free again in {_TTL_S:.0f} s")


async def _keep(store: Store | None, place: Environment, taken: Taken | None, went: WentBack, reason: str) -> None:
    """Write down what was done and tell people; neither can undo it."""
    if store is None or taken is None:
        return
    try:
        await store.run(_record, place, taken, went, reason)
        if place.slack is not None and (problem := await deliver(store, place.slack)):
            went.notes.append(f"slack: {problem}; the notice is kept and will be sent")
    except SurefootError as problem:
        went.notes.append(f"store: {problem}")


def _record(connection: Connection, place: Environment, taken: Taken, went: WentBack, reason: str) -> None:
    """Leave a rollout that was put back: the one at work, or one that stands for the last good one's end."""
    fields = {"from": str(went.was), "to": str(went.now), "reason": reason, "seen": str(went.seen)}
    ledger.append(connection, "rolled back by a person", place.key, fields, now(), rollout=taken.rollout)
    who = "a person" if taken.lease.link else taken.lease.holder
    said = f"by {who}: {reason}" if reason else f"by {who}"
    attempt, percent = taken.attempt, taken.attempt.percent if taken.attempt else 100
    if attempt is not None:
        rollouts.end(connection, attempt.id, Phase.PUT_BACK, now(), fence=taken.lease.fence, reason=said)
    elif not went.moved:
        return
    if attempt is None or attempt.before != went.now:
        last = attempt or next(iter(rollouts.history(connection, place.key, limit=1)), None)
        if last is None:
            went.notes.append("store: nothing was released from here before, so this way back is in its ledger only")
            return
        attempt = rollouts.begin(connection, _stand_in(last, taken, went))
        rollouts.end(connection, attempt.id, Phase.PUT_BACK, now(), fence=taken.lease.fence, reason=said)
    if place.slack is not None:
        told = _notice(place, attempt, percent, went, said)
        outbox.enqueue(connection, place.slack.channel, told, now())


def _stand_in(last: Attempt, taken: Taken, went: WentBack) -> Attempt:
    moment = now()
    return replace(
        last,
        id=taken.rollout,
        run_id=taken.lease.holder,
        run_url=taken.lease.link,
        before=went.now,
        canary=went.was.main,
        fence=taken.lease.fence,
        began_at=moment,
        changed_at=moment,
        phase=Phase.STAGING,
        percent=0,
        reason="",
        ended_at=None,
    )


def _notice(place: Environment, attempt: Attempt, percent: int, went: WentBack, said: str) -> notice.Notice:
    subject = notice.Subject(
        id=attempt.id,
        release=attempt.release,
        environment=place.name,
        run_url=attempt.run_url,
        mention=place.slack.mention if place.slack else "",
    )
    again = f"surefoot deploy {place.service} {place.name} --image {attempt.release.image}"
    seen = f"{went.now}, read back; {went.seen.reason}"
    return notice.put_back(subject, now(), percent=percent, reason=said, seconds=went.seconds, again=again, seen=seen)
