"""Who is chosen next."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.backend import Backend, Backends
from rehearsal.splitter.table import Table


def row(name: str, weight: int, instances: int = 1):
    return Backends(name, tuple(Backend("127.0.0.1", 1000 + number) for number in range(instances))), weight


def chosen(table: Table) -> str:
    backends = table.choose()
    assert backends is not None
    return backends.revision


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), st.integers(1, 300))
def test_after_any_number_of_choices_each_share_is_nearly_exact(weights, choices):
    table = Table([row(f"r{number}", weight) for number, weight in enumerate(weights)])
    counts = Counter(chosen(table) for _ in range(choices))
    for number, weight in enumerate(weights):
        assert abs(counts[f"r{number}"] - choices * weight / sum(weights)) < len(weights)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5))
def test_after_a_whole_round_each_share_is_exact(weights):
    table = Table([row(f"r{number}", weight) for number, weight in enumerate(weights)])
    counts = Counter(chosen(table) for _ in range(sum(weights)))
    assert [counts[f"r{number}"] for number in range(len(weights))] == weights


def test_a_small_share_is_spread_not_sent_in_a_row():
    table = Table([row("stable", 90), row("canary", 10)])
    order = [chosen(table) for _ in range(100)]
    gaps = [at for at, name in enumerate(order) if name == "canary"]
    assert [later - earlier for earlier, later in pairwise(gaps)] == [10] * 9


def test_changes_at_every_fifth_request_do_not_starve_the_small_share():
    table, counts = Table([]), Counter()
    for change in range(200):
        table = Table([row("stable", 95 - change % 2), row("canary", 5 + change % 2)], before=table)
        counts.update(chosen(table) for _ in range(5))
    assert 50 <= counts["canary"] <= 60


def test_nobody_is_chosen_from_an_empty_table():
    assert Table([]).choose() is None
    assert Table([row("a", 0)]).choose() is None


def test_weight_zero_gets_nothing():
    table = Table([row("a", 1), row("b", 0)])
    assert {chosen(table) for _ in range(20)} == {"a"}


def test_the_revision_asked_for_is_chosen_while_it_has_weight():
    table = Table([row("a", 99), row("b", 1)])
    asked_for = table.choose("b")
    assert asked_for is not None
    assert asked_for.revision == "b"
    assert chosen(table) == "a"
    gone = Table([row("a", 100)]).choose("b")
    assert gone is not None
    assert gone.revision == "a"


def test_instances_take_turns():
    table = Table([row("a", 1, instances=3)])
    backends = table.choose()
    assert backends is not None
    assert [table.turn(backends) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize("rows", [[("a", 1), ("a", 2)], [("a", -1)]])
def test_a_table_that_makes_no_sense_is_refused(rows):
    with pytest.raises(ValueError, match=r"twice|negative"):
        Table([row(name, weight) for name, weight in rows])
