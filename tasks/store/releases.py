"""Which releases were asked for, in which order, and what staging has shown of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from surefoot.release import Commit, Image, Release
from tasks.store.schema import releases


@dataclass(frozen=True, slots=True)
class Asked:
    """A release somebody asked for in a place: `seq` is its turn. `evidence` is what verified it, None before that."""

    seq: int
    key: str
    release: Release
    run_id: str
    asked_at: datetime
    verified_at: datetime | None = None
    evidence: Mapping[str, Any] | None = None


def register(connection: Connection, key: str, release: Release, asked_at: datetime, run_id: str) -> int:
    """Return the release's turn in a place; the same run asking for the same release again gets the same."""
    mine = (releases.c.key == key) & (releases.c.release_id == release.id) & (releases.c.run_id == run_id)
    known = connection.scalar(select(releases.c.seq).where(mine))
    if known is not None:
        return int(known)
    values = {"key": key, "release_id": release.id, "run_id": run_id, "release": asdict(release), "asked_at": asked_at}
    return int(connection.execute(insert(releases).values(**values).returning(releases.c.seq)).scalar_one())


def newest(connection: Connection, key: str) -> Asked | None:
    """Return what was asked for last in a place, whatever order it was registered in: all others are superseded."""
    order = (releases.c.asked_at.desc(), releases.c.seq.desc())
    row = connection.execute(select(releases).where(releases.c.key == key).order_by(*order)).first()
    return None if row is None else _asked(row)


def find(connection: Connection, key: str, release_id: str) -> Asked | None:
    """Return a release by its id as it was last asked for in a place, the verified one first."""
    mine = (releases.c.key == key) & (releases.c.release_id == release_id)
    order = (releases.c.verified_at.is_(None), releases.c.seq.desc())
    row = connection.execute(select(releases).where(mine).order_by(*order)).first()
    return None if row is None else _asked(row)


def of_run(connection: Connection, key: str, run_id: str) -> Asked | None:
    """Return what a run asked for in a place."""
    mine = (releases.c.key == key) & (releases.c.run_id == run_id)
    row = connection.execute(select(releases).where(mine).order_by(releases.c.seq.desc())).first()
    return None if row is None else _asked(row)


def between(connection: Connection, key: str, after: str, upto: str) -> list[Release]:
    """Return what was asked for in a place after one release (from the start: "") up to another, the newest first."""
    mine = releases.c.key == key
    first, last = (
        connection.scalar(select(func.max(releases.c.seq)).where(mine & (releases.c.release_id == release)))
        for release in (after, upto)
    )
    wanted = mine & (releases.c.seq > (first or 0)) & (releases.c.seq <= (last or 0))
    rows = connection.execute(select(releases.c.release).where(wanted).order_by(releases.c.seq.desc()))
    return [read_release(row.release) for row in rows]


def with_image(connection: Connection, key: str, image: str) -> Asked | None:
    """Return what was last asked for in a place with an image (`repository@sha256:…`), the verified one first."""
    order = (releases.c.verified_at.is_(None), releases.c.seq.desc())
    rows = connection.execute(select(releases).where(releases.c.key == key).order_by(*order))
    return next((found for row in rows if str((found := _asked(row)).release.image) == image), None)


def verify(connection: Connection, key: str, seq: int, evidence: Mapping[str, Any], now: datetime) -> None:
    """Write down that a release was verified in a place and what was seen; what is written first stays."""
    unproven = (releases.c.key == key) & (releases.c.seq == seq) & releases.c.verified_at.is_(None)
    connection.execute(update(releases).where(unproven).values(verified_at=now, evidence=evidence))


def read_release(document: Mapping[str, Any]) -> Release:
    """Return the release of a stored document."""
    commits = tuple(Commit(**commit) for commit in document["commits"])
    return Release(**{**document, "image": Image(**document["image"]), "commits": commits})


def _asked(row: Row[Any]) -> Asked:
    return Asked(row.seq, row.key, read_release(row.release), row.run_id, row.asked_at, row.verified_at, row.evidence)
