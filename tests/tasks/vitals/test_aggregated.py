"""Windows of whole minutes: what they hold, when they are asked for, and what a look says that could not see."""

import asyncio

import pytest
from passing_time import NOON, Clock

from surefoot.release import Revision
from surefoot.vitals import Histogram
from tasks.vitals.aggregated import Aggregated, Unseen
from tasks.vitals.counted import Counted

# A minute's start, and 20 s into it.
SHIFTED = NOON + 20
LAG_S = 180.0
STABLE, CANARY = Revision("shop-1", "", ready=True), Revision("shop-2", "", ready=True)
SEEN = Counted(requests=10, latency_ms=Histogram(((5.0, 10),)), points=1)


class Platform:
    """Answers in turn what it is told, the last again and again, and keeps what it was asked for."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.windows = []
        self.closed = False

    async def counted(self, stable, canary, window):
        assert (stable, canary) == (STABLE, CANARY)
        self.windows.append((window.start - NOON, window.end - NOON, window.since - NOON))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            await answer()
        return answer

    async def close(self):
        self.closed = True


def source(clock, *answers, **more):
    platform = Platform(*(answers or ((SEEN, SEEN),)))
    return Aggregated(platform, LAG_S, clock=clock, sleep=clock.sleep, **more), platform


def looks(clock, *answers, seconds=10.0, number=1, **more):
    made, platform = source(clock, *answers, **more)

    async def story():
        return [await made.look(STABLE, CANARY, seconds) for _ in range(number)]

    return asyncio.run(story()), platform


def test_the_first_minute_that_is_looked_at_begins_after_the_shift_and_is_whole():
    clock = Clock(SHIFTED)
    (look,), platform = looks(clock)

    assert platform.windows == [(60, 120, 60)]
    assert clock.now == NOON + 120 + LAG_S
    assert (look.stable.requests, look.canary.requests, look.stable.seconds, look.canary.seconds) == (10, 10, 60, 60)
    assert look.share == 0.5


def test_a_shift_at_the_very_start_of_a_minute_counts_that_minute():
    clock = Clock(NOON)
    _, platform = looks(clock)

    assert platform.windows == [(0, 60, 0)]


def test_windows_follow_each_other_without_a_gap_and_never_overlap():
    _, platform = looks(Clock(SHIFTED), number=4)

    assert [window[:2] for window in platform.windows] == [(60, 120), (120, 180), (180, 240), (240, 300)]


def test_minutes_that_are_whole_together_are_one_look():
    clock = Clock(SHIFTED)
    (look,), platform = looks(clock, seconds=430.0)

    assert platform.windows == [(60, 240, 60)]
    assert look.stable.seconds == 180
    assert clock.now == SHIFTED + 430


def test_a_look_takes_as_long_as_it_is_told_where_a_minute_is_whole_already():
    clock = Clock(SHIFTED)
    made, platform = source(clock)

    async def story():
        clock.now += 3600 - 20
        await made.look(STABLE, CANARY, 25.0)

    asyncio.run(story())

    assert clock.now == NOON + 3600 + 25
    assert platform.windows == [(60, 3420, 60)]


def test_after_a_shift_nothing_is_seen_that_had_begun_before_it():
    clock = Clock(SHIFTED)
    made, platform = source(clock)

    async def story():
        await made.look(STABLE, CANARY, 10.0)
        clock.now = NOON + 1000
        made.begin()
        await made.look(STABLE, CANARY, 10.0)

    asyncio.run(story())

    assert platform.windows[1] == (1020, 1080, 1020)


def test_a_sleep_that_ends_a_moment_early_is_slept_again():
    clock = Clock(SHIFTED)
    clock.early = 0.4
    made, platform = source(clock)
    asyncio.run(made.look(STABLE, CANARY, 10.0))

    assert platform.windows == [(60, 120, 60)]


def test_a_clock_that_is_set_back_is_no_reason_to_wait_for_ever():
    clock = Clock(SHIFTED)
    made, platform = source(clock)

    async def back(_):
        clock.now = NOON - 7200

    made._sleep = back
    look = asyncio.run(made.look(STABLE, CANARY, 10.0))

    assert look.stable.blind == look.canary.blind == "this machine's clock was set back"
    assert platform.windows == []


def test_what_could_not_be_seen_is_asked_for_again_with_what_came_since():
    first, second = looks(Clock(SHIFTED), Unseen("away"), (SEEN, SEEN), seconds=60.0, number=2)[0]
    _, platform = looks(Clock(SHIFTED), Unseen("away"), (SEEN, SEEN), seconds=60.0, number=2)

    assert (first.stable.blind, first.canary.blind) == ("away", "away")
    assert [window[:2] for window in platform.windows] == [(60, 120), (60, 180)]
    assert (second.stable.blind, second.stable.seconds) == ("", 120)


def test_numbers_that_are_late_on_both_sides_are_asked_for_again_too():
    _, platform = looks(Clock(SHIFTED), (Counted(), Counted()), (SEEN, SEEN), seconds=60.0, number=2)

    assert [window[:2] for window in platform.windows] == [(60, 120), (60, 180)]


def test_no_more_than_an_hour_is_asked_for_again():
    clock = Clock(SHIFTED)
    made, platform = source(clock)

    async def story():
        clock.now = NOON + 3 * 3600
        await made.look(STABLE, CANARY, 0.0)

    asyncio.run(story())

    start, end, since = platform.windows[0]
    assert (end - start, end, since) == (3600, 3 * 3600 - 180, 60)


def test_a_platform_that_hangs_is_given_up():
    async def never():
        await asyncio.Event().wait()

    (look,), _ = looks(Clock(SHIFTED), never, answer_s=0.05)

    assert look.stable.blind == look.canary.blind == "no answer within 0.05 s"


def test_whatever_else_goes_wrong_is_no_exception_and_names_no_secret():
    (look,), _ = looks(Clock(SHIFTED), ValueError("token=s3cret"))

    assert look.stable.blind == look.canary.blind == "the answer could not be read (ValueError)"


def test_a_cancelled_look_is_cancelled_and_its_minutes_are_not_lost():
    clock = Clock(SHIFTED)
    asked = asyncio.Event()

    async def never():
        asked.set()
        await asyncio.Event().wait()

    made, platform = source(clock, never, (SEEN, SEEN))

    async def story():
        looking = asyncio.ensure_future(made.look(STABLE, CANARY, 10.0))
        await asked.wait()
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        await made.look(STABLE, CANARY, 10.0)

    asyncio.run(story())

    assert [window[0] for window in platform.windows] == [60, 60]


def test_what_it_holds_is_let_go():
    made, platform = source(Clock(NOON))
    asyncio.run(made.close())

    assert platform.closed
    assert (made.lag_s, made.shortest_s) == (LAG_S, 60.0)
