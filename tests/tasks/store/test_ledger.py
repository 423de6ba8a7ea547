"""The record: whole, in order, and telling when somebody changed it."""

import asyncio
import multiprocessing
import os
import signal
import time

import pytest

from surefoot.audit import Head
from surefoot.traffic import Traffic
from tasks.store import ledger
from tasks.store.database import Store

KEY = "shop/production"


def tampered(store, *statements):
    """Change the ledger as somebody could who may do anything to the database."""

    def work(connection):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE ledger DISABLE TRIGGER ALL")
        else:
            connection.exec_driver_sql("DROP TRIGGER ledger_UPDATE_refused")
            connection.exec_driver_sql("DROP TRIGGER ledger_DELETE_refused")
        for statement in statements:
            connection.exec_driver_sql(statement)

    store.run_here(work)


@pytest.fixture
def filled(store, now):
    for number in range(5):
        store.run_here(ledger.append, "seen", KEY, {"number": number}, now, rollout="r1")
    return store


def test_an_entry_is_read_back_as_it_was_written(store, now):
    written = store.run_here(
        ledger.append, "looked", KEY, {"traffic": Traffic.all_on("a"), "at": now, "p95_ms": 1.5}, now, rollout="r1"
    )

    assert store.run_here(ledger.of_rollout, "r1") == [written]
    assert written.fields == {"traffic": {"shares": [["a", 100]]}, "at": "2026-03-02T12:00:00+00:00", "p95_ms": 1.5}
    assert store.run_here(ledger.of_rollout, "r2") == []


def test_a_ledger_nobody_touched_holds(filled):
    found = filled.run_here(ledger.verify)

    assert (found.problem, found.head) == ("", filled.run_here(ledger.head))
    assert found.head.size == 5


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ledger SET hash = 'ff' WHERE seq = 3", "entry 3 is not what was written"),
        ("DELETE FROM ledger WHERE seq = 2", "entry 2 is not what was written, or one before it is missing"),
        ("UPDATE ledger SET kind = 'approved' WHERE seq = 4", "entry 4 is filed under other names"),
        ("UPDATE ledger SET at = 'long ago' WHERE seq = 4", "entry 4 is filed under other names"),
    ],
)
def test_a_careless_change_is_seen(filled, statement, said):
    tampered(filled, statement)

    assert said in filled.run_here(ledger.verify).problem


def test_a_cut_tail_is_seen_by_a_head_kept_elsewhere(filled):
    kept = filled.run_here(ledger.head)
    tampered(filled, "DELETE FROM ledger WHERE seq > 3")

    assert filled.run_here(ledger.verify).problem == ""
    assert "a head kept elsewhere has 5" in filled.run_here(ledger.verify, [kept]).problem


def test_heads_of_any_age_are_kept_by_an_honest_ledger(filled, now):
    kept = [filled.run_here(ledger.head)]
    filled.run_here(ledger.append, "seen", KEY, {}, now)
    kept.append(filled.run_here(ledger.head))

    assert filled.run_here(ledger.verify, kept).problem == ""
    assert "rewritten" in filled.run_here(ledger.verify, [Head(5, "0" * 64)]).problem


def test_an_intent_and_its_result_share_an_action(store, now):
    action = store.run_here(ledger.intend, "shift", KEY, {"percent": 25}, now, rollout="r1")
    assert [entry.kind for entry in store.run_here(ledger.unconcluded, "r1")] == ["shift: intended"]

    result = store.run_here(ledger.conclude, action, "done", {"seen": "25 % on new"}, now)

    assert (result.kind, result.action, result.rollout, result.key) == ("shift: done", action, "r1", KEY)
    assert store.run_here(ledger.unconcluded, "r1") == []


def test_a_result_is_written_once(store, now):
    action = store.run_here(ledger.intend, "shift", KEY, {}, now, rollout="r1")
    first = store.run_here(ledger.conclude, action, "done", {}, now)

    assert store.run_here(ledger.conclude, action, "failed", {}, now) == first
    with pytest.raises(ValueError, match="r1/99"):
        store.run_here(ledger.conclude, "r1/99", "done", {}, now)


def test_only_what_has_no_result_is_unconcluded(store, now):
    done = store.run_here(ledger.intend, "stage", KEY, {}, now, rollout="r1")
    open_ = store.run_here(ledger.intend, "shift", KEY, {}, now, rollout="r1")
    store.run_here(ledger.intend, "shift", KEY, {}, now, rollout="r2")
    store.run_here(ledger.conclude, done, "done", {}, now)

    assert [entry.action for entry in store.run_here(ledger.unconcluded, "r1")] == [open_]


def test_what_is_not_a_number_is_refused_and_nothing_is_written(store, now):
    with pytest.raises(ValueError, match="JSON"):
        store.run_here(ledger.append, "seen", KEY, {"rate": float("nan")}, now)

    assert store.run_here(ledger.head).size == 0


def test_a_time_without_a_zone_is_refused(store, now):
    with pytest.raises(ValueError, match="no time zone"):
        store.run_here(ledger.append, "seen", KEY, {}, now.replace(tzinfo=None))


def test_many_who_write_at_once_make_one_chain(store, now):
    async def crowd():
        writing = (store.run(ledger.append, "seen", KEY, {"number": number}, now) for number in range(40))
        await asyncio.gather(*writing)

    asyncio.run(crowd())

    found = store.run_here(ledger.verify)
    assert (found.head.size, found.problem) == (40, "")


def _write_until_killed(url, now, name):
    store = Store.open(url)
    while True:
        action = store.run_here(ledger.intend, "shift", KEY, {"by": name}, now, rollout=name)
        store.run_here(ledger.conclude, action, "done", {}, now)


@pytest.mark.slow
def test_writers_killed_at_any_moment_leave_a_whole_chain(url, store, now):
    spawn = multiprocessing.get_context("spawn")
    names = ["a", "b", "c"]
    writers = [spawn.Process(target=_write_until_killed, args=(url, now, name), daemon=True) for name in names]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    for number, writer in enumerate(writers, 1):
        while len(store.run_here(ledger.of_rollout, names[number - 1])) < 7 * number and time.monotonic() < deadline:
            time.sleep(0.003)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(10)

    found = store.run_here(ledger.verify)
    written = [len(store.run_here(ledger.of_rollout, name)) for name in names]
    assert found.problem == ""
    assert found.head.size == sum(written)
    assert all(number >= 7 for number in written)
    assert all(len(store.run_here(ledger.unconcluded, name)) <= 1 for name in names)
    assert store.run_here(ledger.append, "after", KEY, {}, now).seq == found.head.size + 1
