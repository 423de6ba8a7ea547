"""The operator's way back: needs target and service file only. Store, Slack and probes help where they are there."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from surefoot import notice
from surefoot.check import smoke_verdict
from surefoot.errors import NotNow, SurefootError
from surefoot.rollout import Phase
from surefoot.service import Environment
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks import settings
from tasks.clock import now
from tasks.notify import deliver
from tasks.probes import smoke
from tasks.rollout import left_behind
from tasks.site import Run, open_store
from tasks.store import lease, ledger, outbox, rollouts
from tasks.store.database import Store
from tasks.store.lease import Lease
from tasks.store.rollouts import Attempt
from tasks.targets import connect

# An operator's lease is short: the way back is one write.
_TTL_S = 60.0
# Users wait for the way back, not for a database.
_STORE_PATIENCE_S = 2.0


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
    """What the way back did: `seconds` from the call to traffic read back, `notes` what could not be done besides."""

    was: Traffic
    now: Traffic
    seconds: float = 0.0
    seen: str = ""
    stopped: str = ""
    notes: list[str] = field(default_factory=list)


async def roll_back(service: str, environment: str, to: str, reason: str, run: Run) -> WentBack:
    """Put all user traffic on `to`, or on what was good before; returns once that was read back.

    `to` is a revision's name, or a part of it such as a version. NotNow when there is no way back.
    """
    began = time.monotonic()
    found = settings.load(service)
    place = settings.environment(found, environment)
    target = connect(place.place)
    try:
        live = await target.live()
        went = WentBack(live.traffic, live.traffic)
        async with _store(went) as store:
            taken = await _take(store, place, run, went)
            went.now = await _goal(store, place, live, to)
            live = await target.shift(went.now, None, live)
            went.seconds = time.monotonic() - began
            went.now, went.seen = live.traffic, smoke_verdict(await smoke(place.checks, live.url)).reason
            await _keep(store, place, taken, went, reason)
        return went
    finally:
        await target.close()


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


async def _take(store: Store | None, place: Environment, run: Run, went: WentBack) -> Taken | None:
    """Take the lease from whoever has it, so that a rollout at work stops."""
    if store is None:
        return None
    held = await store.run(lease.seize, place.key, run.id, now(), ttl_s=_TTL_S, link=run.url)
    opened = [attempt for attempt in await store.run(rollouts.open_rollouts) if attempt.key == place.key]
    if opened:
        went.stopped = f"the rollout of {opened[0].release.short}, at {opened[0].percent} %"
    return Taken(held, opened[0] if opened else None)


async def _goal(store: Store | None, place: Environment, live: Live, to: str) -> Traffic:
    """Return where to go: the revision asked for, else the mark's way back, else what the ledger knows, else the last.

    Revisions are listed with the newest first.
    """
    if to:
        named = [name for name in live.revisions if name == to] or [name for name in live.revisions if to in name]
        if len(named) != 1 or not live.revisions[named[0]].ready:
            known = ", ".join(name for name, revision in live.revisions.items() if revision.ready)
            raise NotNow(f"{place.key}: {to!r} is not one revision that is ready; there are {known}")
        return Traffic.all_on(named[0])
    if live.mark is not None:
        return live.mark.stable
    if store is not None and (known_good := await _before_the_last(store, place.key, live)):
        return known_good
    ready = [name for name, revision in live.revisions.items() if revision.ready]
    after = ready[ready.index(live.traffic.main) + 1 :] if live.traffic.main in ready else ready
    if not after:
        raise NotNow(f"{place.key}: there is no older revision that is ready; name one with --to")
    return Traffic.all_on(after[0])


async def _before_the_last(store: Store, key: str, live: Live) -> Traffic | None:
    for attempt in await store.run(rollouts.history, key, limit=50):
        if attempt.phase is Phase.PROMOTED and left_behind(attempt) == live.traffic:
            ready = all(name in live.revisions and live.revisions[name].ready for name, _ in attempt.before.shares)
            return attempt.before if ready else None
    return None


async def _keep(store: Store | None, place: Environment, taken: Taken | None, went: WentBack, reason: str) -> None:
    """Write down what was done and tell people; neither can undo it."""
    if store is None or taken is None:
        return
    try:
        await store.run(_record, place, taken, went, reason)
        await store.run(lease.release, taken.lease)
        if place.slack is not None:
            await deliver(store, place.slack)
    except SurefootError as problem:
        went.notes.append(f"store: {problem}")


def _record(connection: Connection, place: Environment, taken: Taken, went: WentBack, reason: str) -> None:
    """Leave a rollout that was put back: the one at work, or one that stands for the last good one's end."""
    fields = {"from": str(went.was), "to": str(went.now), "reason": reason, "seen": went.seen}
    ledger.append(connection, "rolled back by a person", place.key, fields, now(), rollout=taken.rollout)
    said = f"by a person: {reason}" if reason else "by a person"
    attempt, percent = taken.attempt, taken.attempt.percent if taken.attempt else 100
    if attempt is not None:
        rollouts.end(connection, attempt.id, Phase.PUT_BACK, now(), fence=taken.lease.fence, reason=said)
    if attempt is None or attempt.before != went.now:
        last = attempt or next(iter(rollouts.history(connection, place.key, limit=1)), None)
        if last is None:
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
    seen = f"{went.now}, read back; {went.seen}"
    return notice.put_back(subject, now(), percent=percent, reason=said, seconds=went.seconds, again=again, seen=seen)
