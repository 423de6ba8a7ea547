"""Two counts beside each other: what is believed, and what is not."""

import pytest

from surefoot.vitals import Histogram
from tasks.vitals.counted import Counted, compared


def side(requests=100, *, latencies=None, **more):
    number = requests if latencies is None else latencies
    return Counted(requests=requests, latency_ms=Histogram(((5.0, number),) if number else ()), points=1, **more)


def test_counts_are_told_as_they_are_with_the_canarys_share():
    look = compared(side(300, errors=3, classes={"5xx": 3, "4xx": 9}), side(100), 60)

    assert (look.stable.requests, look.stable.errors, look.stable.classes) == (300, 3, (("4xx", 9), ("5xx", 3)))
    assert (look.canary.requests, look.canary.classes, look.canary.blind) == (100, (), "")
    assert look.share == 0.25


def test_nothing_of_one_side_beside_something_of_the_other_is_no_request():
    look = compared(side(), Counted(), 60)

    assert (look.canary.requests, look.canary.blind, look.canary.latency_ms.total) == (0, "", 0)
    assert (look.stable.requests, look.share) == (100, 0.0)


def test_zeros_that_were_counted_are_zeros():
    look = compared(side(0), side(0), 60)

    assert (look.stable.requests, look.stable.blind, look.share) == (0, "", 0.0)


def test_nothing_of_either_side_may_be_late():
    look = compared(Counted(), Counted(), 120)

    assert look.stable.blind == look.canary.blind == "no numbers yet, of neither revision"
    assert (look.stable.seconds, look.stable.requests) == (120, 0)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (side(100, latencies=79), "79 latencies of 100 requests"),
        (side(100, latencies=126), "126 latencies of 100 requests"),
        (side(1000, latencies=0), "0 latencies of 1,000 requests"),
        (side(100, latencies=60, unanswered=10), "60 latencies of 90 requests"),
        (side(3, errors=4), "4 errors of 3 requests"),
        (side(3, classes={"5xx": 4}), "4 5xx of 3 requests"),
        (side(-1), "0 errors of -1 requests"),
    ],
)
@pytest.mark.parametrize("sides", ["stable", "canary"])
def test_numbers_that_contradict_each_other_blind_both_sides(made, told, sides):
    look = compared(made, side(), 60) if sides == "stable" else compared(side(), made, 60)

    assert look.stable.blind == look.canary.blind == f"contradicts itself: {told} of {sides}"
    assert look.stable.requests == look.canary.requests == 0


@pytest.mark.parametrize(
    "made",
    [side(100, latencies=80), side(100, latencies=125), side(5, latencies=0), side(100, latencies=40, unanswered=60)],
)
def test_latencies_of_requests_that_are_on_their_way_are_no_contradiction(made):
    assert compared(made, side(), 60).stable.blind == ""
