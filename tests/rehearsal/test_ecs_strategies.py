"""How each strategy of a deployment brings users from one revision to the next."""

import pytest
from rehearsed_ecs import PAUSED_STEPS, configuration, staged

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as running:
        yield running


async def test_a_first_deployment_gives_users_the_first_revision(stage):
    service = await stage.create(configuration("CANARY", PAUSED_STEPS))

    assert (service["runningCount"], service["desiredCount"]) == (1, 1)
    assert [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"]
    assert await stage.answers(5) == {"shop:1": 5}


async def test_a_canary_shows_itself_to_a_share_of_users_and_waits_before_every_step(stage):
    await stage.create(configuration("CANARY", PAUSED_STEPS))

    await stage.update("better")
    await stage.proceed()
    hook = await stage.paused()
    assert stage.service().latest.stage == "PRE_PRODUCTION_TRAFFIC_SHIFT"
    assert await stage.answers(40) == {"shop:1": 30, "shop:2": 10}
    await stage.proceed()
    ended = await stage.ended()

    assert ended["status"] == "SUCCESSFUL"
    assert [one["status"] for one in ended["lifecycleHookDetails"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert ended["lifecycleHookDetails"][1]["hookId"] == hook["hookId"] != ended["lifecycleHookDetails"][0]["hookId"]
    assert await stage.answers(5) == {"shop:2": 5}
