"""Which write brings a service nearer to what is wanted, for every situation it can be seen in."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_seen_ecs import ARN, CANARY, GREEN, MARK, NOON, OLDER, ON_CANARY, ON_STABLE, STABLE, TEN, deployment, state

from surefoot.errors import Interfered, Refused, RolledBack, TargetError
from surefoot.traffic import Traffic
from tasks.targets.ecs.climb import Climb
from tasks.targets.ecs.problems import Conflict
from tasks.targets.ecs.words import (
    Back,
    Begin,
    Done,
    Go,
    Wait,
    difference,
    is_about,
    named,
    next_word,
    refuse_answered,
    refuse_overtaken,
    refuse_strangers,
    steps_of,
)


def asked(percent):
    return deployment(targetServiceRevision={"arn": CANARY.arn, "requestedProductionTrafficWeight": float(percent)})


PAUSED, MOVING = deployment(), deployment(hook="")
BACK = deployment("ROLLBACK_IN_PROGRESS", hook="")
BACK_AGAIN = deployment("ROLLBACK_SUCCESSFUL", hook="", rollback={"reason": "alarm 5xx"})
NOT_BACK = deployment("ROLLBACK_FAILED", hook="", statusReason="no capacity")
STOPPING = deployment("STOP_REQUESTED", hook="", statusReason="by hand")
STOPPED = deployment("STOPPED", hook="", statusReason="by hand")
GOOD = deployment("SUCCESSFUL", hook="")
FIRST = deployment("SUCCESSFUL", hook="", target=STABLE, sources=())
GONE = replace(OLDER, gone="its task definition was deregistered")


@pytest.mark.parametrize(
    ("seen", "wanted", "over", "move"),
    [
        # at work, on the way up
        (state(PAUSED), TEN, False, Go(PAUSED)),
        (state(PAUSED, blue=90, green=10), TEN, False, Done()),
        (state(PAUSED, blue=90, green=10), ON_CANARY, False, Go(PAUSED)),
        (state(PAUSED, blue=0, green=100), ON_CANARY, False, Done()),
        (state(PAUSED, blue=0, green=100), ON_CANARY, True, Go(PAUSED)),
        (state(MOVING), TEN, False, Wait()),
        (state(MOVING, blue=90, green=10), TEN, False, Wait()),
        (state(MOVING, blue=0, green=100), ON_CANARY, True, Wait()),
        # the pause after a step, whose weights are read late: a word more would be one step too far
        (state(asked(10)), TEN, False, Wait()),
        (state(asked(10)), ON_CANARY, False, Wait()),
        (state(asked(10)), ON_STABLE, False, Back(asked(10))),
        (state(asked(100), blue=90, green=10), TEN, False, Wait()),
        (state(asked(10), blue=90, green=10), TEN, False, Done()),
        (state(asked(10), blue=90, green=10), ON_CANARY, False, Go(asked(10))),
        # at work, and back
        (state(PAUSED), ON_STABLE, False, Done()),
        (state(MOVING), ON_STABLE, False, Wait()),
        (state(PAUSED), ON_STABLE, True, Back(PAUSED)),
        (state(MOVING), ON_STABLE, True, Back(MOVING)),
        (state(PAUSED, blue=90, green=10), ON_STABLE, False, Back(PAUSED)),
        (state(MOVING, blue=0, green=100), ON_STABLE, True, Back(MOVING)),
        (state(BACK, blue=90, green=10), ON_STABLE, True, Wait()),
        (state(BACK), ON_STABLE, True, Wait()),
        (state(STOPPING, blue=90, green=10), ON_STABLE, True, Wait()),
        # what was before is deployed anew, since ECS could not go back to it: that is not stopped
        (state(deployment(hook="", target=replace(STABLE, group=GREEN))), ON_STABLE, True, Wait()),
        # ECS goes back by itself: what came of it is told when it is over
        (state(BACK, blue=90, green=10), TEN, False, Wait()),
        (state(BACK), ON_CANARY, True, Wait()),
        # the two halves of a look lie a moment apart, and ECS has put it back in between
        (state(BACK_AGAIN, blue=0, green=100, current=(CANARY,)), ON_CANARY, True, Wait()),
        (state(BACK_AGAIN, blue=90, green=10, current=(STABLE, CANARY)), TEN, False, Wait()),
        # at rest
        (state(FIRST), ON_STABLE, True, Done()),
        (state(BACK_AGAIN), ON_STABLE, True, Done()),
        (state(GOOD, blue=0, green=100, current=(CANARY,)), ON_CANARY, True, Done()),
        (state(GOOD, blue=0, green=100, current=(CANARY,), past=(CANARY, STABLE)), ON_STABLE, True, Begin(STABLE)),
        (state(FIRST, past=(STABLE, OLDER)), Traffic.all_on("shop:0"), True, Begin(OLDER)),
        (state(BACK_AGAIN, mark=None, past=(STABLE, CANARY)), ON_CANARY, True, Begin(CANARY)),
        # ECS could not go back: what was before is deployed anew, wherever the weights are
        (state(NOT_BACK, blue=90, green=10, current=(STABLE, CANARY)), ON_STABLE, True, Begin(STABLE)),
        (state(NOT_BACK), ON_STABLE, True, Begin(STABLE)),
        (state(STOPPED, blue=90, green=10, current=(STABLE, CANARY)), ON_STABLE, True, Begin(STABLE)),
    ],
)
def test_the_next_word_follows_from_what_is_seen(seen, wanted, over, move):
    assert next_word(seen, wanted, over=over) == move


@pytest.mark.parametrize(
    ("seen", "wanted", "error", "said"),
    [
        (state(BACK_AGAIN), ON_CANARY, RolledBack, "ECS has put it back by itself: alarm 5xx"),
        (
            state(NOT_BACK, blue=90, green=10, current=(STABLE, CANARY)),
            ON_CANARY,
            Refused,
            "and could not: no capacity",
        ),
        (state(NOT_BACK, blue=0, green=100, current=(CANARY,)), ON_CANARY, Refused, "and could not: no capacity"),
        (state(STOPPING), TEN, Interfered, "by hand"),
        (state(STOPPED, current=(STABLE, CANARY)), ON_CANARY, Interfered, "by hand"),
        (state(STOPPED, blue=0, green=100, current=(CANARY,)), ON_CANARY, Refused, "ended as STOPPED: by hand"),
        (state(PAUSED), Traffic.all_on("shop:0"), Refused, "while a deployment of shop-new is at work"),
        (state(PAUSED), ON_STABLE.toward("shop:0", 10), Refused, "while a deployment of shop-new is at work"),
        (state(PAUSED, blue=50, green=50), TEN, Refused, "it cannot go from 50 % on shop-new, 50 % on shop:1 to 90 %"),
        (
            state(PAUSED),
            ON_STABLE.toward("shop-new", 20),
            Refused,
            "ECS stops at 10, 100 % in this deployment, not at 20",
        ),
        (state(FIRST), ON_STABLE.toward("shop:0", 10), Refused, "no deployment is at work"),
        (state(FIRST), Traffic.all_on("nobody"), Refused, "no deployment is at work"),
        (state(FIRST, past=(STABLE, GONE)), Traffic.all_on("shop:0"), Refused, "cannot start shop:0 again: its task"),
    ],
)
def test_what_ecs_cannot_do_or_somebody_prevents_is_told(seen, wanted, error, said):
    with pytest.raises(error) as told:
        next_word(seen, wanted, over=False)
    assert type(told.value) is error
    assert said in str(told.value)


shares = st.integers(0, 100)
WORDS = """PENDING IN_PROGRESS SUCCESSFUL STOPPED STOP_REQUESTED ROLLBACK_REQUESTED ROLLBACK_IN_PROGRESS
ROLLBACK_SUCCESSFUL ROLLBACK_FAILED A_WORD_OF_TOMORROW"""
statuses = st.sampled_from(WORDS.split())


@given(statuses, st.sampled_from(["", "h-1"]), shares, shares, st.booleans(), st.sampled_from([MARK, None]))
def test_in_whatever_state_it_is_done_is_said_only_where_users_are_and_forward_only_to_a_pause(
    status, hook, has, percent, over, mark
):
    seen = state(deployment(status, hook), blue=100 - has, green=has, current=(STABLE, CANARY), mark=mark)
    wanted = ON_STABLE.toward("shop-new", percent)
    try:
        move = next_word(seen, wanted, over=over)
    except TargetError:
        return
    if isinstance(move, Done):
        assert seen.traffic == wanted
        assert status not in ("ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "STOP_REQUESTED")
    if isinstance(move, Go):
        assert hook
        assert percent >= has
        assert percent in (10, 100)
    if isinstance(move, Back):
        assert percent == 0
    if isinstance(move, Begin):
        assert move.part.name == wanted.main
        assert seen.underway is None


def test_a_deployment_can_end_in_what_was_before_or_in_all_on_it():
    assert is_about(state(PAUSED), ON_STABLE)
    assert is_about(state(PAUSED), ON_CANARY)
    assert not is_about(state(PAUSED), Traffic.all_on("shop:0"))
    assert is_about(state(FIRST), ON_STABLE)
    assert not is_about(state(FIRST), ON_CANARY)


def test_a_deployment_has_the_traffics_of_its_own_stops_by_itself():
    linear = deployment(climb=Climb("LINEAR", 50, 30))

    assert steps_of(state(linear)) == {ON_STABLE, ON_STABLE.toward("shop-new", 50), ON_CANARY}
    assert steps_of(state(FIRST)) == frozenset()


def test_weights_that_are_no_step_of_ours_are_somebodys():
    ours = steps_of(state(PAUSED))

    refuse_strangers(state(PAUSED, blue=90, green=10), ON_CANARY, ours)
    with pytest.raises(Interfered, match="set the traffic of shop to 70 % on shop-new"):
        refuse_strangers(state(PAUSED, blue=30, green=70), ON_CANARY, ours)
    theirs = deployment(target=replace(OLDER, name="theirs"))
    with pytest.raises(Interfered, match="shop:0 is at work, which this rollout did not begin; it is left alone"):
        refuse_strangers(state(theirs), ON_CANARY, ours)


def test_an_owner_with_an_older_fence_is_overtaken_and_one_with_the_same_is_not():
    refuse_overtaken(state(PAUSED), MARK)
    with pytest.raises(Interfered, match="its fence is 2, and a newer owner has written here with 3"):
        refuse_overtaken(state(PAUSED), replace(MARK, fence=2))


@pytest.mark.parametrize(
    ("now", "error"),
    [
        (PAUSED, Conflict),
        (deployment(hook="h-2"), Interfered),
        (deployment(hook=""), Interfered),
        (STOPPED, Interfered),
        (deployment(name="d-9"), Interfered),
    ],
)
def test_a_pause_that_did_not_take_our_word_was_answered_by_somebody_or_refuses_it(now, error):
    with pytest.raises(error) as told:
        refuse_answered(state(now), PAUSED, Conflict("not awaiting an action"))
    assert type(told.value) is error


@pytest.mark.parametrize(
    "now",
    [
        BACK,
        BACK_AGAIN,
        NOT_BACK,
        deployment(hook="", lifecycleHookDetails=[{"hookId": "h-1", "targetType": "PAUSE", "status": "TIMED_OUT"}]),
    ],
)
def test_a_pause_whose_time_was_up_was_answered_by_nobody(now):
    refuse_answered(state(now), PAUSED, Conflict("not awaiting an action"))


def test_what_is_other_than_it_was_is_said_by_name():
    then, now = state(PAUSED), state(PAUSED, blue=90, green=10)

    assert difference(now.version, then.version) == "weights: blue=90, green=10, was blue=100, green=0"
    assert difference(now.version, now.version) == "nothing that has a name"


def test_a_revision_is_named_with_its_task_definition_unless_that_is_its_name():
    assert named(STABLE) == "shop:1"
    assert named(CANARY) == "shop-new (shop:2)"
    assert (CANARY.group, CANARY.definition, GOOD.created_at) == (GREEN, f"{ARN}:task-definition/shop:2", NOON)
