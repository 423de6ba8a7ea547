"""Requests as they are kept by the minute."""

import asyncio
import time

from rehearsal.meter import Meter, Minute
from rehearsal.splitter import Place, Tally
from rehearsal.splitter.counts import BOUNDS_S

PUBLIC, PREVIEW = (Place("acme/here/shop", address, "shop-1") for address in ("public", "next"))


def keyed(place):
    return (place.service, place.revision) if place.revision else None


def test_a_minute_holds_what_was_counted_since_the_one_before():
    tally, meter = Tally(), Meter()
    tally.at(PUBLIC).saw(200, 0.02, 0, 0)
    meter.take(tally, 0.0, keyed)
    for code, seconds in ((200, 0.02), (200, 0.3), (503, 99.0)):
        tally.at(PUBLIC).saw(code, seconds, 0, 0)
    meter.take(tally, 60.0, keyed)
    meter.take(tally, 120.0, keyed)

    first, second = meter.of(("acme/here/shop", "shop-1"))
    assert first == Minute(0.0, {200: 1}, ((0.0211, 1),))
    assert second == Minute(60.0, {200: 2, 503: 1}, ((0.0211, 1), (0.304, 1), (BOUNDS_S[-1] * 1.5, 1)))
    assert (second.end, second.requests, second.of_class(5)) == (120.0, 3, 1)


def test_every_address_of_a_revision_is_counted_and_what_reached_none_is_not():
    tally, meter = Tally(), Meter()
    for place in (PUBLIC, PREVIEW, Place("acme/here/shop", "public", "")):
        tally.at(place).saw(200, 0.02, 0, 0)
    meter.take(tally, 0.0, keyed)

    assert [minute.requests for minute in meter.of(("acme/here/shop", "shop-1"))] == [1, 1]
    assert len(meter.minutes) == 1


def test_no_more_than_a_day_is_kept():
    meter = Meter()
    for number in range(1500):
        meter.add(("a", "b"), Minute(60.0 * number, {200: 1}))

    kept = meter.of(("a", "b"))
    assert (len(kept), kept[-1].start) == (1440, 60.0 * 1499)


def test_it_follows_a_tally_for_as_long_as_a_block_runs_and_takes_the_minute_that_is_over():
    now = 1_800_000_059.99
    tally, meter, over = Tally(), Meter(), asyncio.Event()
    tally.at(PUBLIC).saw(200, 0.02, 0, 0)

    def clock():
        return now + time.monotonic() - began

    def told(place):
        over.set()
        return keyed(place)

    async def story():
        async with meter.following(tally, told, clock):
            await asyncio.wait_for(over.wait(), 5)

    began = time.monotonic()
    asyncio.run(story())

    [minute] = meter.of(("acme/here/shop", "shop-1"))
    assert (minute.start, minute.requests) == (1_800_000_000.0, 1)
