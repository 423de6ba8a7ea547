"""Where rollouts stand: one open in a place, moved only by whoever has the newest number."""

from datetime import timedelta

import pytest

from surefoot.errors import NotNow
from surefoot.rollout import Phase
from tasks.store import lease, rollouts
from tasks.store.lease import HeldBy

KEY = "shop/production"


def test_a_rollout_is_read_back_as_it_was_begun(store, attempt_of):
    begun = store.run_here(rollouts.begin, attempt_of())

    assert begun == attempt_of()
    assert store.run_here(rollouts.find, "r1") == attempt_of()
    assert store.run_here(rollouts.open_rollouts) == [attempt_of()]


def test_beginning_again_goes_on_as_it_stood(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    moved = store.run_here(rollouts.advance, "r1", Phase.CLIMBING, 25, now, fence=1)

    assert store.run_here(rollouts.begin, attempt_of()) == moved


def test_a_second_rollout_in_the_same_place_is_refused_until_the_first_ended(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    with pytest.raises(NotNow, match=r"shop 1\.9\.0 is open at 0 %, since 12:00:00 UTC; see http://run/1"):
        store.run_here(rollouts.begin, attempt_of("r2"))
    store.run_here(rollouts.begin, attempt_of("r3", key="shop/staging"))

    store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=1, reason="errors")
    store.run_here(rollouts.begin, attempt_of("r2"))

    assert [each.id for each in store.run_here(rollouts.open_rollouts)] == ["r3", "r2"]


def test_each_move_is_written_with_its_moment_and_reason(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    then = now + timedelta(minutes=5)

    moved = store.run_here(rollouts.advance, "r1", Phase.CLIMBING, 25, then, fence=1, reason="PASS")

    assert (moved.phase, moved.percent, moved.reason, moved.changed_at) == (Phase.CLIMBING, 25, "PASS", then)
    assert (moved.began_at, moved.ended_at) == (now, None)


@pytest.mark.parametrize(
    ("phase", "percent"), [(Phase.PROMOTED, 100), (Phase.PUT_BACK, 0), (Phase.REFUSED, 0), (Phase.NOT_PUT_BACK, 25)]
)
def test_an_end_says_how_much_traffic_the_release_has(store, now, attempt_of, phase, percent):
    store.run_here(rollouts.begin, attempt_of())
    store.run_here(rollouts.advance, "r1", Phase.CLIMBING, 25, now, fence=1)

    ended = store.run_here(rollouts.end, "r1", phase, now, fence=1)

    assert (ended.phase, ended.percent, ended.ended_at) == (phase, percent, now)


def test_an_end_is_an_end(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    ended = store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=1, reason="errors")

    assert store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=1, reason="again") == ended
    with pytest.raises(NotNow, match="ended already: put back"):
        store.run_here(rollouts.end, "r1", Phase.PROMOTED, now, fence=1)
    with pytest.raises(NotNow, match="ended already: put back"):
        store.run_here(rollouts.advance, "r1", Phase.CLIMBING, 50, now, fence=1)
    with pytest.raises(ValueError, match="climbing is not an end"):
        store.run_here(rollouts.end, "r1", Phase.CLIMBING, now, fence=1)


def test_what_was_not_put_back_may_still_be(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())
    store.run_here(rollouts.end, "r1", Phase.NOT_PUT_BACK, now, fence=1)

    assert store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=2).phase is Phase.PUT_BACK


def test_whoever_was_overtaken_writes_nothing(store, now, attempt_of):
    mine = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    store.run_here(rollouts.begin, attempt_of(fence=mine.fence))
    theirs = store.run_here(lease.seize, KEY, "operator", now, ttl_s=30)

    with pytest.raises(HeldBy, match="number 1 was overtaken by 2, held by operator"):
        store.run_here(rollouts.advance, "r1", Phase.CLIMBING, 50, now, fence=mine.fence)
    store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=theirs.fence)
    store.run_here(lease.release, theirs)

    with pytest.raises(HeldBy, match="overtaken by 2;"):
        store.run_here(rollouts.end, "r1", Phase.PROMOTED, now, fence=mine.fence)


def test_a_rollout_nobody_began_is_refused(store, now):
    with pytest.raises(NotNow, match="r9"):
        store.run_here(rollouts.advance, "r9", Phase.CLIMBING, 50, now, fence=1)


def test_the_last_promoted_is_found_behind_later_failures(store, now, attempt_of):
    assert store.run_here(rollouts.last_promoted, KEY) is None
    for name, phase in (("r1", Phase.PROMOTED), ("r2", Phase.PROMOTED), ("r3", Phase.PUT_BACK)):
        store.run_here(rollouts.begin, attempt_of(name))
        store.run_here(rollouts.end, name, phase, now, fence=1)

    assert store.run_here(rollouts.last_promoted, KEY).id == "r2"
    assert store.run_here(rollouts.last_promoted, "shop/staging") is None


def test_history_is_newest_first_and_can_be_narrowed(store, now, attempt_of):
    for name, key in (("r1", KEY), ("r2", "shop/staging"), ("r3", KEY)):
        store.run_here(rollouts.begin, attempt_of(name, key=key))
        store.run_here(rollouts.end, name, Phase.PROMOTED, now, fence=1)

    assert [each.id for each in store.run_here(rollouts.history)] == ["r3", "r2", "r1"]
    assert [each.id for each in store.run_here(rollouts.history, KEY)] == ["r3", "r1"]
    assert [each.id for each in store.run_here(rollouts.history, limit=1)] == ["r3"]
    assert store.run_here(rollouts.history, since=now + timedelta(seconds=1)) == []


def test_a_reason_that_no_database_takes_does_not_stop_the_way_back(store, now, attempt_of):
    store.run_here(rollouts.begin, attempt_of())

    ended = store.run_here(rollouts.end, "r1", Phase.PUT_BACK, now, fence=1, reason="bad \x00 byte \udc80")

    assert ended.reason == "bad \ufffd byte ?"
