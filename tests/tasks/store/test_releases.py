"""Which release was asked for last, and what staging has shown of it."""

import asyncio
from datetime import timedelta

from tasks.store import releases

KEY = "shop/production"


def test_a_release_is_read_back_as_it_was(store, now, release_of):
    seq = store.run_here(releases.register, KEY, release_of(), now, "run-1")

    asked = store.run_here(releases.newest, KEY)

    assert (asked.seq, asked.release, asked.run_id, asked.asked_at) == (seq, release_of(), "run-1", now)
    assert (asked.verified_at, asked.evidence) == (None, None)


def test_the_same_run_asking_again_keeps_its_turn(store, now, release_of):
    first = store.run_here(releases.register, KEY, release_of(), now, "run-1")
    other = store.run_here(releases.register, KEY, release_of("1.9.1", "77ab01c"), now, "run-2")
    again = store.run_here(releases.register, KEY, release_of(), now + timedelta(seconds=5), "run-1")

    assert again == first < other
    assert store.run_here(releases.newest, KEY).seq == other


def test_an_old_release_asked_for_by_a_new_run_is_the_newest(store, now, release_of):
    store.run_here(releases.register, KEY, release_of(), now, "run-1")
    store.run_here(releases.register, KEY, release_of("1.9.1", "77ab01c"), now, "run-2")
    back = store.run_here(releases.register, KEY, release_of(), now, "run-3")

    assert store.run_here(releases.newest, KEY).seq == back


def test_nothing_was_asked_for_elsewhere(store, now, release_of):
    store.run_here(releases.register, KEY, release_of(), now, "run-1")

    assert store.run_here(releases.newest, "shop/staging") is None
    assert store.run_here(releases.find, "shop/staging", release_of().id) is None


def test_twenty_who_ask_at_the_same_moment_get_a_turn_each_and_one_is_the_newest(store, now, release_of):
    async def crowd():
        asking = (store.run(releases.register, KEY, release_of(f"2.0.{n}"), now, f"run-{n}") for n in range(20))
        return await asyncio.gather(*asking)

    turns = asyncio.run(crowd())

    assert len(set(turns)) == 20
    assert store.run_here(releases.newest, KEY).seq == max(turns)


def test_what_verified_a_release_stays_as_it_was_written_first(store, now, release_of):
    seq = store.run_here(releases.register, "shop/staging", release_of(), now, "run-1")
    store.run_here(releases.verify, "shop/staging", seq, {"smoke": "6 of 6"}, now)
    store.run_here(releases.verify, "shop/staging", seq, {"smoke": "0 of 6"}, now + timedelta(hours=1))

    asked = store.run_here(releases.find, "shop/staging", release_of().id)

    assert (asked.evidence, asked.verified_at) == ({"smoke": "6 of 6"}, now)


def test_the_verified_one_is_found_before_a_later_unverified_one(store, now, release_of):
    seq = store.run_here(releases.register, "shop/staging", release_of(), now, "run-1")
    store.run_here(releases.verify, "shop/staging", seq, {}, now)
    store.run_here(releases.register, "shop/staging", release_of(), now, "run-2")

    assert store.run_here(releases.find, "shop/staging", release_of().id).seq == seq


def test_what_a_run_asked_for_is_found_by_the_run(store, now, release_of):
    store.run_here(releases.register, KEY, release_of(), now, "run-1")
    store.run_here(releases.register, KEY, release_of("1.9.1", "77ab01c"), now, "run-2")

    assert store.run_here(releases.of_run, KEY, "run-1").release == release_of()
    assert store.run_here(releases.of_run, KEY, "run-3") is None
    assert store.run_here(releases.of_run, "shop/staging", "run-1") is None


def test_a_release_is_found_by_its_image_the_verified_one_first(store, now, release_of):
    first, later = release_of(), release_of("1.9.1", "77ab01c")
    seq = store.run_here(releases.register, KEY, first, now, "run-1")
    store.run_here(releases.verify, KEY, seq, {}, now)
    store.run_here(releases.register, KEY, later, now, "run-2")

    assert first.image == later.image
    assert store.run_here(releases.with_image, KEY, str(first.image)).release == first
    assert store.run_here(releases.with_image, KEY, "europe/shop@sha256:" + "0" * 64) is None
