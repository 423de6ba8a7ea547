"""What was intended, done and seen: only ever added to, each entry hashed together with all before it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from surefoot import audit
from surefoot.audit import GENESIS, Audit, Head
from tasks.store.schema import ledger


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `action` is the same for an intent and its result, `rollout` and `action` are empty where there is none."""

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
    seq = last.size + 1
    document = {"seq": seq, "at": now, "kind": kind, "key": key, "rollout": rollout, "action": action, "fields": fields}
    entry = audit.canonical(document)
    names = {"seq": seq, "at": now, "kind": kind, "key": key, "rollout": rollout, "action": action}
    connection.execute(insert(ledger).values(**names, entry=entry, hash=audit.link(last.hash, entry)))
    return Entry(seq, now, kind, key, rollout, action, json.loads(entry)["fields"], audit.link(last.hash, entry))


def intend(
    connection: Connection, what: str, key: str, fields: Mapping[str, Any], now: datetime, *, rollout: str
) -> str:
    """Write down what is about to be done to a cloud, before it is; return the action's id for `conclude`."""
    action = f"{rollout}/{head(connection).size + 1}"
    append(connection, f"{what}: intended", key, fields, now, rollout=rollout, action=action)
    return action


def conclude(connection: Connection, action: str, outcome: str, fields: Mapping[str, Any], now: datetime) -> Entry:
    """Write down what became of an action: `done`, `failed`, `given up` or what fits. Again, it changes nothing."""
    known = [_entry(row) for row in connection.execute(select(ledger).where(ledger.c.action == action))]
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
    return [_entry(row) for row in connection.execute(mine)]


def head(connection: Connection) -> Head:
    """Return how far the ledger goes; worth keeping where its writers cannot change it."""
    last = connection.execute(select(ledger.c.seq, ledger.c.hash).order_by(ledger.c.seq.desc()).limit(1)).first()
    return Head(0, GENESIS) if last is None else Head(last.seq, last.hash)


def verify(connection: Connection, heads: Collection[Head] = ()) -> Audit:
    """Look through the whole ledger, and hold it against heads that were kept elsewhere."""
    rows = connection.execute(select(ledger).order_by(ledger.c.seq)).all()
    found = audit.audit(((row.entry, row.hash) for row in rows), heads)
    if not found.problem:
        for row in rows:
            if not _says_the_same(row):
                return Audit(Head(row.seq - 1, GENESIS), f"entry {row.seq} is filed under other names than it bears")
    return found


def _says_the_same(row: Row[Any]) -> bool:
    names = ("seq", "at", "kind", "key", "rollout", "action")
    said = json.loads(row.entry)
    return {**{name: said[name] for name in names}, "at": datetime.fromisoformat(said["at"])} == {
        name: row._mapping[name]
        for name in names  # noqa: SLF001
    }


def _entry(row: Row[Any]) -> Entry:
    fields = json.loads(row.entry)["fields"]
    return Entry(row.seq, row.at, row.kind, row.key, row.rollout, row.action, fields, row.hash)
