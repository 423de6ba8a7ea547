"""Rollouts on ECS end as they do on Cloud Run: what users get, what the store and the ledger say, what people hear."""

import asyncio

import pytest
from rollout_world import CLIMBED
from rollout_world_ecs import WATCHED, EcsWorld, ecs

from commands.rehearsed_ecs import CLUSTER
from rehearsal.faults import AwsFault
from surefoot.errors import Interfered, RolledBack, StageFailed, Unhealthy
from surefoot.rollout import Phase
from tasks.store import lease

__all__ = ["ecs"]

pytestmark = pytest.mark.anyio
# What the target's own tests see on ECS too, or Cloud Run's stories with the same end, is for the campaign.
campaign = pytest.mark.campaign


def image(world: EcsWorld, version: str = "1.0.0") -> str:
    return str(world.image(version))


async def assert_as_before(world: EcsWorld) -> None:
    """All users are on the first release, nothing waits, and nothing of ours is left on the service but the fence."""
    assert await world.images() == {image(world): 100}
    assert [key for key in await world.tags() if key.startswith("surefoot:")] in ([], ["surefoot:fence"])
    assert (await world.deployments())[0]["status"] not in ("PENDING", "IN_PROGRESS")
    assert world.keep(lease.holder_of, "shop/production") is None


async def test_a_good_release_is_promoted_and_everybody_says_so(ecs: EcsWorld):
    await ecs.service(steps=list(WATCHED))
    ended = await ecs.roll_out(version="1.1.0")

    assert ended.problem is None
    assert ended.phase == "promoted"
    assert await ecs.images() == {image(ecs, "1.1.0"): 100}
    assert [one["status"] for one in await ecs.deployments()] == ["SUCCESSFUL", "SUCCESSFUL"]
    kinds = ecs.kinds(ended.attempt.id)
    assert [kind for kind in kinds if kind != "look"] == CLIMBED
    assert "look" in kinds
    assert "shop 1.1.0 is live in production" in ecs.said()[0]


BAD = {
    "crash": (StageFailed, "exited with code 1"),
    "hang": (StageFailed, "health checks"),
    "smoke": (Unhealthy, "smoke through the preview address: 1 of 2: order: GET /order: status is 500, expected 200"),
}


@pytest.mark.parametrize(
    "wrong", ["crash", pytest.param("hang", marks=campaign), pytest.param("smoke", marks=campaign)]
)
async def test_a_bad_release_is_stopped_before_any_user_sees_it(ecs: EcsWorld, wrong: str):
    await ecs.service()
    ended = await ecs.roll_out(version=f"1.2.0-{wrong}")

    kind, reason = BAD[wrong]
    assert type(ended.problem) is kind
    assert reason in ended.why
    assert ended.phase == "put back"
    assert reason in "\n".join(ecs.said())
    assert "shift: intended" not in ecs.kinds(ended.attempt.id)
    await assert_as_before(ecs)


@pytest.mark.parametrize(("wrong", "reason"), [("errors", "errors "), pytest.param("slow", "p50 ", marks=campaign)])
async def test_a_bad_release_is_put_back_at_the_step_that_shows_it(ecs: EcsWorld, wrong: str, reason: str):
    await ecs.service(steps=list(WATCHED))
    ended = await ecs.roll_out(version=f"1.2.0-{wrong}")

    assert type(ended.problem) is Unhealthy
    assert ended.why.startswith(f"at 25 %: {reason}")
    assert ended.phase == "put back"
    assert any("Put back: shop 1.2.0" in said and reason in said for said in ecs.said())
    await assert_as_before(ecs)


async def test_what_ecs_puts_back_by_itself_is_told_with_awss_reason_and_never_as_success(ecs: EcsWorld):
    await ecs.service(steps=[{"traffic": "25%", "watch": "20s"}, {"traffic": "100%", "watch": "0s"}])
    rolling_out = asyncio.create_task(ecs.roll_out())
    await ecs.until_entry("look")
    newest = (await ecs.deployments())[0]
    # What an alarm or the breaker does, by the same way inside ECS.
    told = {"serviceDeploymentArn": newest["serviceDeploymentArn"], "stopType": "ROLLBACK"}
    await ecs.ask("StopServiceDeployment", "alarm", **told)
    ended = await rolling_out

    assert type(ended.problem) is RolledBack
    assert "ECS has put it back by itself: " in ended.why
    assert ended.phase == "put back"
    assert any("ECS has put it back by itself" in said for said in ecs.said())
    assert not any("shop 1.1.0 is live" in said for said in ecs.said())
    await assert_as_before(ecs)


@pytest.mark.slow
async def test_a_pause_that_ran_out_while_we_looked_is_told_as_what_it_was(ecs: EcsWorld):
    # A minute of silence is over after 0.25 s here, and a look takes 0.8: nobody moves on in time.
    steps = [{"traffic": "25%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"}]
    await ecs.service(steps=steps, compare="1s", patience="0s")
    ecs.rehearsal.cloud.reconciler.pace.speed = 20_000.0
    ended = await ecs.roll_out()

    assert type(ended.problem) in (RolledBack, StageFailed)
    assert ended.phase == "put back"
    await assert_as_before(ecs)


@pytest.mark.slow
async def test_somebody_elses_deployment_in_the_middle_stops_us_and_stands(ecs: EcsWorld):
    await ecs.service(steps=[{"traffic": "25%", "watch": "20s"}, {"traffic": "100%", "watch": "0s"}])
    rolling_out = asyncio.create_task(ecs.roll_out())
    await ecs.until_entry("look")
    container = {"name": "shop", "image": image(ecs, "1.2.0"), "portMappings": [{"containerPort": 8080}]}
    made = await ecs.ask("RegisterTaskDefinition", family="theirs", containerDefinitions=[container])
    where = {"cluster": CLUSTER, "service": "shop"}
    at_once = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}
    definition = made["taskDefinition"]["taskDefinitionArn"]
    await ecs.ask("UpdateService", "priya", **where, taskDefinition=definition, deploymentConfiguration=at_once)
    ended = await rolling_out
    await ecs.until_status("SUCCESSFUL")

    assert type(ended.problem) is Interfered
    assert ended.phase == Phase.NOT_PUT_BACK
    assert await ecs.images() == {image(ecs, "1.2.0"): 100}
    assert ended.attempt.reason.startswith("left alone: ")


@campaign
async def test_somebody_elses_weights_in_the_middle_stop_us_and_are_named(ecs: EcsWorld):
    await ecs.service(steps=[{"traffic": "25%", "watch": "20s"}, {"traffic": "100%", "watch": "0s"}])
    rolling_out = asyncio.create_task(ecs.roll_out())
    await ecs.until_entry("look")
    found = ecs.found["shop"]
    groups = [{"TargetGroupArn": group, "Weight": 50} for group in found.groups]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    await ecs.ask("ModifyRule", "priya", RuleArn=found.production_rule, Actions=actions)
    ended = await rolling_out

    assert type(ended.problem) is Interfered
    assert "50 % on" in ended.why
    assert set((await ecs.images()).values()) == {50}


@campaign
async def test_throttling_of_every_third_call_changes_nothing_about_the_end(ecs: EcsWorld):
    await ecs.service(steps=list(WATCHED))
    ecs.rehearsal.aws.front.faults.add(AwsFault(code="ThrottlingException", share=0.3, times=10**6))
    ended = await ecs.roll_out()
    ecs.rehearsal.aws.front.faults.clear()

    assert ended.problem is None
    assert len(await ecs.deployments()) == 2
    assert await ecs.images() == {image(ecs, "1.1.0"): 100}


@campaign
@pytest.mark.parametrize("lost", ["UpdateService", "ContinueServiceDeployment"])
async def test_lost_replies_lead_to_one_deployment_and_the_right_end(ecs: EcsWorld, lost: str):
    await ecs.service(steps=list(WATCHED))
    ecs.rehearsal.aws.front.faults.add(AwsFault(method=lost, lost=True, cut=True, times=10**6))
    ended = await ecs.roll_out()
    ecs.rehearsal.aws.front.faults.clear()

    assert ended.problem is None
    assert len(await ecs.deployments()) == 2
    assert await ecs.images() == {image(ecs, "1.1.0"): 100}


@campaign
async def test_the_watchdog_finds_what_ecs_has_put_back_and_closes_it_with_that_reason(ecs: EcsWorld):
    await ecs.service(steps=[{"traffic": "25%", "watch": "20s"}, {"traffic": "100%", "watch": "0s"}])
    rolling_out = asyncio.create_task(ecs.roll_out())
    await ecs.until_entry("look")
    ecs.lose_store()
    newest = (await ecs.deployments())[0]
    told = {"serviceDeploymentArn": newest["serviceDeploymentArn"], "stopType": "ROLLBACK"}
    await ecs.ask("StopServiceDeployment", "alarm", **told)
    await ecs.until_status("ROLLBACK_SUCCESSFUL")
    rolling_out.cancel()
    await asyncio.wait([rolling_out])
    ecs.find_store()
    ecs.expire()
    await ecs.recover()

    assert ecs.last().phase is Phase.PUT_BACK
    await assert_as_before(ecs)
