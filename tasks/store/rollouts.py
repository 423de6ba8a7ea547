"""Where each rollout stands, one row an attempt: a projection that moves; the ledger is the record that does not."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from surefoot.errors import NotNow
from surefoot.release import Release
from surefoot.rollout import Phase
from surefoot.traffic import Traffic
from tasks.store.lease import HeldBy, holder_of
from tasks.store.releases import read_release
from tasks.store.schema import rollouts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rollout of one release in one place: `before` is the way back, `canary` the revision on its way."""

    id: str
    key: str
    release: Release
    run_id: str
    run_url: str
    before: Traffic
    canary: str
    fence: int
    began_at: datetime
    changed_at: datetime
    phase: Phase = Phase.STAGING
    percent: int = 0
    reason: str = ""
    ended_at: datetime | None = None


def begin(connection: Connection, attempt: Attempt) -> Attempt:
    """Open a rollout; again under its own id, it goes on as it stood. NotNow while another is open in its place."""
    known = find(connection, attempt.id)
    if known is not None:
        return known
    open_here = [other for other in open_rollouts(connection) if other.key == attempt.key]
    if open_here:
        raise NotNow(
            f"{attempt.key}: the rollout of {open_here[0].release.short} is open at {open_here[0].percent} %, "
            f"since {open_here[0].began_at:%H:%M:%S} UTC; see {open_here[0].run_url or 'surefoot watch'}"
        )
    connection.execute(insert(rollouts).values(**_values(attempt)))
    return attempt


def advance(
    connection: Connection, rollout: str, phase: Phase, percent: int, now: datetime, *, fence: int, reason: str = ""
) -> Attempt:
    """Write where a rollout stands; NotNow after its end, HeldBy for whoever's `fence` is not the newest any more."""
    known = _mine(connection, rollout, fence)
    if known.ended_at is not None:
        raise NotNow(f"{known.key}: the rollout of {known.release.short} has ended already: {known.phase}")
    return _move(connection, known, {"phase": phase, "percent": percent, "reason": reason, "fence": fence}, now)


def end(connection: Connection, rollout: str, phase: Phase, now: datetime, *, fence: int, reason: str = "") -> Attempt:
    """Close a rollout for good; only `not put back` may still become `put back`. Again, it changes nothing.

    HeldBy for whoever's `fence` is not the newest any more, NotNow for another end.
    """
    known = _mine(connection, rollout, fence)
    if known.phase is phase:
        return known
    if not phase.ended:
        raise ValueError(f"{phase} is not an end")
    if known.ended_at is not None and (known.phase, phase) != (Phase.NOT_PUT_BACK, Phase.PUT_BACK):
        raise NotNow(f"{known.key}: the rollout of {known.release.short} has ended already: {known.phase}")
    percent = {Phase.PROMOTED: 100, Phase.NOT_PUT_BACK: known.percent}.get(phase, 0)
    values = {"phase": phase, "percent": percent, "reason": reason, "fence": fence, "ended_at": now}
    return _move(connection, known, values, now)


def find(connection: Connection, rollout: str) -> Attempt | None:
    """Return a rollout by its id."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout)).mappings().first()
    return None if row is None else _attempt(row)


def open_rollouts(connection: Connection) -> list[Attempt]:
    """Return every rollout that has not ended, the oldest first."""
    unended = select(rollouts).where(rollouts.c.ended_at.is_(None)).order_by(rollouts.c.seq)
    return [_attempt(row) for row in connection.execute(unended).mappings()]


def last_promoted(connection: Connection, key: str) -> Attempt | None:
    """Return the rollout that last reached its goal in a place."""
    good = (rollouts.c.key == key) & (rollouts.c.phase == Phase.PROMOTED)
    row = connection.execute(select(rollouts).where(good).order_by(rollouts.c.seq.desc())).mappings().first()
    return None if row is None else _attempt(row)


def history(
    connection: Connection, key: str | None = None, since: datetime | None = None, limit: int = 20
) -> list[Attempt]:
    """Return rollouts, the newest first: of one place or all, begun `since` or ever."""
    wanted = select(rollouts).order_by(rollouts.c.seq.desc()).limit(limit)
    if key is not None:
        wanted = wanted.where(rollouts.c.key == key)
    if since is not None:
        wanted = wanted.where(rollouts.c.began_at >= since)
    return [_attempt(row) for row in connection.execute(wanted).mappings()]


def _mine(connection: Connection, rollout: str, fence: int) -> Attempt:
    known = find(connection, rollout)
    if known is None:
        raise NotNow(f"no rollout {rollout!r} was begun here")
    holder = holder_of(connection, known.key)
    newest = max(known.fence, holder.fence if holder else 0)
    if fence < newest:
        raise HeldBy(
            f"{known.key}: number {fence} was overtaken by {newest}"
            f"{f', held by {holder.holder}' if holder else ''}; nothing was written",
            holder,
        )
    return known


def _move(connection: Connection, known: Attempt, values: Mapping[str, Any], now: datetime) -> Attempt:
    connection.execute(update(rollouts).where(rollouts.c.id == known.id).values(**values, changed_at=now))
    moved = find(connection, known.id)
    assert moved is not None  # its row was written in this very transaction
    return moved


def _values(attempt: Attempt) -> dict[str, Any]:
    values = {name: getattr(attempt, name) for name in Attempt.__slots__}
    release = attempt.release
    names = {"release_id": release.id, "version": release.version, "commit_sha": release.commit}
    return {**values, **names, "release": asdict(release), "before": dict(attempt.before.shares)}


def _attempt(row: RowMapping) -> Attempt:
    values = {name: row[name] for name in Attempt.__slots__}
    values["release"] = read_release(row["release"])
    values["before"] = Traffic.of(row["before"])
    values["phase"] = Phase(row["phase"])
    return Attempt(**values)
