"""What follows from what ECS and the load balancer said at one moment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_seen_ecs import (
    ARN,
    BLUE,
    CANARY,
    GREEN,
    MARK,
    NOON,
    OLDER,
    ON_CANARY,
    ON_STABLE,
    STABLE,
    TEN,
    balanced,
    deployment,
    state,
    waiting,
)

from surefoot.errors import Refused
from tasks.targets.ecs.climb import at_once

REST = deployment("SUCCESSFUL", hook="", target=STABLE, sources=(), finishedAt=NOON)


@pytest.mark.parametrize(
    ("blue", "green", "percent"),
    [
        (90, 10, 10),
        (900, 100, 10),
        (2, 1, 33),
        (1, 2, 67),
        (999, 1, 1),
        (1, 999, 99),
        (1, 1, 50),
        (0, 5, 100),
        (7, 0, 0),
    ],
)
def test_weights_are_whole_percents_and_who_has_any_keeps_at_least_one(blue, green, percent):
    assert state(deployment(), blue=blue, green=green).traffic.percent("shop-new") == percent


@given(st.integers(0, 999), st.integers(0, 999))
def test_whatever_the_weights_are_the_traffic_totals_100_and_is_nearest(blue, green):
    if not blue + green:
        with pytest.raises(Refused, match="nobody any weight"):
            _ = state(deployment(), blue=0, green=0).traffic
        return
    seen, exact = state(deployment(), blue=blue, green=green).traffic, 100 * green / (blue + green)

    assert sum(share for _, share in seen.shares) == 100
    assert abs(seen.percent("shop-new") - exact) <= 1
    assert (seen.percent("shop-new") > 0) == (green > 0)
    assert (seen.percent("shop:1") > 0) == (blue > 0)


def test_a_group_that_no_revision_is_in_is_refused_with_its_name_and_what_is_there():
    with pytest.raises(Refused, match=r"sends users of shop to green, where no revision of it is; live are blue"):
        _ = state(REST, blue=10, green=90).traffic
    assert state(REST, blue=10, green=90).strange == (GREEN,)
    assert state(REST, blue=10, green=0).strange == ()


def test_two_revisions_in_one_group_are_told_as_the_one_that_serves():
    assert state(REST, current=(replace(OLDER, name="shop:1"), STABLE)).traffic == ON_STABLE


def test_without_a_load_balancer_users_are_on_what_is_replaced_until_it_is():
    at_work = deployment(hook="")

    assert state(at_work, rolling=True, current=(STABLE, CANARY)).traffic == ON_STABLE
    assert state(replace_status(at_work, "SUCCESSFUL"), rolling=True, current=(CANARY,)).traffic == ON_CANARY


def test_a_service_that_serves_nothing_is_refused():
    with pytest.raises(Refused, match="nothing that serves"):
        _ = state(rolling=True, current=()).traffic


def replace_status(one, status, **told):
    return replace(one, raw={**one.raw, "status": status, **told})


@pytest.mark.parametrize(
    ("status", "over", "back", "stopped"),
    [
        ("PENDING", False, False, False),
        ("IN_PROGRESS", False, False, False),
        ("SUCCESSFUL", True, False, False),
        ("STOP_REQUESTED", False, True, True),
        ("STOPPED", True, True, True),
        ("ROLLBACK_REQUESTED", False, True, False),
        ("ROLLBACK_IN_PROGRESS", False, True, False),
        ("ROLLBACK_SUCCESSFUL", True, True, False),
        ("ROLLBACK_FAILED", True, True, False),
        ("A_WORD_OF_TOMORROW", False, False, False),
        ("ROLLBACK_OF_TOMORROW", False, True, False),
    ],
)
def test_every_status_says_whether_it_is_over_and_whether_it_goes_back(status, over, back, stopped):
    seen = deployment(status)

    assert (seen.status, seen.over, seen.going_back, seen.stopped) == (status, over, back, stopped)
    assert bool(seen.hook) == (not over and not back)


def test_an_end_with_a_word_that_nobody_knows_is_an_end():
    seen = deployment("ENDED_OTHERWISE", finishedAt=NOON)

    assert (seen.over, seen.hook) == (True, "")
    assert state(seen).underway is None


def test_a_hook_that_nobody_knows_is_carried_and_only_a_pause_that_waits_is_answered():
    known = waiting("h-2", "SUCCEEDED")
    odd = {"hookId": "h-3", "targetType": "ORACLE", "status": "AWAITING_ACTION"}

    assert deployment(lifecycleHookDetails=[odd, known]).hook == ""
    assert deployment(lifecycleHookDetails=[odd, known, waiting("h-4")]).hook == "h-4"
    assert deployment(lifecycleHookDetails=[waiting("h-5", "TIMED_OUT")]).timed_out == {"h-5"}


def test_a_deployment_pauses_only_where_all_of_our_stages_are_in_its_own_configuration():
    assert deployment().pauses
    assert not deployment(deploymentConfiguration=at_once({})).pauses
    assert not deployment(deploymentConfiguration={}).pauses
    half = {"lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}]}
    assert not deployment(deploymentConfiguration=half).pauses


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "status IN_PROGRESS"),
        ({"statusReason": "too slow"}, "too slow"),
        ({"statusReason": "too slow", "rollback": {"reason": "alarm"}}, "alarm"),
        ({"statusReason": "bad", "alarms": {"triggeredAlarmNames": ["5xx", "p99"]}}, "bad (alarm 5xx, p99)"),
        ({"statusReason": "alarm 5xx rang", "alarms": {"triggeredAlarmNames": ["5xx"]}}, "alarm 5xx rang"),
    ],
)
def test_awss_reason_is_told_as_it_is_with_the_alarms_that_rang(told, reason):
    assert deployment(**told).reason == reason


def test_a_deployment_that_has_only_begun_goes_back_to_what_serves():
    begun = deployment("PENDING", hook="", sources=())

    assert state(begun, current=(STABLE, CANARY)).before == ON_STABLE
    assert state(begun, current=(CANARY,)).before is None
    assert state(REST).before is None


@pytest.mark.parametrize(
    ("status", "green", "undone"),
    [
        ("ROLLBACK_SUCCESSFUL", 0, True),
        ("ROLLBACK_IN_PROGRESS", 0, True),
        ("ROLLBACK_IN_PROGRESS", 10, False),
        ("ROLLBACK_FAILED", 0, False),
        ("ROLLBACK_FAILED", 10, False),
        ("STOPPED", 0, False),
        ("IN_PROGRESS", 0, False),
        ("SUCCESSFUL", 0, False),
    ],
)
def test_put_back_is_what_users_are_and_a_way_back_that_failed_is_none(status, green, undone):
    fallen = deployment(status, hook="", rollback={"reason": "alarm 5xx"})
    seen = state(fallen, blue=100 - green, green=green, current=(STABLE, CANARY))

    assert seen.undone == ("ECS has put it back by itself: alarm 5xx" if undone else "")


def test_what_another_put_back_or_what_nobody_marked_is_not_ours_to_tell():
    fallen = deployment("ROLLBACK_SUCCESSFUL", hook="")

    assert state(fallen, mark=None).undone == ""
    assert state(fallen, mark=replace(MARK, canary="shop-other")).undone == ""
    assert state(mark=MARK).undone == ""


def test_a_stranger_is_who_deploys_what_is_neither_ours_nor_the_way_back():
    theirs = replace(OLDER, name="shop-theirs", definition=f"{ARN}:task-definition/theirs:4")

    assert "theirs:4 is at work" in state(deployment(target=theirs)).stranger
    assert state(deployment()).stranger == ""
    assert state(deployment(target=STABLE, sources=(CANARY,))).stranger == ""
    assert state(deployment(target=theirs), mark=None).stranger == ""
    assert state(replace_status(deployment(target=theirs), "SUCCESSFUL")).stranger == ""


@pytest.mark.parametrize(
    "changed",
    [
        state(deployment(hook="h-2"), green=10, blue=90),
        state(deployment(hook=""), green=10, blue=90),
        state(deployment(status="ROLLBACK_REQUESTED"), green=10, blue=90),
        state(deployment(name="d-2"), green=10, blue=90),
        state(deployment(), green=11, blue=89),
        state(deployment(), green=10, blue=90, taskDefinition=f"{ARN}:task-definition/shop:9"),
        state(deployment(), green=10, blue=90, mark=replace(MARK, percent=20)),
        state(deployment(), green=10, blue=90, mark=None),
    ],
)
def test_whatever_anybody_writes_is_another_version(changed):
    seen = state(deployment(), green=10, blue=90)

    assert changed.version != seen.version
    assert state(deployment(), green=10, blue=90).version == seen.version


def test_only_the_weights_and_the_mark_are_outside_of_the_calm_stamp():
    seen = state(deployment())

    assert state(deployment(), green=10, mark=None).calm_stamp == seen.calm_stamp
    assert state(deployment(), mark=None).stamp == seen.stamp
    assert state(deployment(), tags={"team": "shop"}).version == seen.version
    assert "paused at None (h-1)" in seen.version


def test_the_groups_of_a_service_are_those_its_load_balancers_name():
    told = [
        {"targetGroupArn": BLUE, "advancedConfiguration": {"alternateTargetGroupArn": GREEN}},
        {"loadBalancerName": "x"},
    ]

    assert state(REST, loadBalancers=told).groups == {BLUE, GREEN}
    assert state(REST).groups == frozenset()


def test_a_revision_is_found_where_it_serves_or_served():
    seen = state(deployment(), past=(STABLE, OLDER), balance=balanced(90, 10))

    assert [seen.part(name) for name in ("shop-new", "shop:1", "shop:0", "nobody")] == [CANARY, STABLE, OLDER, None]
    assert seen.traffic == TEN
    assert seen.settled
    assert not state(deployment(hook="")).settled
