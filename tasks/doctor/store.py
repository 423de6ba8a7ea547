"""The store as the doctor sees it: it opens, its tables are this version's, and it can be written to."""

import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import make_url

from tasks.doctor.finding import Examination, Finding, ill, well
from tasks.settings import tool_settings
from tasks.store import schema
from tasks.store.database import Store

_PATIENCE_S = 8.0


class _Looked(Exception):  # raised so that nothing of the transaction stays
    """What was seen, from within a transaction that is rolled back."""

    def __init__(self, version: str) -> None:
        self.version = version


def store() -> Examination:
    """Return the look at the store that SUREFOOT_STORE names; where there is none yet, none is made."""
    return Examination("store", _look, "see that SUREFOOT_STORE names it and that it runs")


async def _look() -> Sequence[Finding]:
    url = tool_settings().store_url
    if url.startswith("sqlite") and (missing := _to_be_made(url)):
        return [missing]
    store = Store.open(url, _PATIENCE_S)
    try:
        await store.run(_try)
    except _Looked as looked:
        return [_of_version(str(store), looked.version)]
    finally:
        await store.close()
    raise AssertionError  # it always raises


def _try(connection: Connection) -> None:
    """Write something, and take it back: nobody ever sees it."""
    if not inspect(connection).has_table("alembic_version"):
        raise _Looked("")
    version = str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
    connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
    for table in schema.metadata.sorted_tables if version == schema.VERSION else ():
        connection.execute(table.insert().from_select(list(table.c), table.select().where(text("1 = 0"))))
    raise _Looked(version)


def _of_version(where: str, version: str) -> Finding:
    if version == schema.VERSION:
        return well("store", f"{where}, version {version}, can be written")
    if version > schema.VERSION:
        seen = f"{where} is at version {version}, this Surefoot knows {schema.VERSION}"
        return ill("store", seen, "uv pip install --upgrade surefoot")
    seen = f"{where} is at version {version}, this Surefoot needs" if version else f"{where} has no tables; needed is"
    return ill("store", f"{seen} version {schema.VERSION}", "surefoot up")


def _to_be_made(url: str) -> Finding | None:
    """Return whether a file that is not there could be made, None where it is there."""
    path = Path(make_url(url).database or "").expanduser()
    if path.exists():
        return None
    folder = next(each for each in path.absolute().parents if each.exists())
    if os.access(folder, os.W_OK | os.X_OK):
        return well("store", f"{path} is not there yet; what is released first makes it")
    return ill("store", f"{path} cannot be made: {folder} may not be written", "export SUREFOOT_STORE=FILE")
