"""How a rollout ends, each way of it: what users get, what the store and the ledger say, what people hear."""

import asyncio
import time

import pytest
from rollout_world import CLIMBED, WATCHED, World

from rehearsal.slack import SlackFault
from rehearsal.splitter import Fault
from surefoot.errors import ConfigError, Drift, Interfered, NotNow, RollbackFailed, StageFailed, Unhealthy
from surefoot.rollout import Step
from surefoot.traffic import Traffic
from tasks.clock import now
from tasks.deploy import shift, stage
from tasks.hold import hold
from tasks.rollout import begin
from tasks.site import Run, open_site
from tasks.store import lease, rollouts
from tasks.store.releases import Asked, register

pytestmark = pytest.mark.anyio

BAD = {
    "crash": (StageFailed, "HEALTH_CHECK_CONTAINER_ERROR: Revision 'shop-1-2-0-crash"),
    "hang": (StageFailed, "HEALTH_CHECK_CONTAINER_ERROR: Revision 'shop-1-2-0-hang"),
    "smoke": (Unhealthy, "smoke through the preview address: 1 of 2: order: GET /order: status is 500, expected 200"),
}


def canary(world: World, version: str = "1.1.0") -> str:
    return world.release("shop", version).revision_name("shop")


async def test_a_good_release_is_promoted_and_everybody_says_so(world: World):
    await world.service(steps=WATCHED)
    ended = await world.roll_out(version="1.1.0")

    assert ended.problem is None
    assert (ended.phase, world.live(), world.mark()) == ("promoted", {canary(world): 100}, "")
    kinds = world.kinds(ended.attempt.id)
    assert [kind for kind in kinds if kind != "look"] == CLIMBED
    assert "look" in kinds
    assert "shop 1.1.0 is live in production" in world.said()[0]
    assert world.keep(lease.holder_of, "shop/production") is None


@pytest.mark.parametrize("wrong", BAD)
async def test_a_bad_release_is_stopped_before_any_user_sees_it(world: World, wrong: str):
    await world.service()
    world.rehearsal.cloud.reconciler.pace.speed = 240  # a hanging image is given up after a second
    ended = await world.roll_out(version=f"1.2.0-{wrong}")

    kind, reason = BAD[wrong]
    assert type(ended.problem) is kind
    assert reason in ended.why
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")
    assert reason in ended.attempt.reason
    assert reason in "\n".join(world.said())
    assert "shift: intended" not in world.kinds(ended.attempt.id)


@pytest.mark.parametrize(("wrong", "reason"), [("errors", "errors "), ("slow", "p50 ")])
async def test_a_bad_release_is_put_back_at_the_step_that_shows_it(world: World, wrong: str, reason: str):
    await world.service(steps=WATCHED)
    ended = await world.roll_out(version=f"1.2.0-{wrong}")

    assert type(ended.problem) is Unhealthy
    assert ended.why.startswith(f"at 25 %: {reason}")
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")
    assert ended.attempt.reason == ended.why
    assert any("Put back: shop 1.2.0" in said and reason in said for said in world.said())


async def test_who_cannot_see_never_promotes(world: World):
    await world.service(steps=WATCHED, patience="1s", timeout="400ms")
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("shift: done")
    for deployed in world.rehearsal.cloud.services.values():
        for name in deployed.revisions:
            world.rehearsal.cloud.reconciler.hurt(deployed, name, Fault(latency_s=30), previews=True)
    ended = await climbing

    assert "still unclear after" in ended.why
    assert "could not look" in ended.why
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")


async def test_another_writer_is_named_and_what_they_wrote_stays(world: World):
    await world.service()
    world.arm(method="UpdateService", after=1, writer="priya@example.com", writer_traffic={world.first(): 100})
    ended = await world.roll_out()
    found = world.told()
    recovered = await world.recover()

    assert type(ended.problem) is Interfered
    assert "priya@example.com" in ended.why
    assert ended.phase == "not put back"
    assert found.last_modifier == "priya@example.com"
    assert world.live() == {world.first(): 100}
    assert any("Somebody else wrote" in said and "priya@example.com" in said for said in world.said())
    assert ended.attempt.reason.startswith("left alone: priya@example.com")
    assert recovered == [], "the watchdog does not fight a person either"
    assert world.told().etag == found.etag


async def test_a_traffic_nobody_recorded_is_refused(world: World):
    await world.service()
    first = world.first()
    await world.roll_out(version="1.1.0")
    await world.write_by_hand({first: 100})
    refused = await world.roll_out(version="1.2.0")
    accepted = await world.roll_out(version="1.2.0", accept_drift=True)

    assert type(refused.problem) is Drift
    assert f"live is 100 % on {first}, but the ledger says 100 % on {canary(world)}" in refused.why
    assert "priya@example.com" in refused.why
    assert refused.attempt is None
    assert accepted.phase == "promoted"


async def test_a_mark_that_another_rollout_left_is_refused_until_the_watchdog_has_been_there(world: World):
    await world.service()
    await leave_stranded(world)
    refused = await world.roll_out(version="1.2.0")

    assert type(refused.problem) is NotNow
    assert "still carries the rollout elsewhere/1 at 25 %" in refused.why
    assert refused.attempt is None
    done = await world.recover()
    assert len(done) == 1
    assert "elsewhere/1, unknown here, was put back" in done[0]
    assert (world.live(), world.mark()) == ({world.first(): 100}, "")
    assert (await world.roll_out(version="1.2.0")).phase == "promoted"


async def test_a_cloud_that_cannot_be_reached_before_anything_was_changed_is_a_refusal(world: World):
    await world.service()
    world.arm(method="GetService", code="PERMISSION_DENIED")
    ended = await world.roll_out()

    assert type(ended.problem) is NotNow
    assert "PERMISSION_DENIED" in ended.why
    assert ended.attempt is None
    assert world.writes() == 0


async def died_at(world: World, run: str, *percents: int) -> None:
    """Leave a rollout as a process does that dies after its last shift."""
    release = world.release("shop", "1.1.0")
    async with open_site("shop", "production", Run(run)) as site:
        seq = await site.keep(register, site.key, release, now(), run)
        asked = Asked(seq, site.key, release, run, now())
        async with hold(site, asked) as held:
            rollout = await begin(site, asked, held)
            await stage(rollout)
            for percent in percents:
                await shift(rollout, Step(percent, 2.0))


async def test_what_begins_again_and_fails_before_its_first_shift_is_put_back_from_where_it_had_died(world: World):
    await world.service(timeout="400ms")
    await died_at(world, "again", 25)
    for deployed in world.rehearsal.cloud.services.values():
        for name in deployed.revisions:
            if name != world.first():
                world.rehearsal.cloud.reconciler.hurt(deployed, name, Fault(error_share=1.0), previews=True)
    ended = await world.roll_out(run="again")

    assert "smoke through the preview address" in ended.why
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")


async def test_what_begins_again_and_may_not_shift_down_is_put_back_from_where_it_had_died(world: World):
    await world.service(target={"change_within": "500ms"})
    await died_at(world, "again", 25, 50)
    world.arm(method="UpdateService", after=1, times=1, code="PERMISSION_DENIED")
    ended = await world.roll_out(run="again")

    assert "PERMISSION_DENIED" in ended.why
    assert (ended.phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")


@pytest.mark.slow
async def test_a_way_back_that_fails_is_the_headline_and_the_watchdog_tries_again(world: World):
    await world.service(target={"change_within": "300ms"})
    world.arm(method="UpdateService", after=2, times=10_000, code="UNAVAILABLE")
    ended = await world.roll_out()
    world.disarm()

    assert type(ended.problem) is RollbackFailed
    assert ended.phase == "not put back"
    assert world.live() == {world.first(): 75, canary(world): 25}
    assert any("gcloud run services update-traffic shop" in said for said in world.said())
    assert len(await world.recover()) == 1
    assert (world.last().phase, world.live(), world.mark()) == ("put back", {world.first(): 100}, "")


@pytest.mark.slow
async def test_a_store_that_goes_away_in_the_middle_is_put_back(world: World):
    await world.service(steps=WATCHED)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("shift: done")
    world.lose_store()
    with pytest.raises(ConfigError, match="cannot be made"):
        await climbing

    assert (world.live(), world.mark()) == ({world.first(): 100}, "")
    world.find_store()
    world.expire()
    assert len(await world.recover()) == 1
    assert world.last().phase == "put back"


@pytest.mark.slow
async def test_a_slack_that_hangs_does_not_slow_a_rollout(world: World):
    await world.service()
    world.rehearsal.slack.faults.add(SlackFault(delay_s=60, times=1000))
    running = asyncio.create_task(world.roll_out())
    began = time.monotonic()
    async with asyncio.timeout(10):
        while not (ended := world.keep(rollouts.history)) or not ended[0].ended_at:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    assert time.monotonic() - began < 5
    assert (ended[0].phase, world.live()) == ("promoted", {canary(world): 100})
    await running
    world.rehearsal.slack.faults.clear()


async def leave_stranded(world: World) -> None:
    """Leave what another machine's rollout would: canary staged, 25 % of users on it, and its promise broken."""
    from datetime import timedelta  # noqa: PLC0415

    from surefoot.rollout import Mark  # noqa: PLC0415
    from tasks.clock import now  # noqa: PLC0415
    from tasks.site import Run, open_site  # noqa: PLC0415

    async with open_site("shop", "production", Run("elsewhere")) as site:
        live = await site.target.live()
        name = canary(world)
        mark = Mark("elsewhere/1", live.traffic, name, 25, now() - timedelta(seconds=1), 1)
        live = await site.target.stage(world.release("shop", "1.1.0"), mark, live)
        await site.target.shift(Traffic.of({world.first(): 75, name: 25}), mark, live)


async def test_what_is_live_already_is_not_rolled_out_again(world: World):
    await world.service()
    await world.roll_out(version="1.1.0")
    writes = world.writes()
    again = await world.roll_out(version="1.1.0")

    assert type(again.problem) is NotNow
    assert again.why == "shop 1.1.0 is live in production already, nothing to do"
    assert world.writes() == writes
