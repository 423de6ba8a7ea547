"""The one door to the database: whoever comes through it has a transaction, and is alone in it."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from surefoot.errors import ConfigError, NotNow, SurefootError
from tasks.store import schema

P = ParamSpec("P")
T = TypeVar("T")

# Any number will do as long as no other program takes the same lock in this database: "surefoot" on a telephone.
_POSTGRES_LOCK = 78733668


class StoreUnavailable(SurefootError):
    """The database did not answer in time, or has no tables; what was asked may or may not be written."""


class Store:
    """A database, opened. Transactions follow one another, also across processes and machines.

    SQLite has one writer anyway; on PostgreSQL an advisory lock gives the same order. So every function of the store
    may read, decide and write without thinking of anybody else, and a store of either kind behaves the same.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, patience_s: float = 10.0) -> "Store":
        """Open `sqlite:///path`, a bare path, or `postgresql://…`; nothing is asked of the database yet.

        `patience_s` is how long anything waits for others before it is StoreUnavailable.
        """
        where = _address(url)
        if where.get_backend_name() == "sqlite":
            return cls(_sqlite(where, patience_s))
        return cls(_postgres(where, patience_s))

    def __str__(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `work(connection, …)` from one transaction: all of it is written, or nothing.

        Who is cancelled meanwhile still waits for its end, so that what is written next is written after it.
        """
        transaction = asyncio.ensure_future(asyncio.to_thread(lambda: self.run_here(work, *args, **kwargs)))
        try:
            return await asyncio.shield(transaction)
        except asyncio.CancelledError:
            await asyncio.wait({transaction})
            transaction.exception()  # asked for, so that the event loop does not complain that nobody did
            raise

    def run_here(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what `run` does in this thread, for callers without an event loop."""
        try:
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_POSTGRES_LOCK)))
                return work(connection, *args, **kwargs)
        except IntegrityError:
            raise  # it answered, and said no: the functions of the store know what that means
        except SQLAlchemyError as problem:
            raise StoreUnavailable(
                f"the store {self} could not be used: {_first_line(problem)}; see that it runs, that SUREFOOT_STORE "
                "names it, and that its tables were made: surefoot up"
            ) from problem

    async def migrate(self) -> None:
        """Bring the tables to this version; NotNow while a rollout is open and there is something to change.

        ConfigError when a newer Surefoot has been here.
        """
        await self.run(_migrate)

    async def close(self) -> None:
        """Let go of connections."""
        await asyncio.to_thread(self._engine.dispose)


def _address(url: str) -> URL:
    if "://" not in url:
        return URL.create("sqlite", database=url)
    where = make_url(url)
    kind = where.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise ConfigError(f"a store is sqlite:///path or postgresql://…, not {kind}://…")
    if kind == "sqlite" and not where.database:
        raise ConfigError("a store in memory is gone with its process; write sqlite:///path")
    return where


def _sqlite(where: URL, patience_s: float) -> Engine:
    path = Path(where.database or "").expanduser()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by us before SQLite would, so that no moment exists in which others may read it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as problem:
        raise ConfigError(f"the store {path} cannot be made: {problem.strerror}; see SUREFOOT_STORE") from problem
    engine = create_engine(where.set(database=str(path)), poolclass=NullPool, connect_args={"timeout": patience_s})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late to keep two readers from both writing
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit survives the loss of power
    connection.execute("PRAGMA foreign_keys = ON")


def _postgres(where: URL, patience_s: float) -> Engine:
    patience_ms = round(patience_s * 1000)
    limits = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
    return create_engine(
        where.set(drivername="postgresql+psycopg"),
        pool_size=2,
        pool_pre_ping=True,
        pool_timeout=patience_s,
        connect_args={
            "options": " ".join(f"-c {limit}={patience_ms}" for limit in limits),
            "connect_timeout": max(2, min(5, round(patience_s))),
            "keepalives_idle": 5,
            "tcp_user_timeout": patience_ms,  # a network that went silent is not waited for
        },
    )


def _migrate(connection: Connection) -> None:
    found = _version(connection)
    if found == schema.VERSION:
        return
    if found > schema.VERSION:
        raise ConfigError(
            f"the store is at version {found}, this Surefoot knows {schema.VERSION}: "
            "a newer one wrote it; update this one"
        )
    if found and (still := connection.scalar(text("SELECT key FROM rollouts WHERE ended_at IS NULL"))):
        raise NotNow(
            f"the store is at version {found}, this Surefoot needs {schema.VERSION}, and a rollout on {still} is open; "
            "let it end, then try again"
        )
    # Alembic is slow to import, and nearly always there is nothing for it to do.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    command.upgrade(config, "head")


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")


def _first_line(problem: SQLAlchemyError) -> str:
    said = problem.orig if isinstance(problem, DBAPIError) else problem
    return (str(said).splitlines() or [type(problem).__name__])[0]
