"""What cuts a deployment short, and what is left then."""

import asyncio
from contextlib import suppress

import pytest
from rehearsed_ecs import CLUSTER, NAME, PAUSED_STEPS, configuration, staged

pytestmark = pytest.mark.anyio
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
ALARMS = {"alarmNames": ["errors", "latency"], "enable": True, "rollback": True}


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as running:
        yield running


async def half_way(stage, *, config=None) -> dict:
    """Bring a canary to a quarter of the users, where it pauses."""
    await stage.create(config or configuration("CANARY", PAUSED_STEPS))
    await stage.update("better")
    await stage.proceed()
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    await stage.paused()
    return await stage.deployment()


async def assert_gone_back(stage) -> None:
    """Check that the first revision has all users, and nothing of the second runs."""
    told = await stage.told()
    assert told["taskDefinition"].endswith("shop:1")
    assert [one["taskDefinition"][-6:] for one in told["deployments"]] == ["shop:1"]
    assert told["runningCount"] == told["desiredCount"] == 1
    assert await stage.answers(5) == {"shop:1": 5}
    assert await stage.answers(5, **{"x-preview": "yes"}) == {"shop:1": 5}
    answers = [await stage.call("describe_target_health", TargetGroupArn=group) for group in stage.groups]
    assert sum(len(answer["TargetHealthDescriptions"]) for answer in answers) == 1
    assert not [task for task in stage.service().tasks if task.status != "STOPPED" and "shop:2" in task.key]


async def test_an_answer_can_be_to_roll_back(stage):
    begun = await half_way(stage)

    await stage.proceed("ROLLBACK")
    ended = await stage.ended()

    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["rollback"]["serviceRevisionArn"] == begun["sourceServiceRevisions"][0]["arn"]
    assert "PRE_PRODUCTION_TRAFFIC_SHIFT" in ended["rollback"]["reason"]
    assert ended["lifecycleHookDetails"][1]["status"] == "FAILED"
    assert ended["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0
    await assert_gone_back(stage)


async def test_an_answer_counts_once_and_only_for_the_hook_that_waits(stage):
    begun = await half_way(stage)
    arn, (used, waiting) = begun["serviceDeploymentArn"], begun["lifecycleHookDetails"]

    for wrong in (used["hookId"], "unknown"):
        code = await stage.refused("continue_service_deployment", serviceDeploymentArn=arn, hookId=wrong)
        assert code == "InvalidParameterException"
    code = await stage.refused("continue_service_deployment", serviceDeploymentArn=f"{arn}x", hookId="unknown")
    assert code == "ServiceDeploymentNotFoundException"
    await stage.call("continue_service_deployment", serviceDeploymentArn=arn, hookId=waiting["hookId"])

    assert (await stage.ended())["status"] == "SUCCESSFUL"


async def test_a_deployment_can_be_stopped_at_any_time_and_goes_back(stage):
    begun = await half_way(stage)
    arn = begun["serviceDeploymentArn"]

    await stage.call("stop_service_deployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
    ended = await stage.ended()

    assert (ended["status"], ended["statusReason"]) == (
        "ROLLBACK_SUCCESSFUL",
        "Service deployment rolled back because of user request.",
    )
    await assert_gone_back(stage)
    assert await stage.refused("stop_service_deployment", serviceDeploymentArn=arn) == "ConflictException"
    hook = begun["lifecycleHookDetails"][1]["hookId"]
    code = await stage.refused("continue_service_deployment", serviceDeploymentArn=arn, hookId=hook)
    assert code == "InvalidParameterException"


@pytest.mark.parametrize("strategy", ["ROLLING", "BLUE_GREEN"])
async def test_a_deployment_that_only_just_began_can_be_stopped(stage, strategy):
    await stage.create(configuration(strategy))

    await stage.update("hang")
    arn = (await stage.deployment())["serviceDeploymentArn"]
    await stage.call("stop_service_deployment", serviceDeploymentArn=arn, stopType="ROLLBACK")

    assert (await stage.ended())["status"] == "ROLLBACK_SUCCESSFUL"
    await assert_gone_back(stage)


async def test_stopping_while_both_bake_returns_all_users_to_the_old_tasks_which_never_ended(stage):
    await stage.create(configuration("BLUE_GREEN", bakeTimeInMinutes=1000))
    before = [task.id for task in stage.service().tasks]

    await stage.update("better")
    await stage.until(lambda: stage.service().latest.stage == "BAKE_TIME")
    assert await stage.answers(3) == {"shop:2": 3}
    arn = (await stage.deployment())["serviceDeploymentArn"]
    await stage.call("stop_service_deployment", serviceDeploymentArn=arn)
    await stage.ended()

    await assert_gone_back(stage)
    assert [task.id for task in stage.service().tasks if task.status == "RUNNING"] == before


async def test_old_tasks_that_were_about_to_end_are_started_anew_on_the_way_back(stage):
    await stage.create(configuration("BLUE_GREEN"), tag="deaf")  # its tasks take a second to end
    (before,) = stage.service().tasks

    await stage.update("better")
    await stage.until(lambda: stage.service().latest.stage == "CLEAN_UP" and before.stopping)
    arn = (await stage.deployment())["serviceDeploymentArn"]
    await stage.call("stop_service_deployment", serviceDeploymentArn=arn)
    await stage.until(lambda: before.status == "STOPPED")

    assert (await stage.ended())["status"] == "ROLLBACK_SUCCESSFUL"
    await assert_gone_back(stage)


async def test_aborting_leaves_everything_where_it_is_and_the_next_deployment_tidies_up(stage):
    begun = await half_way(stage)

    await stage.call("stop_service_deployment", serviceDeploymentArn=begun["serviceDeploymentArn"], stopType="ABORT")
    ended = await stage.ended()
    assert ended["status"] == "STOPPED"
    assert "stoppedAt" in ended
    assert await stage.answers(8) == {"shop:1": 6, "shop:2": 2}
    reconcile = {"targetType": "PAUSE", "lifecycleStages": ["RECONCILE_SERVICE"]}
    await stage.update("best", deploymentConfiguration=configuration("BLUE_GREEN", reconcile))
    await stage.paused()

    assert (await stage.deployment())["lifecycleStage"] == "RECONCILE_SERVICE"
    assert [task.definition.label for task in stage.service().tasks if task.status == "RUNNING"] == ["shop:1"]
    assert await stage.answers(8) == {"shop:1": 8}
    await stage.proceed()
    await stage.ended()
    assert await stage.answers(3) == {"shop:3": 3}
    assert (await stage.told())["runningCount"] == 1


@pytest.mark.parametrize(("action", "status"), [("ROLLBACK", "ROLLBACK_SUCCESSFUL"), ("CONTINUE", "SUCCESSFUL")])
async def test_a_pause_that_nobody_answers_takes_its_own_way(stage, action, status):
    timeout = {"timeoutConfiguration": {"timeoutInMinutes": 4, "action": action}}
    await stage.create(configuration("BLUE_GREEN", PAUSED_STEPS | timeout))

    await stage.update("better")
    waiting = await stage.paused()
    assert waiting["timeoutAction"] == action
    ended = await stage.ended()

    assert ended["status"] == status
    assert [one["status"] for one in ended["lifecycleHookDetails"]] == ["TIMED_OUT"]
    assert ended["updatedAt"] >= waiting["expiresAt"]


async def test_an_alarm_rolls_back_and_is_named(stage):
    begun = await half_way(stage, config=configuration("CANARY", PAUSED_STEPS, alarms=ALARMS))
    assert begun["alarms"] == {
        "status": "MONITORING",
        "alarmNames": ["errors", "latency"],
        "triggeredAlarmNames": [],
    }

    stage.alarms["latency"] = "ALARM"
    ended = await stage.ended()

    assert (ended["status"], ended["alarms"]["status"]) == ("ROLLBACK_SUCCESSFUL", "TRIGGERED")
    assert ended["alarms"]["triggeredAlarmNames"] == ["latency"]
    assert "latency" in ended["rollback"]["reason"]
    await assert_gone_back(stage)


async def test_an_alarm_without_rollback_stops_the_deployment_where_it_is(stage):
    await half_way(stage, config=configuration("CANARY", PAUSED_STEPS, alarms=ALARMS | {"rollback": False}))

    stage.alarms["errors"] = "ALARM"
    ended = await stage.ended()

    assert ended["status"] == "STOPPED"
    assert await stage.answers(8) == {"shop:1": 6, "shop:2": 2}


async def test_alarms_that_are_switched_off_are_not_looked_at(stage):
    stage.alarms["errors"] = "ALARM"
    await stage.create(configuration("BLUE_GREEN", alarms=ALARMS | {"enable": False}))

    await stage.update("better")

    assert (await stage.ended())["status"] == "SUCCESSFUL"


@pytest.mark.parametrize("strategy", ["ROLLING", "CANARY"])
async def test_the_circuit_breaker_rolls_back_when_too_many_tasks_fail(stage, strategy):
    await stage.create(configuration(strategy, **BREAKER))

    await stage.update("crash")
    ended = await stage.ended()

    assert ended["status"] == "ROLLBACK_SUCCESSFUL"
    assert ended["statusReason"] == "ECS deployment circuit breaker: tasks failed to start."
    breaker = ended["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["threshold"], breaker["failureCount"]) == ("TRIGGERED", 3, 3)
    await assert_gone_back(stage)


async def test_a_circuit_breaker_without_rollback_only_stops(stage):
    await stage.create(configuration("ROLLING", deploymentCircuitBreaker={"enable": True, "rollback": False}))

    await stage.update("crash")
    ended = await stage.ended()

    assert ended["status"] == "STOPPED"
    told = await stage.told()
    assert told["taskDefinition"].endswith("shop:2")
    assert {one["taskDefinition"][-6:]: one["rolloutState"] for one in told["deployments"]} == {
        "shop:2": "FAILED",
        "shop:1": "COMPLETED",
    }
    assert await stage.answers(3) == {"shop:1": 3}


async def test_the_circuit_breaker_s_threshold_can_be_set(stage):
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1}}
    await stage.create(configuration("ROLLING", deploymentCircuitBreaker=breaker))

    await stage.update("crash")

    assert (await stage.ended())["deploymentCircuitBreaker"]["failureCount"] == 1


@pytest.mark.parametrize(("reset", "trips"), [(True, False), (False, True)])
async def test_a_task_that_was_healthy_once_makes_the_circuit_breaker_forget_unless_told_not_to(stage, reset, trips):
    threshold = {"type": "COUNT", "value": 2}
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": threshold, "resetOnHealthyTask": reset}
    await stage.create(configuration("CANARY", PAUSED_STEPS, deploymentCircuitBreaker=breaker))

    await stage.update("frail")
    await stage.paused()
    deployment = stage.service().latest
    for failures in (1, 2):
        await stage.until(lambda: deployment.target.fleet.healthy == 1)
        await stage.ask_preview("end")
        await stage.until(lambda failures=failures: deployment.target.fleet.failures_in_all == failures)
    await stage.until(lambda: deployment.ended or deployment.target.fleet.healthy == 1)

    assert deployment.ended is trips


async def test_the_circuit_breaker_may_be_for_rolling_deployments_alone(tmp_path):
    async with staged(tmp_path, breaker_for_all=False) as stage:
        await stage.create(configuration("CANARY", **BREAKER))
        await stage.update("crash")
        await stage.until(lambda: stage.service().latest.failures >= 4)
        assert (await stage.deployment())["status"] == "IN_PROGRESS"


async def test_a_first_deployment_that_fails_has_nothing_to_go_back_to(stage):
    definition = await stage.register("crash")
    await stage.call(
        "create_service",
        cluster=CLUSTER,
        serviceName=NAME,
        taskDefinition=definition,
        desiredCount=1,
        deploymentConfiguration=configuration("ROLLING", **BREAKER),
    )
    ended = await stage.ended()

    assert (ended["status"], ended["statusReason"]) == (
        "ROLLBACK_FAILED",
        "No rollback candidate was found to run the rollback.",
    )


async def test_a_newer_deployment_overtakes_and_begins_from_what_users_had_before(stage):
    begun = await half_way(stage)

    await stage.update("best")
    arn = begun["serviceDeploymentArn"]
    newer = await stage.deployment()
    await stage.paused()
    (stopped,) = (await stage.call("describe_service_deployments", serviceDeploymentArns=[arn]))["serviceDeployments"]

    assert stopped["status"] == "STOPPED"
    assert newer["serviceDeploymentArn"] in stopped["statusReason"]
    assert await stage.answers(5) == {"shop:1": 5}
    assert newer["sourceServiceRevisions"][0]["arn"] == begun["sourceServiceRevisions"][0]["arn"]
    assert not [task for task in stage.service().tasks if task.status != "STOPPED" and "shop:2" in task.key]
    await stage.proceed()
    await stage.until(lambda: len(stage.service().latest.hooks) == 2)
    await stage.paused()
    assert await stage.answers(8) == {"shop:1": 6, "shop:3": 2}


async def test_going_back_to_the_old_task_definition_by_hand_is_a_deployment_too(stage):
    await half_way(stage)
    old = (await stage.call("describe_task_definition", taskDefinition="shop:1"))["taskDefinition"]

    await stage.update(
        taskDefinition=old["taskDefinitionArn"],
        deploymentConfiguration=configuration("BLUE_GREEN", bakeTimeInMinutes=0),
    )
    await stage.ended()

    assert [one.status for one in stage.service().deployments] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    await assert_gone_back(stage)


async def test_a_rule_that_somebody_deleted_fails_the_way_forward_and_the_way_back(stage):
    await half_way(stage)

    await stage.call("delete_rule", RuleArn=stage.rules[0])
    await stage.proceed()
    ended = await stage.ended()

    assert ended["status"] == "ROLLBACK_FAILED"
    assert stage.rules[0] in ended["statusReason"]
    assert stage.rules[0] in ended["rollback"]["reason"]


async def test_users_meet_no_failure_while_deployments_go_forth_and_back(stage):
    await stage.create(configuration("LINEAR", PAUSED_STEPS))
    heard, stop = {}, asyncio.Event()

    async def visit() -> None:
        while not stop.is_set():
            for text, count in (await stage.answers(1)).items():
                heard[text] = heard.get(text, 0) + count

    visits = [asyncio.create_task(visit()) for _ in range(3)]
    try:
        await stage.update("better")
        await stage.proceed()
        await stage.until(lambda: len(stage.service().latest.hooks) == 2)
        await stage.proceed("ROLLBACK")
        await stage.ended()
        await stage.update("best", deploymentConfiguration=configuration("BLUE_GREEN"))
        await stage.ended()
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*visits)

    assert set(heard) == {"shop:1", "shop:2", "shop:3"}
