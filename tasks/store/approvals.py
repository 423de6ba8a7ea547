"""What people were asked, exactly, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from surefoot.errors import NotNow
from tasks.store.schema import approvals


class ApprovalState(StrEnum):
    """What became of a question: only `approved` opens the way, once, for the run that asked."""

    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    SPENT = "spent"


_CLOSERS = (ApprovalState.TIMED_OUT, ApprovalState.CANCELLED, ApprovalState.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """One question to people: `shown` is what they saw, `plan_hash` what their answer is bound to."""

    id: str
    key: str
    release_id: str
    run_id: str
    run_url: str
    plan_hash: str
    shown: Mapping[str, Any]
    state: ApprovalState
    asked_at: datetime
    until: datetime
    by: str
    comment: str
    changed_at: datetime


def ask(
    connection: Connection,
    *,
    key: str,
    release_id: str,
    run_id: str,
    plan_hash: str,
    shown: Mapping[str, Any],
    until: datetime,
    now: datetime,
    run_url: str = "",
) -> ApprovalRecord:
    """Return the question of this run about this plan, as it stands when it was asked before.

    The same run's open or approved question about another plan is superseded: what was shown has changed.
    """
    mine = approvals.c.run_id == run_id
    still = approvals.c.state != ApprovalState.SUPERSEDED
    known = _first(connection, mine & still & (approvals.c.plan_hash == plan_hash))
    if known is not None:
        return known
    standing = approvals.c.state.in_((ApprovalState.ASKED, ApprovalState.APPROVED))
    connection.execute(update(approvals).where(mine & standing).values(state=ApprovalState.SUPERSEDED, changed_at=now))
    record = ApprovalRecord(
        uuid4().hex, key, release_id, run_id, run_url, plan_hash, shown, ApprovalState.ASKED, now, until, "", "", now
    )
    connection.execute(insert(approvals).values(**{name: getattr(record, name) for name in ApprovalRecord.__slots__}))
    return record


def answer(
    connection: Connection, approval: str, *, approve: bool, by: str, comment: str, now: datetime
) -> ApprovalRecord:
    """Write down a person's answer. Too late is a no: the question is timed out. NotNow when another answer stands."""
    known = _known(connection, approval)
    wanted = ApprovalState.APPROVED if approve else ApprovalState.REFUSED
    if (known.state, known.by) == (wanted, by):
        return known
    if known.state is not ApprovalState.ASKED:
        raise NotNow(f"{known.key}: the question is {known.state} since {known.changed_at:%H:%M:%S} UTC, by {known.by}")
    if now > known.until:
        return close(connection, approval, ApprovalState.TIMED_OUT, now)
    return _move(connection, approval, {"state": wanted, "by": by, "comment": comment}, now)


def close(connection: Connection, approval: str, how: ApprovalState, now: datetime) -> ApprovalRecord:
    """End a question nobody will act on: timed out, cancelled or superseded; one that has ended stays so."""
    if how not in _CLOSERS:
        raise ValueError(f"a question is not closed by being {how}")
    known = _known(connection, approval)
    if known.state not in (ApprovalState.ASKED, ApprovalState.APPROVED):
        return known
    return _move(connection, approval, {"state": how}, now)


def spend(connection: Connection, approval: str, run_id: str, plan_hash: str, now: datetime) -> ApprovalRecord:
    """Use a yes, once, in the same transaction as the ledger's intent; the same run may come again after a crash.

    NotNow when it is not a yes, or was given to another run or another plan.
    """
    known = _known(connection, approval)
    if (known.run_id, known.plan_hash) != (run_id, plan_hash):
        raise NotNow(f"{known.key}: the yes was for plan {known.plan_hash[:8]}, not {plan_hash[:8]}; ask again")
    if known.state is ApprovalState.SPENT:
        return known
    if known.state is not ApprovalState.APPROVED:
        raise NotNow(f"{known.key}: the question is {known.state}; only a yes opens the way")
    return _move(connection, approval, {"state": ApprovalState.SPENT}, now)


def waiting(connection: Connection, key: str | None = None) -> list[ApprovalRecord]:
    """Return the questions nobody has answered yet, the oldest first."""
    unanswered = select(approvals).where(approvals.c.state == ApprovalState.ASKED).order_by(approvals.c.seq)
    if key is not None:
        unanswered = unanswered.where(approvals.c.key == key)
    return [_record(row) for row in connection.execute(unanswered).mappings()]


def standing(connection: Connection, key: str) -> list[ApprovalRecord]:
    """Return the questions of a place that are open, or answered with a yes that nobody has used yet."""
    wanted = approvals.c.state.in_((ApprovalState.ASKED, ApprovalState.APPROVED)) & (approvals.c.key == key)
    rows = connection.execute(select(approvals).where(wanted).order_by(approvals.c.seq)).mappings()
    return [_record(row) for row in rows]


def of_run(connection: Connection, run_id: str) -> list[ApprovalRecord]:
    """Return every question that a run has asked, the oldest first."""
    rows = connection.execute(select(approvals).where(approvals.c.run_id == run_id).order_by(approvals.c.seq))
    return [_record(row) for row in rows.mappings()]


def valid(connection: Connection, run_id: str, plan_hash: str) -> ApprovalRecord | None:
    """Return the yes that this run has for exactly this plan, unspent or spent by itself."""
    said_yes = approvals.c.state.in_((ApprovalState.APPROVED, ApprovalState.SPENT))
    return _first(connection, said_yes & (approvals.c.run_id == run_id) & (approvals.c.plan_hash == plan_hash))


def find(connection: Connection, approval: str) -> ApprovalRecord | None:
    """Return a question by its id."""
    return _first(connection, approvals.c.id == approval)


def _known(connection: Connection, approval: str) -> ApprovalRecord:
    known = find(connection, approval)
    if known is None:
        raise NotNow(f"no question {approval!r} was asked here")
    return known


def _first(connection: Connection, where: ColumnElement[bool]) -> ApprovalRecord | None:
    row = connection.execute(select(approvals).where(where).order_by(approvals.c.seq.desc())).mappings().first()
    return None if row is None else _record(row)


def _move(connection: Connection, approval: str, values: Mapping[str, Any], now: datetime) -> ApprovalRecord:
    connection.execute(update(approvals).where(approvals.c.id == approval).values(**values, changed_at=now))
    return _known(connection, approval)


def _record(row: RowMapping) -> ApprovalRecord:
    values = {name: row[name] for name in ApprovalRecord.__slots__}
    return ApprovalRecord(**{**values, "state": ApprovalState(row["state"])})
