"""What a canary is judged on, and how the chance of a false alarm is spent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.rollout import Harm, Limits, Plan, Step
from surefoot.terms import Terms

PLAN = Plan((Step(10, 60.0), Step(100, 60.0)), look_s=10.0, harm=Harm(0.01, 0.3, 0.02), limits=Limits(p95_ms=900.0))


def test_terms_are_those_of_the_plan():
    terms = Terms.of(PLAN)

    assert terms.planned_looks == 12
    assert (terms.error_rate, terms.false_alarm, terms.limits) == (0.01, 0.02, PLAN.limits)
    assert dict(terms.latency) == {"p50": 0.3, "p95": 0.3, "p99": 0.3}
    assert terms.rare == ("p99",)
    assert not terms.split


def test_a_source_that_sees_minutes_only_has_fewer_looks_to_spend_on():
    assert Terms.of(PLAN, split=True, shortest_s=60.0).planned_looks == 2


@given(st.integers(1, 500), st.floats(0.0, 0.2))
def test_however_long_it_goes_on_no_more_is_spent_than_may_be(planned, false_alarm):
    terms = Terms(planned, false_alarm)

    spent = [terms.may_spend(look) for look in (*range(1, 3 * planned), 10**9)]

    assert spent == sorted(spent)
    assert 0 <= spent[0] <= spent[-1] <= false_alarm


def test_the_first_of_many_looks_may_spend_little_and_the_planned_ones_nearly_all():
    terms = Terms(100, 0.01)

    assert terms.may_spend(1) < 0.01 / 1_000
    assert terms.may_spend(100) == pytest.approx(0.01 * 0.92)
    assert terms.may_spend(101) > terms.may_spend(100)
