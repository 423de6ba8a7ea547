"""Who gets how much: always 100 in total, and nobody loses more than rounding."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from surefoot.traffic import Traffic

names = st.text("abcdef", min_size=1, max_size=3)


@st.composite
def traffics(draw) -> Traffic:
    cuts = sorted(draw(st.sets(st.integers(1, 99), max_size=6)))
    shares = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    revisions = draw(st.lists(names, min_size=len(shares), max_size=len(shares), unique=True))
    return Traffic.of(dict(zip(revisions, shares, strict=True)))


@pytest.mark.parametrize(
    "shares",
    [
        (),
        (("a", 99),),
        (("a", 101),),
        (("a", 60), ("b", 50)),
        (("a", 0), ("b", 100)),
        (("a", -10), ("b", 110)),
        (("b", 50), ("a", 50)),
        (("a", 50), ("a", 50)),
    ],
)
def test_traffic_that_is_none_is_refused(shares):
    with pytest.raises(ValueError, match="traffic"):
        Traffic(shares)


def test_what_is_wrong_with_traffic_is_shown():
    with pytest.raises(ValueError, match="total 100 in whole positive percents: nothing"):
        Traffic(())
    with pytest.raises(ValueError, match="60 % on a, 50 % on b"):
        Traffic.of({"b": 50, "a": 60})


def test_zeros_are_left_out_and_names_sorted():
    assert Traffic.of({"b": 30, "a": 70, "c": 0}).shares == (("a", 70), ("b", 30))


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({"old": 100}, 5, {"old": 95, "new": 5}),
        ({"old": 95, "new": 5}, 25, {"old": 75, "new": 25}),
        ({"old": 75, "new": 25}, 100, {"new": 100}),
        ({"old": 75, "new": 25}, 0, {"old": 100}),
        ({"a": 50, "b": 50}, 1, {"a": 50, "b": 49, "new": 1}),
        ({"a": 90, "b": 10}, 50, {"a": 45, "b": 5, "new": 50}),
        ({"a": 99, "b": 1}, 60, {"a": 40, "new": 60}),
        ({"new": 100}, 100, {"new": 100}),
    ],
)
def test_traffic_moves_toward_a_revision(before, percent, after):
    assert Traffic.of(before).toward("new", percent) == Traffic.of(after)


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_percent_beyond_its_bounds_is_refused(percent):
    with pytest.raises(ValueError, match="is not between 0 and 100"):
        Traffic.all_on("old").toward("new", percent)


@pytest.mark.parametrize("percent", [0, 60, 99])
def test_traffic_cannot_leave_the_only_revision(percent):
    with pytest.raises(ValueError, match=f"nobody else has traffic to take the other {100 - percent} %"):
        Traffic.all_on("only").toward("only", percent)


@given(traffics(), names, st.integers(0, 100))
def test_traffic_always_totals_100_and_the_one_gets_what_was_asked(traffic, revision, percent):
    assume(traffic != Traffic.all_on(revision))

    after = traffic.toward(revision, percent)

    assert sum(share for _, share in after.shares) == 100
    assert after.percent(revision) == percent


@given(traffics(), names, st.integers(0, 100))
def test_the_others_keep_their_proportions_within_one_percent(traffic, revision, percent):
    assume(traffic != Traffic.all_on(revision))
    others = 100 - traffic.percent(revision)

    after = traffic.toward(revision, percent)

    for name, share in traffic.shares:
        if name != revision:
            assert abs(after.percent(name) - share * (100 - percent) / others) < 1
    assert {name for name, _ in after.shares} <= {name for name, _ in traffic.shares} | {revision}


@given(traffics(), names)
def test_moving_to_where_it_is_changes_nothing(traffic, revision):
    assume(traffic != Traffic.all_on(revision))

    assert traffic.toward(revision, traffic.percent(revision)) == traffic


@given(traffics())
def test_one_move_brings_everything_back_to_one_revision(traffic):
    assert traffic.toward("stable", 100) == Traffic.all_on("stable")


@given(traffics())
def test_the_main_revision_has_the_largest_share(traffic):
    assert traffic.percent(traffic.main) == max(share for _, share in traffic.shares)


def test_the_first_by_name_is_main_where_two_are_equal():
    assert Traffic.of({"b": 50, "a": 50}).main == "a"


def test_traffic_is_written_largest_first():
    assert str(Traffic.of({"new": 25, "old": 75})) == "75 % on old, 25 % on new"
    assert Traffic.all_on("old").percent("new") == 0
