"""What a service file may say of ECS, what is carried in tags, and what is made of a live task definition."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from target_seen_ecs import MARK, NOON, ON_STABLE, deployment

from surefoot.errors import Refused
from surefoot.release import Address, Image, Release
from surefoot.rollout import Mark, Plan, Step
from surefoot.traffic import Traffic
from tasks.targets.ecs import Settings, plan_problem, promises, undo_command
from tasks.targets.ecs.definition import entrance, name_of, released
from tasks.targets.ecs.failing import failed_starts
from tasks.targets.ecs.features import refuse_old_sdk
from tasks.targets.ecs.marks import fence, passing, read_mark, written

PLACE = {"region": "eu-west-1", "cluster": "production", "service": "shop"}
IMAGE = Image("registry.example.com/shop", "sha256:" + "ab" * 32)
RELEASE = Release("shop", IMAGE, "1.9.0", "4e1c9aa0b1c2")
TAG = r"[\w +\-=.:/@]{0,256}"


def settings(**more):
    return Settings.model_validate({**PLACE, **more})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("region", "us-gov-west-1"),
        ("region", "eusc-de-east-1"),
        ("service", "s" * 255),
        ("cluster", "Prod_1-a"),
        ("url", "https://shop.example.com"),
        ("preview", "https://shop.example.com:8443"),
        ("preview", "x-preview: canary"),
        ("endpoint", "https://ecs.example.com"),
        ("endpoint", "http://127.0.0.1:8702"),
        ("hook_timeout", "1m"),
        ("hook_timeout", "14d"),
    ],
)
def test_what_is_right_is_taken_as_it_is(field, value):
    assert getattr(settings(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "right"),
    [
        ("url", "shop.example.com", "write https://shop.example.com"),
        ("url", "ftp://shop.example.com", "write https://shop.example.com"),
        ("url", "https://shop.example.com/?a=1", "write https://shop.example.com"),
        ("preview", "canary", "write https://shop.example.com"),
        ("preview", "x-preview:", "write https://shop.example.com"),
        ("endpoint", "http://ecs.example.com", "write https://… or leave endpoint out"),
        ("hook_timeout", "59s", "between 1m and 14d"),
        ("hook_timeout", "15d", "between 1m and 14d"),
        ("hook_timeout", "soon", "write"),
    ],
)
def test_what_is_wrong_is_told_with_its_field_its_value_and_what_would_be_right(field, value, right):
    with pytest.raises(ValidationError) as told:
        settings(**{field: value})
    (error,) = told.value.errors()
    assert error["loc"] == (field,)
    assert repr(value) in error["msg"]
    assert right in error["msg"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("region", "Ireland"),
        ("region", "eu-west"),
        ("cluster", "a/b"),
        ("service", ""),
        ("service", "s" * 256),
        ("service", "arn:aws:ecs:eu-west-1:0:service/shop"),
        ("container", "a b"),
        ("strategy", "canary"),
        ("change_within", "0s"),
        ("poll_every", "0s"),
        ("regoin", "eu-west-1"),
    ],
)
def test_what_aws_has_no_name_for_is_refused_at_its_field(field, value):
    with pytest.raises(ValidationError) as told:
        settings(**{field: value})
    assert [error["loc"] for error in told.value.errors()] == [(field,)]


@pytest.mark.parametrize("field", ["url", "preview", "endpoint"])
def test_an_address_with_a_password_is_refused_without_repeating_it(field):
    with pytest.raises(ValidationError, match="an address carries no name or password") as told:
        settings(**{field: "https://team:hunter2@shop.example.com"})
    assert "hunter2" not in told.value.errors()[0]["msg"]


@pytest.mark.parametrize(("told", "minutes"), [("", None), ("1m", 1), ("90s", 2), ("2h", 120)])
def test_a_hook_timeout_is_whole_minutes_upward(told, minutes):
    assert settings(hook_timeout=told).hook_timeout_min == minutes


@pytest.mark.parametrize(
    ("preview", "at"),
    [
        ("", None),
        ("https://p.example.com/", Address("https://p.example.com")),
        ("x-preview: a b", Address("https://shop.example.com", (("x-preview", "a b"),))),
    ],
)
def test_a_preview_is_an_address_or_a_header_at_the_public_one(preview, at):
    assert settings(preview=preview).previewed("https://shop.example.com") == at


def test_a_plan_prints_what_ecs_sees_to_by_itself():
    plan = Plan((Step(10, 60.0), Step(100, 0.0)), patience_s=60.0)

    assert promises(settings(), plan) == (
        "ECS moves users itself (CANARY, 10 and then 100 %), one step at each word of ours",
        "ECS puts the release back by itself after 4m without one",
    )
    assert "after 30m" in promises(settings(hook_timeout="30m"), plan)[1]
    assert "circuit breaker" in promises(settings(strategy="rolling"), plan)[0]
    assert "hook_timeout is 3m" in plan_problem(settings(hook_timeout="3m"), plan)
    assert undo_command(settings(), ON_STABLE) == (
        "aws ecs stop-service-deployment --stop-type ROLLBACK --region eu-west-1 --service-deployment-arn "
        '"$(aws ecs list-service-deployments --cluster production --service shop --region eu-west-1 '
        "--status IN_PROGRESS --query 'serviceDeployments[0].serviceDeploymentArn' --output text)\""
    )


# Marks

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}(:[1-9][0-9]{0,5})?", fullmatch=True)
moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 (the zone is drawn)
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]),
)


def split(one, other, percent):
    return Traffic.of({one: percent, f"{other}-b": 100 - percent})


marks = st.builds(
    Mark,
    rollout=st.from_regex(r"[a-z0-9-]{1,40}/[a-z0-9-]{1,20}/[a-z0-9-]{1,60}/[0-9a-f]{8}", fullmatch=True),
    stable=names.map(Traffic.all_on) | st.builds(split, names, names, st.integers(1, 99)),
    canary=names,
    percent=st.integers(0, 100),
    until=moments,
    fence=st.integers(0, 10**9),
)


@given(marks)
def test_a_mark_is_read_as_it_was_written_and_aws_takes_every_tag_of_it(mark):
    tags = written(mark, {})

    assert read_mark({**tags, "team": "shop"}) == mark
    assert all(_taken(value) for value in (*tags, *tags.values()))


def _taken(text):
    return re.fullmatch(TAG, text) is not None


@given(st.text(max_size=30), st.sampled_from(sorted(written(MARK, {}))))
def test_a_tag_that_somebody_damaged_leaves_no_mark_or_one_that_can_be_used(text, key):
    mark = read_mark({**written(MARK, {}), key: text})

    assert mark is None or (mark.until > NOON - timedelta(days=10**5) and all(name for name, _ in mark.stable.shares))
    assert fence({**written(MARK, {}), "surefoot:fence": text}) >= 0


@pytest.mark.parametrize(
    ("key", "damaged"),
    [
        ("until", "2026-11-21T12:00:00"),
        ("until", "tomorrow"),
        ("stable", "100"),
        ("stable", "shop:1"),
        ("stable", "shop:1=50"),
        ("stable", ""),
        ("canary", ""),
        ("percent", "ten"),
        ("fence", ""),
    ],
)
def test_half_a_mark_is_none(key, damaged):
    assert read_mark({**written(MARK, {}), f"surefoot:{key}": damaged}) is None
    assert read_mark({name: value for name, value in written(MARK, {}).items() if name != f"surefoot:{key}"}) is None


def test_the_fence_never_falls_and_outlives_the_rest_and_others_tags_are_not_ours_to_take():
    tags = written(replace(MARK, fence=3), {"surefoot:fence": "7"})

    assert fence(tags) == 7
    assert "surefoot:fence" not in passing({**tags, "surefoot:owner": "priya", "team": "shop"})
    assert passing({**tags, "surefoot:owner": "priya", "team": "shop"}) == sorted(set(tags) - {"surefoot:fence"})
    assert [fence({"surefoot:fence": text}) for text in ("", "-1", "seven", "²")] == [0, 0, 0, 0]


# Task definitions

SHOP = {"name": "shop", "image": "shop:1", "essential": True, "environment": [{"name": "A", "value": "1"}]}
PROXY = {"name": "proxy", "image": "proxy:1", "essential": False, "futureOfTheContainer": [1]}
LIVE = {
    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:000000000000:task-definition/shop:7",
    "family": "shop",
    "revision": 7,
    "status": "ACTIVE",
    "registeredAt": 1.0,
    "registeredBy": "arn:aws:iam::000000000000:user/priya",
    "requiresAttributes": [],
    "compatibilities": ["FARGATE"],
    "containerDefinitions": [PROXY, SHOP],
    "futureField": {"depth": 2},
    "tags": [
        {"key": "team", "value": "shop"},
        {"key": "surefoot:revision", "value": "old"},
        {"key": "aws:x", "value": "1"},
    ],
}


fields = st.from_regex(r"future[A-Z][a-z]{1,9}", fullmatch=True)


@given(st.dictionaries(fields, st.integers() | st.text() | st.lists(st.none())))
def test_only_image_and_our_tags_change_and_what_is_not_known_is_sent_back(unknown):
    made = released({**LIVE, **unknown}, RELEASE, "shop-1-9-0", "")

    assert made == {
        "family": "shop",
        "futureField": {"depth": 2},
        **unknown,
        "containerDefinitions": [PROXY, {**SHOP, "image": str(IMAGE)}],
        "tags": [
            {"key": "team", "value": "shop"},
            {"key": "surefoot:revision", "value": "shop-1-9-0"},
            {"key": "surefoot:release", "value": RELEASE.id},
            {"key": "surefoot:commit", "value": RELEASE.commit},
            {"key": "surefoot:from", "value": "shop:7"},
        ],
    }


def test_the_container_of_a_release_is_the_one_that_is_named_or_the_first_that_is_essential():
    assert entrance(LIVE, "")["name"] == "shop"
    assert entrance(LIVE, "proxy")["name"] == "proxy"
    assert entrance({**LIVE, "containerDefinitions": [PROXY]}, "")["name"] == "proxy"
    assert released(LIVE, RELEASE, "r", "proxy")["containerDefinitions"] == [{**PROXY, "image": str(IMAGE)}, SHOP]
    with pytest.raises(Refused, match="shop:7 has no container 'web'; it has proxy, shop"):
        released(LIVE, RELEASE, "r", "web")


def test_a_task_definition_is_called_as_we_tagged_it_or_by_its_own_name():
    assert name_of(LIVE) == "old"
    assert name_of({**LIVE, "tags": []}) == "shop:7"


@pytest.mark.parametrize("length", [1, 48, 49, 50, 62, 63, 255])
def test_a_service_of_any_length_gives_names_that_fit_a_tag_and_differ_by_release(length):
    service = "s" * length
    name = RELEASE.revision_name(service)
    other = replace(RELEASE, image=Image(IMAGE.repository, "sha256:" + "cd" * 32)).revision_name(service)
    mark = replace(MARK, canary=name, stable=Traffic.all_on(other))

    assert name != other
    assert len(name) <= 63
    assert all(_taken(value) for value in written(mark, {}).values())


# Tasks that fail to start


def task(**more):
    return {
        "taskDefinitionArn": deployment().target.definition,
        "createdAt": NOON,
        "stopCode": "TaskFailedToStart",
        **more,
    }


def test_three_tasks_that_stopped_are_a_failure_with_the_last_ones_reason():
    exited = {"name": "shop", "exitCode": 3, "reason": "OutOfMemory"}
    last = task(stoppedAt=NOON + timedelta(seconds=9), stoppedReason="Essential container exited", containers=[exited])

    assert failed_starts(deployment(), [task(), last]) == ""
    assert failed_starts(deployment(), [task(), last, task()]) == (
        "3 of its tasks stopped, the last because Essential container exited; shop exited with code 3; OutOfMemory"
    )
    assert "the last because TaskFailedToStart" in failed_starts(deployment(), [task()] * 3)


@pytest.mark.parametrize(
    "innocent",
    [
        {"stopCode": "UserInitiated"},
        {"stopCode": "SpotInterruption"},
        {"stopCode": "TerminationNotice"},
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by (deployment 1)"},
        {"createdAt": NOON - timedelta(seconds=1)},
        {"taskDefinitionArn": "arn:aws:ecs:eu-west-1:000000000000:task-definition/shop:1"},
    ],
)
def test_a_task_whose_end_says_nothing_of_the_release_does_not_count(innocent):
    assert failed_starts(deployment(), [task(), task(), task(**innocent)]) == ""
    assert failed_starts(deployment(), [task(), task(), task(stopCode="A_CODE_OF_TOMORROW")]) != ""


# The SDK


class Shape:
    def __init__(self, *enum):
        self.enum = list(enum)


class Model:
    """A service model of an SDK, by what it knows."""

    def __init__(self, operations, **shapes):
        self.operation_names = operations
        self.shape_names = list(shapes)
        self._shapes = shapes

    def shape_for(self, name):
        return self._shapes[name]


BOTH = ["ContinueServiceDeployment", "StopServiceDeployment", "UpdateService"]
PAUSE = Shape("AWS_LAMBDA", "PAUSE")
ALL = Shape("ROLLING", "BLUE_GREEN", "LINEAR", "CANARY")


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (Model(BOTH, DeploymentStrategy=ALL), "PAUSE hooks"),
        (Model(BOTH, DeploymentStrategy=ALL, DeploymentLifecycleHookTargetType=Shape("AWS_LAMBDA")), "PAUSE hooks"),
        (Model(BOTH[1:], DeploymentStrategy=ALL, DeploymentLifecycleHookTargetType=PAUSE), "ContinueServiceDeployment"),
        (
            Model(BOTH, DeploymentStrategy=Shape("ROLLING", "BLUE_GREEN"), DeploymentLifecycleHookTargetType=PAUSE),
            "strategy CANARY, strategy LINEAR",
        ),
        (
            Model(["UpdateService"]),
            ", ".join([*BOTH[:2], "strategy CANARY", "strategy LINEAR", "strategy BLUE_GREEN", "PAUSE hooks"]),
        ),
    ],
)
def test_an_sdk_that_is_too_old_is_refused_with_what_it_lacks_and_which_version_has_it(model, missing):
    with pytest.raises(Refused) as told:
        refuse_old_sdk(model)
    assert f"does not know {missing}; at least 1.43.11 does: uv pip install --upgrade" in str(told.value)


def test_an_sdk_that_knows_all_of_it_is_not_refused():
    refuse_old_sdk(Model(BOTH, DeploymentStrategy=ALL, DeploymentLifecycleHookTargetType=PAUSE))
