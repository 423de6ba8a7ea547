"""The climb: what a plan may be, and what comes next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.rollout import Advance, Ask, Hold, Mark, Phase, Plan, RollBack, Step, WhenUnclear, is_stranded, next_move
from surefoot.traffic import Traffic
from surefoot.verdict import Outcome, Verdict

PASS, FAIL, UNCLEAR = (
    Verdict(outcome, outcome.lower()) for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
)
TO_THE_TOP = (Step(100, 60),)
PLAN = Plan(TO_THE_TOP, patience_s=600)
ASKING = Plan(TO_THE_TOP, patience_s=600, when_unclear=WhenUnclear.ASK)

plans = st.builds(
    Plan,
    st.just(TO_THE_TOP),
    patience_s=st.floats(0, 10_000),
    when_unclear=st.sampled_from(WhenUnclear),
)
verdicts = st.lists(st.sampled_from([PASS, FAIL, UNCLEAR]), max_size=6)
seconds = st.floats(0, 10_000)


@pytest.mark.parametrize(
    "percents", [(), (50,), (10, 50), (0, 100), (-5, 100), (50, 10, 100), (50, 50, 100), (100, 100)]
)
def test_a_plan_only_climbs_and_ends_at_100(percents):
    with pytest.raises(ValueError, match=r"a plan ends at 100 %|steps only climb, from at least 1 %"):
        Plan(tuple(Step(percent, 60) for percent in percents))


@pytest.mark.parametrize("look_s", [0, -1, 0.0001])
def test_a_plan_without_time_between_looks_is_refused(look_s):
    with pytest.raises(ValueError, match="between two looks is too short"):
        Plan(TO_THE_TOP, look_s=look_s)


@pytest.mark.parametrize(
    ("plan", "looks", "shortest_s"),
    [
        (Plan((Step(10, 60), Step(100, 30)), bake_s=15, compare_s=20, look_s=10), 6 + 3 + 2 + 2, 125),
        (Plan((Step(100, 0),)), 1, 0),
        (Plan((Step(100, 0.3),), look_s=0.1), 3, 0.3),
    ],
)
def test_a_plan_knows_how_often_it_looks_and_how_long_it_takes(plan, looks, shortest_s):
    assert plan.planned_looks == looks
    assert plan.shortest_s == shortest_s


@pytest.mark.parametrize(
    ("plan", "seen", "elapsed_s", "move"),
    [
        (PLAN, [], 9999, Hold("nothing was looked at yet")),
        (PLAN, [PASS], 59, Hold("pass")),
        (PLAN, [PASS], 60, Advance("pass")),
        (PLAN, [UNCLEAR, PASS], 600, Advance("pass")),
        (PLAN, [PASS, FAIL], 1, RollBack("fail")),
        (PLAN, [UNCLEAR], 59, Hold("inconclusive")),
        (PLAN, [PASS, UNCLEAR], 60, Hold("inconclusive")),
        (PLAN, [UNCLEAR], 659, Hold("inconclusive")),
        (PLAN, [UNCLEAR], 660, RollBack("still unclear after 660 s: inconclusive")),
        (ASKING, [UNCLEAR], 659, Hold("inconclusive")),
        (ASKING, [UNCLEAR], 660, Ask("still unclear after 660 s: inconclusive")),
        (ASKING, [FAIL], 660, RollBack("fail")),
    ],
)
def test_what_comes_next(plan, seen, elapsed_s, move):
    assert next_move(plan, 60, seen, elapsed_s) == move


@given(plans, seconds, verdicts, seconds)
def test_only_a_pass_whose_watch_is_over_goes_on(plan, watch_s, seen, elapsed_s):
    goes_on = isinstance(next_move(plan, watch_s, seen, elapsed_s), Advance)

    assert goes_on is (bool(seen) and seen[-1] is PASS and elapsed_s >= watch_s)


@given(plans, seconds, verdicts, st.sampled_from([FAIL, UNCLEAR]), seconds)
def test_a_failed_or_inconclusive_verdict_never_goes_on(plan, watch_s, before, latest, elapsed_s):
    assert not isinstance(next_move(plan, watch_s, [*before, latest], elapsed_s), Advance)


@given(plans, seconds, verdicts, seconds)
def test_a_failed_verdict_goes_back_at_once(plan, watch_s, before, elapsed_s):
    assert next_move(plan, watch_s, [*before, FAIL], elapsed_s) == RollBack("fail")


@given(plans, seconds, verdicts.filter(bool))
def test_nothing_is_held_for_ever(plan, watch_s, seen):
    assert not isinstance(next_move(plan, watch_s, seen, watch_s + plan.patience_s), Hold)


@pytest.mark.parametrize(
    ("phase", "ended"),
    [
        (Phase.STAGING, False),
        (Phase.CLIMBING, False),
        (Phase.BAKING, False),
        (Phase.RESTORING, False),
        (Phase.PROMOTED, True),
        (Phase.PUT_BACK, True),
        (Phase.NOT_PUT_BACK, True),
        (Phase.REFUSED, True),
    ],
)
def test_only_an_end_is_an_end(phase, ended):
    assert phase.ended is ended


@pytest.mark.parametrize(("late_s", "stranded"), [(-1, False), (0, False), (1, True)])
def test_a_rollout_is_stranded_once_its_owner_missed_the_moment_it_promised(late_s, stranded):
    until = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
    mark = Mark("r1", Traffic.all_on("old"), "new", 25, until, 7)

    assert is_stranded(mark, until + timedelta(seconds=late_s)) is stranded
