"""What was intended, done and seen: only ever added to, each entry hashed together with all before it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Text, insert, select, type_coerce

from surefoot import audit
from surefoot.audit import GENESIS, Audit, Head
from tasks.store.schema import ledger, utc

_NAMES = ("seq", "kind", "key", "rollout", "action")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `action` is the same for an intent and its result; it and `rollout` are empty where there is none."""

    seq: int
    at: datetime
    kind: str
    key: str
    rollout: str
    action: str
    fields: Mapping[str, Any]
    hash: str


def append(
    connection: Connection,
    kind: str,
    key: str,
    fields: Mapping[str, Any],
    now: datetime,
    *,
    rollout: str = "",
    action: str = "",
) -> Entry:
    """Add one entry; `fields` is what JSON can say, times and dataclasses included. Never put a secret in."""
    last = head(connection)
    names: dict[str, Any] = {"seq": last.size + 1, "kind": kind, "key": key, "rollout": rollout, "action": action}
    entry = audit.canonical({**names, "at": utc(now), "fields": fields})
    found = audit.link(last.hash, entry)
    connection.execute(insert(ledger).values(**names, at=now, entry=entry, hash=found))
    return Entry(**names, at=now, fields=json.loads(entry)["fields"], hash=found)


def intend(
    connection: Connection, what: str, key: str, fields: Mapping[str, Any], now: datetime, *, rollout: str
) -> str:
    """Write down what is about to be done to a cloud, before it is; return the action's id for `conclude`."""
    action = f"{rollout}/{head(connection).size + 1}"
    append(connection, f"{what}: intended", key, fields, now, rollout=rollout, action=action)
    return action


def conclude(connection: Connection, action: str, outcome: str, fields: Mapping[str, Any], now: datetime) -> Entry:
    """Write down what became of an action: `done`, `failed`, `given up` or what fits. Again, it changes nothing."""
    mine = select(ledger).where(ledger.c.action == action)
    known = [_entry(row) for row in connection.execute(mine.order_by(ledger.c.seq)).mappings()]
    if not known:
        raise ValueError(f"no action {action!r} was intended")
    if len(known) > 1:
        return known[-1]
    what = known[0].kind.removesuffix(": intended")
    return append(connection, f"{what}: {outcome}", known[0].key, fields, now, rollout=known[0].rollout, action=action)


def unconcluded(connection: Connection, rollout: str) -> list[Entry]:
    """Return the intents of a rollout that have no result: what a crash may have left half done."""
    entries = [entry for entry in of_rollout(connection, rollout) if entry.action]
    actions = [entry.action for entry in entries]
    return [entry for entry in entries if actions.count(entry.action) == 1]


def of_rollout(connection: Connection, rollout: str) -> list[Entry]:
    """Return all entries of a rollout, the oldest first."""
    mine = select(ledger).where(ledger.c.rollout == rollout).order_by(ledger.c.seq)
    return [_entry(row) for row in connection.execute(mine).mappings()]


def head(connection: Connection) -> Head:
    """Return how far the ledger goes; worth keeping where its writers cannot change it."""
    last = connection.execute(select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)).first()
    return Head(0, GENESIS) if last is None else Head(last.seq, last.hash)


def verify(connection: Connection, heads: Collection[Head] = ()) -> Audit:
    """Look through the whole ledger, and hold it against heads that were kept elsewhere."""
    # The texts as they are: what was tampered with need not be a time any more.
    columns = (*(ledger.c[name] for name in _NAMES), type_coerce(ledger.c.at, Text).label("at"))
    rows = connection.execute(select(*columns, ledger.c.entry, ledger.c.hash).order_by(ledger.c.seq)).mappings().all()
    found = audit.audit(((row["entry"], row["hash"]) for row in rows), heads)
    for row in () if found.problem else rows:
        said = json.loads(row["entry"])
        if any(said[name] != row[name] for name in (*_NAMES, "at")):
            return Audit(Head(0, GENESIS), f"entry {row['seq']} is filed under other names than it bears")
    return found


def _entry(row: RowMapping) -> Entry:
    return Entry(**{name: row[name] for name in (*_NAMES, "at", "hash")}, fields=json.loads(row["entry"])["fields"])
