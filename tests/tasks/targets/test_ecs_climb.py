"""Which climbs ECS can express, what is refused with the nearest that it can, and what a climb's configuration says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.rollout import Plan, Step
from tasks.targets.ecs.climb import STAGES, Climb, at_once, percents, problem_of, rolling, silence_min

LAMBDA = {"hookTargetArn": "arn:aws:lambda:eu-west-1:000000000000:function:look", "lifecycleStages": ["PRE_SCALE_UP"]}
OLD_PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"]}
THEIRS = {
    "maximumPercent": 150,
    "alarms": {"alarmNames": ["5xx"], "enable": True, "rollback": True},
    "deploymentCircuitBreaker": {"enable": False, "rollback": False, "resetOnHealthyTask": False},
    "futureField": {"depth": 2},
}


def plan(*percents, watch_s=0.0, **more):
    return Plan(tuple(Step(percent, watch_s) for percent in percents), **more)


climbs = st.lists(st.integers(1, 99), max_size=12, unique=True).map(lambda some: plan(*sorted(some), 100))


@pytest.mark.parametrize(
    ("steps", "strategy", "step"),
    [
        ((100,), "BLUE_GREEN", 100),
        ((10, 100), "CANARY", 10),
        ((50, 100), "CANARY", 50),
        ((1, 100), "CANARY", 1),
        ((25, 50, 75, 100), "LINEAR", 25),
        ((40, 80, 100), "LINEAR", 40),
        ((*range(3, 100, 3), 100), "LINEAR", 3),
    ],
)
def test_one_step_then_all_is_canary_equal_steps_are_linear_and_all_at_once_is_blue_green(steps, strategy, step):
    climb = Climb.of(plan(*steps))

    assert problem_of(plan(*steps), rolling=False, hook_timeout_min=None) == ""
    assert (climb.strategy, climb.step) == (strategy, step)
    assert percents(climb.configured({})) == steps


@pytest.mark.parametrize(
    ("steps", "nearest"),
    [
        ((5, 25, 100), "The nearest: 34, 68, 100 % (LINEAR), or 5, 100 % (CANARY)"),
        ((1, 5, 25, 50, 100), "The nearest: 20, 40, 60, 80, 100 % (LINEAR), or 1, 100 % (CANARY)"),
        ((2, 4, 6, 100), "The nearest: 25, 50, 75, 100 % (LINEAR), or 2, 100 % (CANARY)"),
        (tuple(range(2, 101, 2)), f"The nearest: {', '.join(map(str, range(3, 100, 3)))}, 100 % (LINEAR)"),
    ],
)
def test_uneven_or_too_fine_steps_are_refused_with_the_nearest_that_ecs_can(steps, nearest):
    problem = problem_of(plan(*steps), rolling=False, hook_timeout_min=None)

    assert f"{', '.join(map(str, steps))} % is neither" in problem
    assert nearest in problem


@given(climbs)
def test_what_is_refused_names_only_climbs_that_are_not_refused_and_the_rest_stops_where_it_says(any_plan):
    problem = problem_of(any_plan, rolling=False, hook_timeout_min=None)
    if not problem:
        assert percents(Climb.of(any_plan).configured({})) == tuple(step.percent for step in any_plan.steps)
        return
    for told in problem.partition("The nearest: ")[2].split(", or "):
        steps = [int(number) for number in told.partition(" %")[0].split(", ")]
        assert problem_of(plan(*steps), rolling=False, hook_timeout_min=None) == ""


@pytest.mark.parametrize(
    ("given_plan", "minutes"),
    [
        (plan(100, patience_s=0.0), 2),
        (plan(10, 100, watch_s=600.0, patience_s=600.0), 22),
        (plan(100, bake_s=1800.0, compare_s=60.0, patience_s=1.0), 33),
        (plan(100, compare_s=3600.0, patience_s=0.0), 62),
    ],
)
def test_silence_is_the_longest_watch_with_patience_and_a_margin_in_whole_minutes_upward(given_plan, minutes):
    assert silence_min(given_plan) == Climb.of(given_plan).silence_min == minutes


def test_a_hook_timeout_that_is_shorter_than_the_climb_may_hold_is_refused_with_how_long_that_is():
    watched = plan(10, 100, watch_s=600.0, patience_s=600.0)
    problem = problem_of(watched, rolling=False, hook_timeout_min=21)

    assert problem.startswith("hook_timeout is 21m, but this climb may hold for 22m")
    assert problem_of(watched, rolling=False, hook_timeout_min=22) == ""
    assert Climb.of(watched, 45).silence_min == 45


def test_a_watch_that_is_longer_than_ecs_waits_for_anybody_is_refused():
    problem = problem_of(plan(10, 100, watch_s=15 * 86_400.0), rolling=False, hook_timeout_min=None)

    assert "ECS waits for a word for 14d at most" in problem


def test_what_a_configuration_has_that_we_do_not_know_is_kept_and_every_pause_is_ours():
    before = {**THEIRS, "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 30, "lifecycleHooks": [LAMBDA, OLD_PAUSE]}
    told = Climb("LINEAR", 20, 45).configured(before)

    assert {key: told[key] for key in THEIRS} == THEIRS
    assert told["linearConfiguration"] == {"stepPercent": 20.0, "stepBakeTimeInMinutes": 0}
    assert "canaryConfiguration" not in told
    assert told["bakeTimeInMinutes"] == 0
    assert told["lifecycleHooks"] == [
        LAMBDA,
        {
            "targetType": "PAUSE",
            "lifecycleStages": list(STAGES),
            "timeoutConfiguration": {"timeoutInMinutes": 45, "action": "ROLLBACK"},
        },
    ]


@given(climbs, st.sampled_from([{}, Climb("CANARY", 5, 9).configured(THEIRS), Climb("LINEAR", 5, 9).configured({})]))
def test_one_climb_after_another_leaves_nothing_of_the_one_before(next_plan, before):
    climb = Climb.of(next_plan)

    assert climb.configured(climb.configured(before)) == climb.configured(before)
    assert {key for key in climb.configured(before) if key.endswith("Configuration")} <= {
        f"{climb.strategy.lower()}Configuration"
    }


def test_at_once_has_no_pause_and_no_bake_and_keeps_what_is_others():
    told = at_once(Climb("CANARY", 10, 45).configured({**THEIRS, "lifecycleHooks": [LAMBDA]}))

    assert told == {**THEIRS, "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [LAMBDA]}


def test_rolling_turns_the_breaker_on_and_keeps_its_limits_and_others_hooks():
    told = rolling({**THEIRS, "strategy": "ROLLING", "bakeTimeInMinutes": 5, "lifecycleHooks": [LAMBDA, OLD_PAUSE]})

    breaker = {"enable": True, "rollback": True, "resetOnHealthyTask": False}
    assert told == {
        **THEIRS,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 5,
        "lifecycleHooks": [LAMBDA],
        "deploymentCircuitBreaker": breaker,
    }
    assert "lifecycleHooks" not in rolling({})


@pytest.mark.parametrize("more", [{"watch_s": 60.0}, {"compare_s": 60.0}, {"bake_s": 60.0}])
def test_a_rolling_update_with_anything_to_watch_is_refused_with_what_to_write(more):
    problem = problem_of(plan(100, **more), rolling=True, hook_timeout_min=None)

    assert "cannot split users" in problem
    assert "steps: [{traffic: 100%, watch: 0s}]" in problem
    assert problem_of(plan(100), rolling=True, hook_timeout_min=None) == ""
    assert problem_of(plan(10, 100), rolling=True, hook_timeout_min=None) == problem


@pytest.mark.parametrize(
    ("configuration", "stops"),
    [
        ({}, (100,)),
        ({"strategy": "ROLLING"}, (100,)),
        ({"strategy": "A_NEW_ONE"}, (100,)),
        ({"strategy": "CANARY"}, (5, 100)),
        ({"strategy": "LINEAR"}, tuple(range(10, 101, 10))),
        ({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.0}}, (33, 66, 99, 100)),
    ],
)
def test_what_others_configured_stops_where_aws_says_by_default(configuration, stops):
    assert percents(configuration) == stops


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((100,), "BLUE_GREEN, all at once"),
        ((10, 100), "CANARY, 10 and then 100 %"),
        ((25, 50, 75, 100), "LINEAR, 25 % at a time"),
    ],
)
def test_a_climb_is_said_in_a_few_words(steps, said):
    assert Climb.of(plan(*steps)).said == said
