"""Where everything stands, by one SELECT through the plain driver: for commands typed at 3 a.m."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from surefoot.errors import ConfigError, SurefootError

_COLUMNS = (
    "key, rollout, release_id, version, commit_sha, phase, percent, reason, began_at, changed_at, ended_at, run_url, "
    "stable_release, stable_version, waiting_release, waiting_url, waiting_until, lease_holder, lease_until"
)
_SELECT = f"SELECT {_COLUMNS} FROM current ORDER BY key"  # noqa: S608 (its own words)
_PATIENCE_S = 5


@dataclass(frozen=True, slots=True)
class Current:
    """One place: its latest rollout (all empty before the first), what was promoted last, who is waited for."""

    service: str
    environment: str
    rollout: str
    release: str
    version: str
    commit: str
    phase: str
    percent: int
    reason: str
    began: datetime | None
    since: datetime | None
    ended: datetime | None
    run_url: str
    stable_release: str
    stable_version: str
    waiting_release: str
    waiting_url: str
    waiting_until: datetime | None
    lease_holder: str
    lease_until: datetime | None


def current(url: str) -> list[Current]:
    """Return every place there is; none when the store was never written. SurefootError when it does not answer."""
    if url.startswith("postgres"):
        return [_current(row) for row in _from_postgres(url)]
    path = Path(url.removeprefix("sqlite:///")).expanduser()
    return [_current(row) for row in _from_sqlite(path)] if path.exists() else []


def _from_sqlite(path: Path) -> list[Mapping[str, Any]]:
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)
        ) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'current'").fetchone():
                return []
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(_SELECT)]
    except sqlite3.Error as problem:
        raise SurefootError(f"the store {path} cannot be read: {problem}") from problem


def _from_postgres(url: str) -> list[Mapping[str, Any]]:
    # Slow to import, and most stores are SQLite.
    import psycopg  # noqa: PLC0415
    from psycopg.rows import dict_row  # noqa: PLC0415

    scheme, _, rest = url.partition("://")
    options = f"-c statement_timeout={_PATIENCE_S * 1000}"
    try:
        with psycopg.connect(
            f"{scheme.partition('+')[0]}://{rest}", connect_timeout=_PATIENCE_S, options=options, row_factory=dict_row
        ) as connection:
            return list(connection.execute(_SELECT))
    except psycopg.errors.UndefinedTable:
        return []
    except psycopg.ProgrammingError as problem:
        raise ConfigError(f"SUREFOOT_STORE is not an address PostgreSQL takes ({type(problem).__name__})") from None
    except psycopg.Error as problem:
        # The driver's own words may hold the address, and the address a password.
        raise SurefootError(
            f"the store on PostgreSQL cannot be read ({type(problem).__name__}); see that it runs"
        ) from None


def _current(row: Mapping[str, Any]) -> Current:
    service, _, environment = row["key"].partition("/")
    texts = {name: value or "" for name, value in row.items()}
    return Current(
        service,
        environment,
        texts["rollout"],
        texts["release_id"],
        texts["version"],
        texts["commit_sha"],
        texts["phase"],
        row["percent"] or 0,
        texts["reason"],
        _moment(row["began_at"]),
        _moment(row["changed_at"]),
        _moment(row["ended_at"]),
        texts["run_url"],
        texts["stable_release"],
        texts["stable_version"],
        texts["waiting_release"],
        texts["waiting_url"],
        _moment(row["waiting_until"]),
        texts["lease_holder"],
        _moment(row["lease_until"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
