"""How each strategy of a deployment brings users from one revision to the next."""

import asyncio

import pytest
from rehearsed_ecs import CLUSTER, NAME, PAUSED_STEPS, configuration, staged

pytestmark = pytest.mark.anyio
ALL_STAGES = [
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
]


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as running:
        yield running


async def weights(stage, rule: int = 0) -> list[int]:
    """Return the weights of blue and green in a rule."""
    (told,) = (await stage.call("describe_rules", RuleArns=[stage.rules[rule]]))["Rules"]
    known = {one["TargetGroupArn"]: one["Weight"] for one in told["Actions"][0]["ForwardConfig"]["TargetGroups"]}
    return [known[group] for group in stage.groups]


async def targets(stage) -> list[list[str]]:
    """Return the states of the targets of blue and green."""
    answers = [await stage.call("describe_target_health", TargetGroupArn=group) for group in stage.groups]
    return [[one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]] for answer in answers]


async def test_a_first_deployment_gives_users_the_first_revision_without_steps_and_pauses(stage):
    service = await stage.create(configuration("CANARY", PAUSED_STEPS))

    assert (service["runningCount"], service["desiredCount"]) == (1, 1)
    assert [(one["status"], one["rolloutState"]) for one in service["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert await stage.answers(5) == {"shop:1": 5}
    assert await weights(stage) == [100, 0]


async def test_a_canary_shows_itself_to_a_share_of_users_and_waits_before_every_step(stage):
    await stage.create(configuration("CANARY", PAUSED_STEPS))

    await stage.update("better")
    first = await stage.paused()
    assert await stage.answers(10) == {"shop:1": 10}
    await stage.proceed()
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    second = await stage.paused()
    told = await stage.deployment()
    assert told["lifecycleStage"] == "PRE_PRODUCTION_TRAFFIC_SHIFT"
    assert await stage.answers(40) == {"shop:1": 30, "shop:2": 10}
    assert told["targetServiceRevision"]["requestedProductionTrafficWeight"] == 25
    assert told["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 75
    service = await stage.told()
    assert [(one["status"], one["rolloutState"]) for one in service["deployments"]] == [
        ("PRIMARY", "IN_PROGRESS"),
        ("ACTIVE", "COMPLETED"),
    ]
    assert [one["runningTaskCount"] for one in service["currentServiceRevisions"]] == [1, 1]
    await stage.proceed()
    ended = await stage.ended()

    assert ended["status"] == "SUCCESSFUL"
    assert first["hookId"] != second["hookId"]
    assert [one["status"] for one in ended["lifecycleHookDetails"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert await stage.answers(5) == {"shop:2": 5}


async def test_a_blue_green_deployment_is_tried_by_testers_then_has_all_users_and_cleans_up(stage):
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"]}
    await stage.create(configuration("BLUE_GREEN", hook))

    await stage.update("better")
    await stage.paused()
    assert await stage.answers(4) == {"shop:1": 4}
    assert await stage.answers(4, **{"x-preview": "yes"}) == {"shop:2": 4}
    told = await stage.deployment()
    assert told["targetServiceRevision"]["requestedTestTrafficWeight"] == 100
    assert told["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0
    await stage.proceed()
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    await stage.paused()
    assert await stage.answers(4) == {"shop:2": 4}
    assert await targets(stage) == [["healthy"], ["healthy"]]
    await stage.proceed()
    await stage.ended()

    assert await targets(stage) == [[], ["healthy"]]
    assert [await weights(stage, rule) for rule in (0, 1)] == [[0, 100], [0, 100]]
    service = await stage.told()
    assert [one["taskDefinition"][-6:] for one in service["deployments"]] == ["shop:2"]
    assert service["runningCount"] == 1


async def test_a_linear_deployment_takes_equal_steps_up_to_all_users(stage):
    await stage.create(configuration("LINEAR", PAUSED_STEPS))

    await stage.update("better")
    seen = []
    for step in range(3):
        await stage.until(lambda count=step + 1: len(stage.service().latest.hooks) == count)
        await stage.paused()
        seen.append((await weights(stage), (await stage.answers(10))["shop:2"]))
        await stage.proceed()
    ended = await stage.ended()

    assert seen == [([100, 0], 0), ([60, 40], 4), ([20, 80], 8)]
    assert ended["status"] == "SUCCESSFUL"
    assert await weights(stage) == [0, 100]


async def test_pauses_come_in_the_order_of_the_stages(stage):
    await stage.create(configuration("BLUE_GREEN", *({"targetType": "PAUSE", "lifecycleStages": ALL_STAGES},)))

    await stage.update("better")
    seen = []
    for count in range(1, len(ALL_STAGES) + 1):
        await stage.until(lambda count=count: len(stage.service().latest.hooks) == count)
        await stage.paused()
        told = await stage.deployment()
        seen.append((told["lifecycleStage"], told["targetServiceRevision"]["runningTaskCount"]))
        await stage.proceed()

    assert (await stage.ended())["status"] == "SUCCESSFUL"
    assert seen == [(name, 0 if name == "PRE_SCALE_UP" else 1) for name in ALL_STAGES]


async def test_a_percent_with_a_fraction_becomes_weights_without_one(stage):
    canary = {"canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 0}}
    await stage.create(configuration("CANARY", PAUSED_STEPS, **canary))

    await stage.update("better")
    await stage.proceed()
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    await stage.paused()

    assert await weights(stage) == [875, 125]


async def test_a_shift_that_was_asked_for_is_seen_in_the_rule_and_by_users_only_later(stage):
    await stage.create(configuration("CANARY", PAUSED_STEPS))
    await stage.update("better")
    await stage.paused()

    stage.balancer.pace.traffic_lag_s = 2.0
    await stage.proceed()
    await stage.until(lambda: stage.service().latest.production == 25)
    assert await weights(stage) == [100, 0]
    await stage.until(lambda: stage.balancer.weights(stage.rules[0])[stage.groups[1]] == 25)
    assert await stage.answers(8) == {"shop:1": 8}
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    assert await stage.answers(8) == {"shop:1": 6, "shop:2": 2}


async def test_steps_and_the_end_are_baked_for_as_long_as_the_configuration_says(stage):
    canary = {"canaryConfiguration": {"canaryPercent": 50.0, "canaryBakeTimeInMinutes": 4}}
    await stage.create(configuration("CANARY", **canary, bakeTimeInMinutes=4))

    await stage.update("better")
    ended = await stage.ended()

    # Twice four minutes, an eighth of a second each.
    assert (ended["finishedAt"] - ended["startedAt"]).total_seconds() >= 1


async def test_lambda_hooks_pass_by_themselves(stage):
    function = "arn:aws:lambda:eu-west-1:000000000000:function:check"
    hook = {"hookTargetArn": function, "roleArn": "arn:aws:iam::000000000000:role/hook"}
    await stage.create(configuration("BLUE_GREEN", {**hook, "lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}))

    await stage.update("better")
    ended = await stage.ended()

    (told,) = ended["lifecycleHookDetails"]
    assert (told["targetType"], told["targetArn"], told["status"]) == ("AWS_LAMBDA", function, "SUCCEEDED")
    assert ended["status"] == "SUCCESSFUL"


async def test_a_rolling_deployment_replaces_tasks_in_one_target_group_and_drops_nobody(stage):
    plain = [{key: value for key, value in stage.load_balancers[0].items() if key != "advancedConfiguration"}]
    await stage.create(configuration("ROLLING"), loadBalancers=plain, desiredCount=2)

    await stage.update("better")
    heard = await stage.answers(10)
    while not stage.service().latest.ended:
        heard += await stage.answers(10)

    assert set(heard) <= {"shop:1", "shop:2"}
    assert await stage.answers(10) == {"shop:2": 10}
    assert await targets(stage) == [["healthy", "healthy"], []]
    assert (await stage.told())["runningCount"] == 2


async def test_a_service_without_a_load_balancer_is_replaced_once_the_new_tasks_run(stage):
    await stage.create(configuration("ROLLING"), loadBalancers=[])

    await stage.update("better")
    ended = await stage.ended()

    assert ended["status"] == "SUCCESSFUL"
    assert "requestedProductionTrafficWeight" not in ended["targetServiceRevision"]
    (running,) = (await stage.call("list_tasks", cluster=CLUSTER, serviceName=NAME))["taskArns"]
    (task,) = (await stage.call("describe_tasks", cluster=CLUSTER, tasks=[running]))["tasks"]
    assert task["taskDefinitionArn"].endswith("shop:2")


async def test_a_deployment_goes_back_and_forth_between_the_two_groups(stage):
    await stage.create(configuration("BLUE_GREEN"))
    used = []
    for tag in ("better", "best"):
        await stage.update(tag)
        ended = await stage.ended()
        arns = [ended["targetServiceRevision"]["arn"]]
        (revision,) = (await stage.call("describe_service_revisions", serviceRevisionArns=arns))["serviceRevisions"]
        used.append(revision["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"])

    assert used == [stage.groups[1], stage.groups[0]]
    assert await stage.answers(3) == {"shop:3": 3}


async def test_a_new_deployment_of_the_same_task_definition_can_be_forced(stage):
    await stage.create(configuration("BLUE_GREEN"))
    before = [task.id for task in stage.service().tasks]

    await stage.update(forceNewDeployment=True)
    ended = await stage.ended()

    assert ended["status"] == "SUCCESSFUL"
    assert [task.id for task in stage.service().tasks if task.status == "RUNNING"] != before
    assert await stage.answers(3) == {"shop:1": 3}


async def test_two_services_are_deployed_side_by_side(stage):
    await stage.create(configuration("CANARY", PAUSED_STEPS))
    await stage.create(configuration("ROLLING"), name="cart", loadBalancers=[])

    await asyncio.gather(stage.update("better"), stage.update("better", name="cart"))
    await stage.paused()

    assert (await stage.ended("cart"))["status"] == "SUCCESSFUL"
    assert (await stage.deployment())["status"] == "IN_PROGRESS"


async def test_of_two_updates_at_once_one_overtakes_the_other(stage):
    await stage.create(configuration("BLUE_GREEN"))
    wanted = [await stage.register(tag) for tag in ("better", "best")]

    await asyncio.gather(*(stage.update(taskDefinition=one) for one in wanted))
    ended = await stage.ended()

    assert ended["status"] == "SUCCESSFUL"
    assert [one.status for one in stage.service().deployments] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    told = await stage.told()
    assert told["runningCount"] == 1
    assert await stage.answers(4) == {told["taskDefinition"].rpartition("/")[2]: 4}
