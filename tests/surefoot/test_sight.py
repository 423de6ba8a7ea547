"""What a plan is said to see is what the judge will see."""

from hypothesis import given
from hypothesis import strategies as st

from surefoot.judge import judge
from surefoot.rollout import Harm, Limits, Plan, Step
from surefoot.sight import sights
from surefoot.verdict import Outcome
from surefoot.vitals import Histogram, Look, Vitals

PLAN = Plan((Step(10, 600), Step(50, 0), Step(100, 300)), bake_s=900, compare_s=120, look_s=30, probes_per_s=5)


def side(requests: int, errors: int) -> Vitals:
    return Vitals(requests, errors, Histogram(((20.0, requests),)), 30.0)


def test_every_stretch_that_is_watched_is_told_in_the_order_of_the_climb():
    assert [(sight.percent, sight.bake) for sight in sights(PLAN)] == [
        (0, False),
        (10, False),
        (100, False),
        (100, True),
    ]


def test_requests_are_those_of_whole_looks():
    plan = Plan((Step(100, 45),), look_s=30, probes_per_s=2)
    assert [sight.requests for sight in sights(plan)] == [120]


def test_one_failure_less_than_said_does_not_put_back_and_as_many_as_said_do():
    looks = 0
    for sight in sights(PLAN):
        looks += round(sight.watch_s / PLAN.look_s)
        for errors, fails in ((sight.fails_at, True), (sight.fails_at - 1, False)):
            seen = Look(side(sight.requests, 0), side(sight.requests, errors))
            verdict = judge([seen], PLAN.harm, Limits(), looks, PLAN.planned_looks)
            assert (verdict.outcome is Outcome.FAIL) is fails, (sight, errors)


@given(st.floats(0.001, 0.9))
def test_a_healthy_release_passes_with_as_many_requests_as_said_and_with_no_fewer(harm):
    plan = Plan((Step(100, 10),), harm=Harm(error_rate=harm))
    (sight,) = sights(plan)
    for requests, outcome in ((sight.needs, Outcome.PASS), (sight.needs - 1, Outcome.INCONCLUSIVE)):
        seen = Look(side(requests, 0), side(requests, 0))
        assert judge([seen], plan.harm, Limits(), 1, 1).outcome is outcome


def test_a_step_too_short_for_its_harm_says_so():
    short, long = (next(iter(sights(Plan((Step(100, watch_s),), probes_per_s=2)))) for watch_s in (10, 300))
    assert (short.enough, long.enough) == (False, True)
    assert short.clears > 0.02 > long.clears


def test_a_window_without_requests_sees_nothing():
    (sight,) = sights(Plan((Step(100, 1),), look_s=1, probes_per_s=0.1))
    assert (sight.requests, sight.fails_at, sight.clears, sight.enough) == (0, 0, 1.0, False)


def test_so_few_requests_that_no_failures_tell():
    (sight,) = sights(Plan((Step(100, 1),), look_s=1, probes_per_s=2))
    assert (sight.requests, sight.fails_at) == (2, 0)
