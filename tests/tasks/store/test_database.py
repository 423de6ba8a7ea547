"""The door: what runs through it is whole, alone, and written before the next begins."""

import asyncio
import gc
import stat
import threading
import time

import pytest
from sqlalchemy import text

from surefoot.errors import ConfigError, NotNow
from tasks.store import ledger, rollouts, schema
from tasks.store.database import Store, StoreUnavailable


def opened(url, story):
    async def through():
        store = Store.open(url)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(through())


def test_a_bare_path_is_a_store_only_its_owner_may_read(tmp_path):
    opened(str(tmp_path / "deep" / "store.db"), lambda store: store.migrate())

    for file in (tmp_path / "deep").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["mysql://somewhere/x", "sqlite://"])
def test_an_address_that_is_no_store_says_what_would_be(url):
    with pytest.raises(ConfigError, match="sqlite:///path"):
        Store.open(url)


def test_a_password_is_never_shown():
    store = Store.open("postgresql://surefoot:hunter2@127.0.0.1:1/x?connect_timeout=1")

    with pytest.raises(StoreUnavailable) as refused:
        store.run_here(ledger.head)

    assert "hunter2" not in str(store) + str(refused.value) + repr(store)
    assert "127.0.0.1" in str(refused.value)
    assert "SUREFOOT_STORE" in str(refused.value)


def test_tables_are_made_once_and_again_is_nothing(empty_url):
    async def twice(store):
        await store.migrate()
        await store.migrate()
        return await store.run(lambda connection: connection.scalar(text("SELECT version_num FROM alembic_version")))

    assert opened(empty_url, twice) == schema.VERSION


def test_many_who_migrate_at_once_do_not_disturb_each_other(empty_url):
    async def together(store):
        await asyncio.gather(*(store.migrate() for _ in range(5)))
        return await store.run(ledger.head)

    assert opened(empty_url, together).size == 0


def test_tables_are_not_changed_under_an_open_rollout(store, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    store.run_here(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0000'")))

    with pytest.raises(NotNow, match=r"0000.*needs 0001.*shop/production is open"):
        asyncio.run(store.migrate())


def test_a_store_that_a_newer_surefoot_wrote_is_refused(store):
    store.run_here(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    with pytest.raises(ConfigError, match=r"9999.*knows 0001.*update this one"):
        asyncio.run(store.migrate())


def test_a_store_without_tables_says_so(empty_url):
    store = Store.open(empty_url)

    with pytest.raises(StoreUnavailable, match=r"ledger.*surefoot up"):
        store.run_here(ledger.head)
    asyncio.run(store.close())


@pytest.mark.real
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_connection_that_postgresql_has_dropped_is_replaced(store, url):
    mine = store.run_here(lambda connection: connection.scalar(text("SELECT pg_backend_pid()")))
    other = Store.open(url)
    other.run_here(lambda connection: connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine}))
    asyncio.run(other.close())

    assert store.run_here(ledger.head).size == 0


def test_who_holds_the_store_for_too_long_is_not_waited_for_for_ever(url):
    holder, waiter, inside, done = (
        Store.open(url),
        Store.open(url, patience_s=0.2),
        threading.Event(),
        threading.Event(),
    )

    def hold(_connection):
        inside.set()
        assert done.wait(30)

    async def story():
        holding = asyncio.ensure_future(holder.run(hold))
        try:
            assert await asyncio.to_thread(inside.wait, 10)
            with pytest.raises(StoreUnavailable):
                await waiter.run(ledger.head)
        finally:
            done.set()
            await holding
            await holder.close()
            await waiter.close()

    asyncio.run(story())


def test_tables_that_are_right_may_be_migrated_under_an_open_rollout(store, attempt_of):
    store.run_here(rollouts.begin, attempt_of())

    asyncio.run(store.migrate())

    assert len(store.run_here(rollouts.open_rollouts)) == 1


def test_nothing_is_written_when_the_work_raises(store, now):
    def half(connection):
        ledger.append(connection, "seen", "shop/production", {}, now)
        raise LookupError

    with pytest.raises(LookupError):
        store.run_here(half)

    assert store.run_here(ledger.head).size == 0


def test_two_transactions_never_overlap(store):
    inside, most, turn = [0], [0], threading.Lock()

    def work(connection):
        with turn:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        connection.execute(text("SELECT count(*) FROM ledger")).scalar()
        with turn:
            inside[0] -= 1

    async def crowd():
        await asyncio.gather(*(store.run(work) for _ in range(30)))

    asyncio.run(crowd())

    assert most == [1]


def test_who_is_cancelled_waits_until_the_transaction_is_over(store, now):
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        assert go_on.wait(10)
        ledger.append(connection, "slow", "shop/production", {}, now)

    async def story():
        writing = asyncio.ensure_future(store.run(slow))
        assert await asyncio.to_thread(begun.wait, 10)
        writing.cancel()
        done, _ = await asyncio.wait({writing}, timeout=0.05)
        assert not done
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        return await store.run(ledger.head)

    assert asyncio.run(story()).size == 1


def test_who_is_cancelled_while_a_transaction_fails_leaves_no_complaint_behind(store):
    begun, complaints = threading.Event(), []

    def failing(_connection):
        begun.set()
        time.sleep(0.1)
        raise ValueError("no")

    async def story():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        writing = asyncio.ensure_future(store.run(failing))
        assert await asyncio.to_thread(begun.wait, 10)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        del writing
        gc.collect()

    asyncio.run(story())
    assert complaints == []


def test_a_place_where_no_file_can_be_is_said(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"file/store\.db cannot be made: .*SUREFOOT_STORE"):
        Store.open(str(tmp_path / "file" / "store.db"))
