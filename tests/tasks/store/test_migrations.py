"""The way to the tables ends where `schema.py` says."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError

import tasks.store
from tasks.store import ledger, schema


def test_migrating_makes_exactly_the_tables_that_are_declared(store):
    def difference(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, schema.metadata)

    assert store.run_here(difference) == []


def test_the_version_that_is_asked_for_is_the_newest_there_is():
    config = Config()
    config.set_main_option("script_location", f"{tasks.store.__path__[0]}/migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [schema.VERSION]


@pytest.mark.parametrize("tampering", ["UPDATE ledger SET kind = 'other'", "DELETE FROM ledger"])
def test_the_ledger_refuses_to_be_changed(store, now, tampering):
    store.run_here(ledger.append, "seen", "shop/production", {}, now)
    with pytest.raises(IntegrityError, match="only ever added to"):
        store.run_here(lambda connection: connection.exec_driver_sql(tampering))

    assert store.run_here(ledger.verify).head.size == 1


@pytest.mark.real
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_the_ledger_refuses_to_be_emptied_in_one_stroke(store, now):
    store.run_here(ledger.append, "seen", "shop/production", {}, now)

    with pytest.raises(IntegrityError, match="only ever added to"):
        store.run_here(lambda connection: connection.exec_driver_sql("TRUNCATE ledger"))
