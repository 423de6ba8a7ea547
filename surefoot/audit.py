"""The hash chain: each entry's hash covers its exact bytes and all that came before.

The chain alone shows careless edits. Whoever can write the database can also recompute it, so a head (how many entries,
which hash) belongs where they cannot write, too; `audit` holds today's chain against every such head.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Any

# What the first entry follows.
GENESIS = hashlib.sha256(b"surefoot ledger, format 1").hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain goes: `size` entries, the last of which has `hash` (64 hexadecimal digits)."""

    size: int
    hash: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What looking through a chain found: the head up to which it holds, and what is wrong after it (or nothing)."""

    head: Head
    problem: str = ""


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return the one ASCII JSON text of an object: sorted keys, no spaces, times in UTC; ValueError for NaN.

    TypeError for what JSON has no word for.
    """
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def digest(fields: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an object's canonical text: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(fields)).hexdigest()


def link(previous: str, entry: bytes) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + entry).hexdigest()


def audit(entries: Iterable[tuple[bytes, str]], heads: Collection[Head] = ()) -> Audit:
    """Look through a chain of (bytes, recorded hash) from its first entry on, and at `heads` kept elsewhere."""
    kept = {head.size: head.hash for head in heads}
    head = Head(0, GENESIS)
    for entry, recorded in entries:
        found = Head(head.size + 1, link(head.hash, entry))
        if found.hash != recorded:
            return Audit(head, f"entry {found.size} is not what was written, or one before it is missing")
        if kept.pop(found.size, found.hash) != found.hash:
            return Audit(head, f"entry {found.size} or one before it was rewritten since its head was kept elsewhere")
        head = found
    if missing := max((size for size in kept if size > head.size), default=0):
        return Audit(head, f"the chain ends after {head.size} entries; a head kept elsewhere has {missing}")
    return Audit(head)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be written to the ledger; write its text or its numbers")
