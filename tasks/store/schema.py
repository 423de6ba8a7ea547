"""The tables, said once: `migrations/` brings a database here, a test holds the two together."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from surefoot.audit import canonical

# The newest file in migrations/versions.
VERSION = "0001"


def utc(moment: datetime) -> str:
    """Return a time as RFC 3339 text of one width; ValueError when nobody says in which time zone it is."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Moment(TypeDecorator[datetime]):
    """A time in UTC as RFC 3339 text of one width: sorts as time, reads the same in both databases and by eye."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text of a time."""
        return None if value is None else utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time of a text."""
        return None if value is None else datetime.fromisoformat(value)


class Words(TypeDecorator[str]):
    """Text from strangers: PostgreSQL takes neither a NUL nor half a character, and neither may stop a rollback."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text with what no database takes replaced."""
        return (
            None
            if value is None
            else value.encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")
        )


class Document(TypeDecorator[dict[str, Any]]):
    """A JSON object as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the canonical text of an object."""
        return None if value is None else canonical(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any] | None:  # noqa: ARG002
        """Return the object of a text."""
        if value is None:
            return None
        found: dict[str, Any] = json.loads(value)
        return found


metadata = MetaData()

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, index=True),
    Column("rollout", Text, nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("hash", Text, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("key", Text, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("holder", Words),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("link", Words, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("key", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("release", Document, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("verified_at", Moment),
    Column("evidence", Document),
    UniqueConstraint("key", "release_id", "run_id"),
    sqlite_autoincrement=True,
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("commit_sha", Text, nullable=False),
    Column("release", Document, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("run_url", Words, nullable=False),
    Column("before", Document, nullable=False),
    Column("canary", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("reason", Words, nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index(
        "one_open_rollout",
        "key",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

approvals = Table(
    "approvals",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False, index=True),
    Column("release_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("run_url", Words, nullable=False),
    Column("plan_hash", Text, nullable=False),
    Column("shown", Document, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("comment", Words, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("run_id", "plan_hash"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("notice", Document, nullable=False),
    Column("state", Text, nullable=False),
    Column("enqueued_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("problem", Words, nullable=False),
    Column("sent_at", Moment),
    Column("sent_channel", Text),
    Column("sent_ts", Text),
    Index("outbox_by_subject", "channel", "subject"),
    Index("outbox_waiting", "seq", sqlite_where=text("state = 'waiting'"), postgresql_where=text("state = 'waiting'")),
    sqlite_autoincrement=True,
)
