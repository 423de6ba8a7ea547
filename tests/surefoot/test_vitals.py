"""What was seen of one revision over a window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.vitals import Histogram, Look, Vitals

histograms = st.lists(st.tuples(st.sampled_from([1.0, 2.5, 10.0, 900.0]), st.integers(1, 50)), max_size=8).map(
    Histogram.of
)


@st.composite
def vitals(draw) -> Vitals:
    requests = draw(st.integers(0, 100))
    failures = draw(st.dictionaries(st.sampled_from(["a → 500", "b → 500"]), st.integers(1, 9)))
    return Vitals(
        requests,
        draw(st.integers(0, requests)),
        draw(histograms),
        float(draw(st.integers(0, 60))),
        tuple(sorted(failures.items(), key=lambda pair: (-pair[1], pair[0]))),
        draw(st.sampled_from(["", "no route"])),
    )


def test_a_histogram_adds_up_equal_values_and_sorts():
    assert Histogram.of([(20.0, 1), (10.0, 2), (20.0, 3)]).counts == ((10.0, 2), (20.0, 4))


@pytest.mark.parametrize(("q", "value"), [(0, 10.0), (0.25, 10.0), (0.5, 20.0), (0.75, 20.0), (0.76, 30.0), (1, 30.0)])
def test_a_quantile_is_the_smallest_value_that_the_share_does_not_exceed(q, value):
    assert Histogram.of([(10.0, 1), (20.0, 2), (30.0, 1)]).quantile(q) == value


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_a_quantile_beyond_its_bounds_is_refused(q):
    with pytest.raises(ValueError, match=f"there is no quantile {q} of 1 latencies"):
        Histogram.of([(1.0, 1)]).quantile(q)


def test_an_empty_histogram_has_no_quantile():
    with pytest.raises(ValueError, match=r"there is no quantile 0\.5 of 0 latencies"):
        Histogram().quantile(0.5)


@given(histograms.filter(lambda histogram: histogram.counts), st.floats(0, 1))
def test_a_quantile_splits_the_latencies_where_it_says(histogram, q):
    value = histogram.quantile(q)

    assert sum(number for each, number in histogram.counts if each <= value) >= q * histogram.total
    assert sum(number for each, number in histogram.counts if each < value) <= q * histogram.total


@given(histograms, histograms)
def test_adding_histograms_loses_nothing(one, other):
    assert (one + other).total == one.total + other.total
    assert one + other == other + one


@pytest.mark.parametrize(("requests", "errors"), [(1, 2), (0, 1), (5, -1)])
def test_more_errors_than_requests_cannot_be(requests, errors):
    with pytest.raises(ValueError, match=f"{errors} errors of {requests} requests cannot be"):
        Vitals(requests, errors)


@pytest.mark.parametrize(("name", "number"), [("5xx", 6), ("5xx", -1), ("teapot", 1), ("", 0)])
def test_a_class_that_is_none_or_more_of_one_than_requests_cannot_be(name, number):
    with pytest.raises(ValueError, match=f"{number} {name} of 5 requests cannot be"):
        Vitals(5, 0, classes=((name, number),))


def test_refusals_need_not_be_errors():
    assert Vitals(5, 0, classes=(("4xx", 5),)).error_rate == 0.0


def test_classes_add_up():
    one, other = Vitals(5, 1, classes=(("5xx", 1), ("4xx", 2))), Vitals(5, 2, classes=(("5xx", 2),))

    assert (one + other).classes == (("5xx", 3), ("4xx", 2))


def test_an_error_rate_needs_requests():
    assert Vitals(200, 5).error_rate == 0.025
    assert Vitals().error_rate == 0.0


def test_vitals_add_up_with_their_examples_most_frequent_first():
    one = Vitals(10, 3, Histogram.of([(1.0, 10)]), 2.0, (("a", 2), ("b", 1)))
    other = Vitals(5, 4, Histogram.of([(2.0, 5)]), 3.0, (("b", 3), ("c", 1)))

    assert one + other == Vitals(15, 7, Histogram.of([(1.0, 10), (2.0, 5)]), 5.0, (("b", 4), ("a", 2), ("c", 1)))


@given(vitals(), vitals(), vitals())
def test_the_order_in_which_vitals_are_added_does_not_matter(one, two, three):
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one


def test_looks_add_up_side_by_side():
    one, other = Look(Vitals(1), Vitals(2)), Look(Vitals(10), Vitals(20, 1))

    assert one + other == Look(Vitals(11), Vitals(22, 1))
    assert (Look(Vitals(blind="no route"), Vitals()) + one).stable.blind == "no route"
