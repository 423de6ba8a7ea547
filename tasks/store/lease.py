"""The right to write to one place: until a deadline, with a number that only ever grows."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, Update, exists, insert, select, update

from surefoot.errors import LeaseHeld
from tasks.store.schema import leases, rollouts


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of `holder` to write to `key` until `until`; a `fence` below the newest has lost it."""

    key: str
    holder: str
    fence: int
    since: datetime
    until: datetime
    link: str = ""


class HeldBy(LeaseHeld):
    """Somebody else has the right to write; `lease` is theirs (None: it was given back meanwhile)."""

    def __init__(self, message: str, lease: Lease | None) -> None:
        super().__init__(message)
        self.lease = lease


def acquire(connection: Connection, key: str, holder: str, now: datetime, *, ttl_s: float, link: str = "") -> Lease:
    """Take a place that nobody holds, or whose holder is gone and left nothing open; HeldBy otherwise.

    The same holder may take it again and gets a higher fence. An expired lease over an open rollout is left to
    `steal_expired`: whoever takes that has to bring the rollout to its end first.
    """
    held = holder_of(connection, key)
    if held and held.holder != holder and (held.until > now or _is_open(connection, key)):
        raise _held_by(held, now)
    return seize(connection, key, holder, now, ttl_s=ttl_s, link=link)


def steal_expired(
    connection: Connection, key: str, holder: str, now: datetime, *, ttl_s: float, link: str = ""
) -> Lease:
    """Take a place whose holder missed its deadline, whatever it left open; HeldBy while it has not."""
    held = holder_of(connection, key)
    if held and held.holder != holder and held.until > now:
        raise _held_by(held, now)
    return seize(connection, key, holder, now, ttl_s=ttl_s, link=link)


def seize(connection: Connection, key: str, holder: str, now: datetime, *, ttl_s: float, link: str = "") -> Lease:
    """Take a place whoever holds it: for the operator's rollback. The old holder's next `renew` fails."""
    last = connection.scalar(select(leases.c.fence).where(leases.c.key == key))
    lease = Lease(key, holder, (last or 0) + 1, now, now + timedelta(seconds=ttl_s), link)
    values = {name: getattr(lease, name) for name in Lease.__slots__}
    if last is None:
        connection.execute(insert(leases).values(**values))
    else:
        connection.execute(update(leases).where(leases.c.key == key).values(**values))
    return lease


def renew(connection: Connection, lease: Lease, now: datetime, ttl_s: float) -> Lease:
    """Return the lease with a later deadline; HeldBy when it was lost, however long ago that was."""
    renewed = replace(lease, until=now + timedelta(seconds=ttl_s))
    if connection.execute(_only(lease).values(until=renewed.until)).rowcount == 1:
        return renewed
    held = holder_of(connection, lease.key)
    if held is not None:
        raise _held_by(held, now)
    raise HeldBy(f"{lease.key} was given back meanwhile; nothing more is written under number {lease.fence}", None)


def release(connection: Connection, lease: Lease) -> None:
    """Give the place back; nothing happens when it was lost already. The number stays, so that it is never reused."""
    connection.execute(_only(lease).values(holder=None))


def holder_of(connection: Connection, key: str) -> Lease | None:
    """Return who holds a place, expired or not."""
    held = select(leases).where(leases.c.key == key, leases.c.holder.is_not(None))
    row = connection.execute(held).mappings().first()
    return None if row is None else _lease(row)


def expired(connection: Connection, now: datetime) -> list[Lease]:
    """Return the leases whose holder missed its deadline in the middle of a rollout, the longest ago first."""
    late = select(leases).where(leases.c.holder.is_not(None), leases.c.until <= now).order_by(leases.c.until)
    return [_lease(row) for row in connection.execute(late).mappings() if _is_open(connection, row["key"])]


def _is_open(connection: Connection, key: str) -> bool:
    return bool(connection.scalar(select(exists().where(rollouts.c.key == key, rollouts.c.ended_at.is_(None)))))


def _only(lease: Lease) -> Update:
    return update(leases).where(
        leases.c.key == lease.key, leases.c.fence == lease.fence, leases.c.holder == lease.holder
    )


def _lease(row: RowMapping) -> Lease:
    return Lease(**{name: row[name] for name in Lease.__slots__})


def _held_by(lease: Lease, now: datetime) -> HeldBy:
    at = f"{lease.holder} since {lease.since:%H:%M:%S} UTC"
    see = f", see {lease.link}" if lease.link else ""
    if lease.until > now:
        return HeldBy(f"{lease.key} is held by {at}, until {lease.until:%H:%M:%S} or longer{see}", lease)
    return HeldBy(
        f"{lease.key} was held by {at}, who went silent at {lease.until:%H:%M:%S} in the middle of a rollout{see}; "
        "the watchdog brings it to its end, or do so now: surefoot watchdog",
        lease,
    )
