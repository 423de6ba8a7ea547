"""What is ECS's own: pauses and their time-outs, alarms, task definitions, rolling updates, an operator's word."""

import asyncio
import json

import aiohttp
import pytest
from target_world_ecs import EcsWorld

from commands.rehearsed_ecs import CLUSTER, client, seed_rolling
from rehearsal.aws.refusal import Refusal
from rehearsal.faults import AwsFault
from surefoot.errors import Interfered, Refused, RolledBack, StageFailed
from surefoot.rollout import Plan, Step
from surefoot.service import Place
from surefoot.traffic import Traffic

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["ecs"])]

# A minute of silence is over after a quarter of a second.
CANARY = Plan((Step(10, 0.0), Step(100, 0.0)))


async def staged(target, world, version="1.1.0", **mark):
    release, before = world.release(version), await target.live()
    live = await target.stage(release, world.mark(before, release, **mark), before)
    return release.revision_name(world.service), before, live


AT_WORK = ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


async def until_over(world):
    async with asyncio.timeout(20):
        while (status := (await world.newest())["status"]) in AT_WORK:  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0.02)
    return status


@pytest.mark.slow
@pytest.mark.parametrize("percent", [0, 10, 100])
async def test_at_every_pause_a_silence_of_ours_ends_in_ecss_own_way_back(make_world, percent):
    world = await make_world(CANARY, hook_timeout="1m")
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        if percent:
            live = await target.shift(before.traffic.toward(canary, percent), live.mark, live)
        paused = (await world.newest())["lifecycleHookDetails"][-1]
        status = await until_over(world)
        after = await target.live()

    assert paused["status"] == "AWAITING_ACTION"
    assert paused["timeoutAction"] == "ROLLBACK"
    assert live.traffic.percent(canary) == percent
    assert status == "ROLLBACK_SUCCESSFUL"
    assert after.traffic == before.traffic
    assert after.undone.startswith("ECS has put it back by itself: ")
    assert await world.answers_as(after.url) == world.stable


async def test_a_rollout_that_ecs_put_back_goes_no_further_and_the_way_back_only_takes_the_mark(make_world):
    world = await make_world(CANARY, hook_timeout="1m")
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await until_over(world)
        with pytest.raises(RolledBack, match="ECS has put it back by itself"):
            await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        with pytest.raises(StageFailed, match="failed before, in this very rollout"):
            await target.stage(world.release("1.1.0"), live.mark, await target.live())
        written = world.writes()
        back = await target.shift(before.traffic, None, await target.live())

    assert (back.traffic, back.mark, back.undone) == (before.traffic, None, "")
    assert world.writes() == written


async def test_an_alarm_in_the_middle_is_told_as_put_back_with_awss_reason_and_never_as_success(make_world):
    world = await make_world(CANARY)
    cloudwatch = client(world.rehearsal.aws.url, "cloudwatch")
    alarm = {"MetricName": "5xx", "Namespace": "shop", "Period": 60, "Statistic": "Sum", "Threshold": 1.0}
    alarm |= {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    await asyncio.to_thread(cloudwatch.put_metric_alarm, AlarmName="shop-5xx", **alarm)
    await configured(world, alarms={"alarmNames": ["shop-5xx"], "enable": True, "rollback": True})
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        told = {"AlarmName": "shop-5xx", "StateValue": "ALARM", "StateReason": "too many"}
        await asyncio.to_thread(cloudwatch.set_alarm_state, **told)
        await until_over(world)
        after = await target.live()
        with pytest.raises(RolledBack, match="shop-5xx"):
            await target.shift(Traffic.all_on(canary), live.mark, live)
        with pytest.raises(RolledBack, match="shop-5xx"):
            await target.shift(Traffic.all_on(canary), None, await target.live())

    assert after.traffic == before.traffic
    assert "shop-5xx" in after.undone


async def configured(world, **told):
    """Let the team change the service's deployment configuration."""
    service = (await world.ask("DescribeServices", cluster=CLUSTER, services=[world.service]))["services"][0]
    changed = {**service["deploymentConfiguration"], **told}
    await world.ask("UpdateService", cluster=CLUSTER, service=world.service, deploymentConfiguration=changed)


async def test_a_breaker_that_trips_is_told_as_stage_failed_with_awss_reason(make_world):
    world = await make_world(CANARY)
    await configured(world, deploymentCircuitBreaker={"enable": True, "rollback": True})
    async with world.target() as target:
        with pytest.raises(StageFailed, match=r"circuit breaker|exited with code 3"):
            await staged(target, world, "1.3.0-crash")
        live = await target.live()

    assert live.traffic == Traffic.all_on(world.stable)
    assert live.settled


async def test_weights_that_somebody_changed_stop_us_and_stand(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        blue, green = world.found.groups
        groups = [{"TargetGroupArn": blue, "Weight": 30}, {"TargetGroupArn": green, "Weight": 70}]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        await world.ask("ModifyRule", "priya", RuleArn=world.found.production_rule, Actions=actions)
        async with asyncio.timeout(10):
            while (await target.live()).traffic.percent(canary) != 70:  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.02)
        with pytest.raises(Interfered, match=r"weights: .*70.*was .*10"):
            await target.shift(Traffic.all_on(canary), live.mark, live)
        after = await target.live()

    assert after.traffic.percent(canary) == 70


async def test_throttling_of_every_third_call_leads_to_no_wrong_promotion_and_no_second_start(make_world):
    world = await make_world(CANARY, change_within="100s", poll_every="20ms")
    world.rehearsal.aws.front.faults.add(AwsFault(code="ThrottlingException", share=0.3, times=10**6))
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        at_stage = live.traffic
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        at_ten = live.traffic
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        live = await target.shift(Traffic.all_on(canary), None, live)

    assert at_stage == before.traffic
    assert at_ten.percent(canary) == 10
    assert (live.traffic, live.mark) == (Traffic.all_on(canary), None)
    assert await world.revisions() == 2
    assert (await world.newest())["status"] == "SUCCESSFUL"


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost", ["UpdateService", "ContinueServiceDeployment", "RegisterTaskDefinition", "TagResource"]
)
async def test_every_reply_of_a_write_that_is_lost_is_looked_after(make_world, lost):
    world = await make_world(CANARY)
    world.rehearsal.aws.front.faults.add(AwsFault(method=lost, lost=True, cut=True, times=10**6))
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 10), live.mark, live)
        ten = live.traffic.percent(canary)
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        live = await target.shift(Traffic.all_on(canary), None, live)

    assert ten == 10
    assert live.traffic == Traffic.all_on(canary)
    assert await world.revisions() == 2


async def test_a_promotion_is_over_when_ecs_says_successful_and_the_old_one_is_a_way_back(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        at_top = (await world.newest())["status"]
        done = await target.shift(Traffic.all_on(canary), None, live)
        over = (await world.newest())["status"]
        back = await target.shift(before.traffic, None, done)

    assert (at_top, over) == ("IN_PROGRESS", "SUCCESSFUL")
    assert done.revisions[world.stable].ready
    assert back.traffic == before.traffic
    assert await world.answers_as(back.url) == world.stable


async def test_an_operator_goes_to_an_older_revision_though_a_rollout_is_at_work(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        first, _, live = await staged(target, world, "1.1.0")
        live = await target.shift(Traffic.all_on(first), live.mark, live)
        await target.shift(Traffic.all_on(first), None, live)
        await staged(target, world, "1.2.0")
        live = await target.shift(Traffic.all_on(world.stable), None, await target.live())

    assert (live.traffic, live.mark, live.settled) == (Traffic.all_on(world.stable), None, True)


async def test_only_the_image_and_our_tags_change_and_a_field_that_nobody_knows_is_kept(make_world):
    world = await make_world(CANARY)
    sidecar = {"name": "proxy", "image": "proxy@sha256:" + "1" * 64, "essential": False}
    shop = {"name": "shop", "image": str(world.release("1.0.0").image), "environment": [{"name": "A", "value": "1"}]}
    shop |= {"portMappings": [{"containerPort": 8080}], "futureOfTheContainer": {"depth": 2}}
    told = {"family": world.service, "containerDefinitions": [sidecar, shop], "futureField": ["kept"], "cpu": "256"}
    tags = [{"key": "team", "value": "shop"}]
    made = (await world.ask("RegisterTaskDefinition", **told, tags=tags))["taskDefinition"]
    at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
    where = {"cluster": CLUSTER, "service": world.service}
    await world.ask("UpdateService", **where, taskDefinition=made["taskDefinitionArn"], deploymentConfiguration=at_once)
    await until_over(world)
    async with world.target() as target:
        canary, _, _ = await staged(target, world)
    listed = await world.ask("ListTaskDefinitions", familyPrefix=world.service, sort="DESC")
    asked = {"taskDefinition": listed["taskDefinitionArns"][0], "include": ["TAGS"]}
    answer = await world.ask("DescribeTaskDefinition", **asked)
    definition = answer["taskDefinition"]

    assert definition["futureField"] == ["kept"]
    assert definition["containerDefinitions"][0] == made["containerDefinitions"][0]
    changed = {**made["containerDefinitions"][1], "image": str(world.release("1.1.0").image)}
    assert json.loads(json.dumps(definition["containerDefinitions"][1])) == json.loads(json.dumps(changed))
    assert {tag["key"]: tag["value"] for tag in answer["tags"]} == {
        "team": "shop",
        "surefoot:revision": canary,
        "surefoot:release": world.release("1.1.0").id,
        "surefoot:commit": "4e1c9aa0",
        "surefoot:from": made["taskDefinitionArn"].rpartition("/")[2],
    }


async def test_other_peoples_hooks_alarms_and_limits_stay_in_the_deployment_configuration(make_world):
    world = await make_world(CANARY)
    theirs = {
        "hookTargetArn": "arn:aws:lambda:eu-west-1:000000000000:function:look",
        "lifecycleStages": ["PRE_SCALE_UP"],
    }
    theirs["roleArn"] = "arn:aws:iam::000000000000:role/hook"
    await configured(world, lifecycleHooks=[theirs], maximumPercent=150, minimumHealthyPercent=50)
    async with world.target() as target:
        await staged(target, world)
    told = (await world.newest())["deploymentConfiguration"]

    assert told["lifecycleHooks"][0] == theirs
    assert (told["maximumPercent"], told["minimumHealthyPercent"]) == (150, 50)
    assert told["strategy"] == "CANARY"
    assert told["lifecycleHooks"][1]["timeoutConfiguration"] == {"timeoutInMinutes": 240, "action": "ROLLBACK"}


async def test_a_pause_that_somebody_else_is_to_answer_is_not_taken_away(make_world):
    world = await make_world(CANARY)
    theirs = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}
    await configured(world, lifecycleHooks=[theirs])
    async with world.target() as target:
        with pytest.raises(Refused, match="pauses at PRE_SCALE_UP too, which somebody else is to answer"):
            await staged(target, world)
    assert await world.revisions() == 1


async def test_the_preview_is_what_the_test_rule_asks_for_where_no_rule_is_pinned_to_a_group(make_world):
    world = await make_world(CANARY)
    listener = world.found.production_rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")
    for rule in (await world.ask("DescribeRules", ListenerArn=listener))["Rules"]:
        if "x-surefoot-group" in json.dumps(rule):
            await world.ask("DeleteRule", RuleArn=rule["RuleArn"])
    async with world.target() as target:
        canary, _, live = await staged(target, world)

    assert live.revisions[canary].preview.headers == (("x-surefoot-preview", "canary"),)
    assert await world.answers_as(live.revisions[canary].preview) == canary
    assert await world.answers_as(live.revisions[world.stable].preview) == world.stable


async def test_users_without_a_healthy_task_are_no_way_back_so_nothing_is_begun(make_world):
    world = await make_world(CANARY)
    blue, balancer = world.found.groups[0], world.rehearsal.aws.balancer
    await balancer.deregister(blue, list(balancer.health(blue)))
    async with world.target() as target:
        with pytest.raises(Refused, match="no way back"):
            await staged(target, world)
    assert await world.revisions() == 1


async def rolling_world(world):
    """Return the world with a service without a load balancer."""
    service = f"{world.service}-rolling"
    await seed_rolling(world.rehearsal.aws.url, service, str(world.release("1.0.0").image))
    settings = {**world.place.settings, "service": service, "strategy": "rolling"}
    rolling = EcsWorld(world.rehearsal, Place("ecs", settings), service, plan=Plan((Step(100, 0.0),)))
    rolling.stable = f"{service}:1"
    return rolling


async def test_a_rolling_update_stages_nothing_moves_all_and_goes_back(make_world):
    world = await rolling_world(await make_world(CANARY))
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        begun = await world.revisions()
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        done = await target.shift(Traffic.all_on(canary), None, live)
        back = await target.shift(before.traffic, None, done)

    assert not live.previews
    assert begun == 1
    assert (done.traffic, done.mark) == (Traffic.all_on(canary), None)
    assert back.traffic == before.traffic == Traffic.all_on(world.stable)


async def test_a_rolling_update_that_crashes_is_put_back_by_the_breaker_and_told_so(make_world):
    world = await rolling_world(await make_world(CANARY))
    async with world.target() as target:
        canary, before, live = await staged(target, world, "1.3.0-crash")
        with pytest.raises(RolledBack, match="circuit breaker"):
            await target.shift(Traffic.all_on(canary), live.mark, live)
        back = await target.shift(before.traffic, None, await target.live())

    assert (back.traffic, back.mark) == (before.traffic, None)


async def test_a_service_without_a_load_balancer_is_refused_with_what_to_write(make_world):
    world = await rolling_world(await make_world(CANARY))
    native = {**world.place.settings, "strategy": "native"}
    world.place = Place("ecs", native)
    async with world.target() as target:
        with pytest.raises(Refused, match="strategy: rolling"):
            await target.live()


async def test_a_percent_that_the_deployment_does_not_stop_at_is_refused_before_anything_is_written(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        written = world.writes()
        with pytest.raises(Refused, match=r"ECS stops at 10, 100 % in this deployment, not at 50 %"):
            await target.shift(before.traffic.toward(canary, 50), live.mark, live)

    assert world.writes() == written


async def test_a_deployment_that_somebody_aborted_is_not_taken_for_success(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        canary, _, live = await staged(target, world)
        live = await target.shift(Traffic.all_on(canary), live.mark, live)
        newest = await world.newest()
        told = {"serviceDeploymentArn": newest["serviceDeploymentArn"], "stopType": "ABORT"}
        await world.ask("StopServiceDeployment", "priya", **told)
        await until_over(world)
        with pytest.raises((Interfered, Refused), match=r"STOPPED|stopped"):
            await target.shift(Traffic.all_on(canary), None, await target.live())


async def test_a_pause_takes_one_word_only(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        await staged(target, world)
    newest = await world.newest()
    hook = newest["lifecycleHookDetails"][-1]["hookId"]
    told = {"serviceDeploymentArn": newest["serviceDeploymentArn"], "hookId": hook, "action": "CONTINUE"}
    await world.ask("ContinueServiceDeployment", **told)
    with pytest.raises(Refusal):
        await world.ask("ContinueServiceDeployment", **told)


async def test_what_comes_by_a_rule_of_a_groups_own_is_counted_for_the_service_and_not_as_users(make_world):
    world = await make_world(CANARY)
    async with world.target() as target:
        live = await target.live()
        for _ in range(3):
            await world.answers_as(live.revisions[world.stable].preview)
        await world.answers_as(live.url)
    url = f"{world.rehearsal.control_url}/stats/{world.service}"
    async with aiohttp.ClientSession() as http, http.get(url) as told:
        seen = (await told.json())["revisions"][world.stable]

    assert {address: counts["requests"] for address, counts in seen.items()} == {"rule-10": 3, "public": 1}
