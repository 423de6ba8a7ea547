"""However a stretch is cut into windows, they hold what the counters counted, each request once."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tasks.vitals.prometheus.growth import Edge, Growth
from tasks.vitals.prometheus.series import Point, Series

# By how much each of three counters grows from scrape to scrape, and whether the instance was restarted before it.
GROWN = st.lists(st.tuples(st.tuples(*[st.integers(0, 9)] * 3), st.sampled_from([False])), min_size=3, max_size=30)
RESTARTED = st.lists(st.tuples(st.tuples(*[st.integers(0, 9)] * 3), st.booleans()), min_size=3, max_size=30)


def scraped(steps, counters=3):
    """Return the counters with their values at each scrape, and what was counted from scrape to scrape."""
    values = list(accumulate(steps, lambda kept, step: _next(kept, *step), initial=(0,) * counters))[1:]
    return [
        Series(
            {"instance": "one", "code": str(code)},
            tuple(Point(10.0 * at, each[code]) for at, each in enumerate(values, 1)),
        )
        for code in range(counters)
    ]


def _next(kept, grown, restarted):
    return tuple((0 if restarted else before) + more for before, more in zip(kept, grown, strict=True))


def until(series, at):
    return [Series(each.labels, tuple(point for point in each.points if point.at <= at)) for each in series]


def in_windows(series, first, ends):
    """Return the growth of all counters over windows that follow one another."""
    edge, total = Edge.opening({"a": until(series, first + 9)}, first - 1), 0
    for end in ends:
        sides = {"a": until(series, end)}
        total += Growth(sides, edge).total("a")
        edge = edge.after(sides, end - 25)
    return total


@given(GROWN, st.data())
def test_windows_add_up_to_what_was_counted_between_their_ends(steps, cuts):
    series, last = scraped(steps), 10.0 * len(steps)
    ends = [*sorted(cuts.draw(st.sets(st.floats(20, last), max_size=5))), last]
    counted = sum(sum(grown) for grown, _ in steps[2:])

    assert in_windows(series, 20.0, ends) == counted


@given(RESTARTED, st.data())
def test_restarts_never_make_a_window_hold_more_than_was_counted(steps, cuts):
    series, last = scraped(steps), 10.0 * len(steps)
    ends = [*sorted(cuts.draw(st.sets(st.floats(20, last), max_size=5))), last]
    counted = sum(sum(grown) for grown, _ in steps[2:])
    lost = sum(map(sum, (grown for grown, restarted in steps if restarted)))

    assert counted - lost <= in_windows(series, 20.0, ends) <= counted


def test_an_instance_that_nobody_knew_before_is_new_unless_prometheus_itself_was_not_there():
    old = Series({"instance": "old"}, (Point(1, 100), Point(11, 110), Point(21, 130)))
    new = Series({"instance": "new"}, (Point(12, 7), Point(22, 9)))

    assert Growth({"a": [old, new]}, Edge.opening({"a": [old, new]}, 5)).total("a") == 20 + 9
    assert Growth({"a": [new]}, Edge.opening({"a": [new]}, 5)).total("a") == 2
