"""One writer a place, with a number that only grows."""

import multiprocessing
from datetime import timedelta

import pytest

from surefoot.errors import LeaseHeld
from tasks.store import lease, rollouts
from tasks.store.database import Store
from tasks.store.lease import HeldBy

KEY = "shop/production"


def later(now, seconds):
    return now + timedelta(seconds=seconds)


def test_a_free_place_is_taken_and_given_back(store, now):
    first = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    store.run_here(lease.release, first)
    second = store.run_here(lease.acquire, KEY, "run-2", now, ttl_s=30)

    assert (first.fence, second.fence) == (1, 2)
    assert store.run_here(lease.holder_of, KEY) == second


def test_a_held_place_says_who_since_when_until_when_and_where_to_look(store, now):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30, link="http://run/1")

    with pytest.raises(HeldBy) as refused:
        store.run_here(lease.acquire, KEY, "run-2", later(now, 29), ttl_s=30)

    assert refused.value.lease == held
    assert isinstance(refused.value, LeaseHeld)
    for piece in ("shop/production", "run-1", "12:00:00", "12:00:30", "http://run/1"):
        assert piece in str(refused.value)


def test_another_place_is_free(store, now):
    store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)

    assert store.run_here(lease.acquire, "shop/staging", "run-2", now, ttl_s=30).fence == 1


def test_the_same_holder_comes_back_with_a_higher_number(store, now):
    first = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    again = store.run_here(lease.acquire, KEY, "run-1", later(now, 5), ttl_s=30)

    assert again.fence == first.fence + 1
    with pytest.raises(HeldBy):
        store.run_here(lease.renew, first, later(now, 6), ttl_s=30)


def test_renewing_moves_the_deadline(store, now):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    renewed = store.run_here(lease.renew, held, later(now, 20), ttl_s=30)

    assert renewed.until == later(now, 50)
    with pytest.raises(HeldBy):
        store.run_here(lease.acquire, KEY, "run-2", later(now, 49), ttl_s=30)


def test_a_lease_that_expired_over_nothing_is_taken_by_the_next(store, now):
    late = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    taken = store.run_here(lease.acquire, KEY, "run-2", later(now, 30), ttl_s=30)

    assert taken.fence == late.fence + 1
    with pytest.raises(HeldBy, match="run-2"):
        store.run_here(lease.renew, late, later(now, 31), ttl_s=30)


def test_a_lease_that_expired_in_the_middle_of_a_rollout_is_left_to_the_watchdog(store, now, attempt_of):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    store.run_here(rollouts.begin, attempt_of(fence=held.fence))

    with pytest.raises(HeldBy, match=r"silent at 12:00:30 .* surefoot watchdog"):
        store.run_here(lease.acquire, KEY, "run-2", later(now, 60), ttl_s=30)

    assert store.run_here(lease.expired, later(now, 29)) == []
    assert store.run_here(lease.expired, later(now, 30)) == [held]
    assert store.run_here(lease.steal_expired, KEY, "watchdog", later(now, 60), ttl_s=30).fence == held.fence + 1


def test_a_living_holder_is_not_stolen_from_but_may_be_overruled_by_an_operator(store, now):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)

    with pytest.raises(HeldBy):
        store.run_here(lease.steal_expired, KEY, "watchdog", later(now, 29), ttl_s=30)
    seized = store.run_here(lease.seize, KEY, "operator", later(now, 29), ttl_s=30)

    assert seized.fence == held.fence + 1
    with pytest.raises(HeldBy, match="operator"):
        store.run_here(lease.renew, held, later(now, 29), ttl_s=30)


def test_an_expired_lease_nobody_took_is_renewed(store, now):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)

    assert store.run_here(lease.renew, held, later(now, 300), ttl_s=30).until == later(now, 330)


def test_a_lease_given_back_is_not_renewed(store, now):
    held = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    store.run_here(lease.release, held)

    with pytest.raises(HeldBy, match="given back") as refused:
        store.run_here(lease.renew, held, now, ttl_s=30)
    assert refused.value.lease is None


def test_giving_back_what_was_lost_does_not_take_it_from_the_next(store, now):
    late = store.run_here(lease.acquire, KEY, "run-1", now, ttl_s=30)
    taken = store.run_here(lease.acquire, KEY, "run-2", later(now, 30), ttl_s=30)
    store.run_here(lease.release, late)

    assert store.run_here(lease.holder_of, KEY) == taken


def _rush(url, name, now, rounds, results):
    store, won = Store.open(url), []
    for _ in range(rounds):
        try:
            held = store.run_here(lease.acquire, KEY, name, now, ttl_s=30)
        except HeldBy:
            continue
        won.append(held.fence)
        store.run_here(lease.release, held)
    results.put((name, won))


@pytest.mark.slow
def test_many_processes_never_get_the_same_number(url, now):
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_rush, args=(url, f"run-{n}", now, 25, results)) for n in range(4)]
    for process in processes:
        process.start()
    won = [results.get(timeout=60)[1] for _ in processes]
    for process in processes:
        process.join(10)

    fences = [fence for mine in won for fence in mine]
    assert sorted(fences) == list(range(1, len(fences) + 1))
    assert all(mine == sorted(mine) for mine in won)
    assert len(fences) >= 25
