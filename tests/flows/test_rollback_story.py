"""The operator's button: it works while a rollout is at work, and with store and Slack away."""

import asyncio

import pytest
from rollout_world import World

from rehearsal.slack import SlackFault
from surefoot.errors import Cancelled
from tasks.rollback import roll_back
from tasks.site import Run

pytestmark = pytest.mark.anyio

LONG = ({"traffic": "25%", "watch": "30s"}, {"traffic": "100%", "watch": "0s"})
ME = Run("the-operator", "http://127.0.0.1/runs/1")


async def test_it_stops_a_rollout_at_work_which_does_not_fight_it(world: World):
    await world.service(steps=LONG)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("shift: done")
    went = await roll_back("shop", "production", "", "customers call", ME)
    written = world.told().etag
    ended = await climbing

    assert went.stopped == "the rollout of shop 1.1.0, at 25 %"
    assert (world.live(), world.mark()) == ({world.first(): 100}, "")
    assert world.told().etag == written, "the rollout has written nothing after the operator"
    assert type(ended.problem) is Cancelled
    assert "stopped at 25 %: its rollout has ended meanwhile: put back, by a person: customers call" in ended.why
    assert (ended.phase, ended.attempt.reason) == ("put back", "by a person: customers call")
    assert any("was put back" in said for said in world.said())
    assert not any("Somebody else wrote" in said for said in world.said())
    assert await world.recover() == []


@pytest.mark.parametrize("moment", ["stage: intended", "shift: intended"])
async def test_it_comes_through_in_the_middle_of_a_write(world: World, moment: str):
    await world.service(steps=LONG)
    world.rehearsal.cloud.reconciler.pace.traffic_lag_s = 0.3
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry(moment)
    went = await roll_back("shop", "production", "", "", ME)
    ended = await climbing

    assert str(went.now) == f"100 % on {world.first()}"
    assert (world.live(), world.mark()) == ({world.first(): 100}, "")
    assert went.notes == []
    assert ended.problem is not None
    assert world.last().phase == "put back"


async def test_it_needs_no_store(world: World):
    await world.service()
    await world.roll_out(version="1.1.0")
    world.lose_store()
    went = await roll_back("shop", "production", "", "", ME)
    world.find_store()

    assert str(went.now) == f"100 % on {world.first()}"
    assert world.live() == {world.first(): 100}
    assert any("what was done here is not in the ledger" in note for note in went.notes)


@pytest.mark.slow
async def test_it_needs_no_store_to_stop_a_rollout_at_work(world: World):
    await world.service(steps=LONG)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("look")
    world.lose_store()
    went = await roll_back("shop", "production", "", "", ME)
    with pytest.raises(Exception, match=r"store\.db"):
        await climbing
    world.find_store()

    assert str(went.now) == f"100 % on {world.first()}"
    assert (world.live(), world.mark()) == ({world.first(): 100}, "")


@pytest.mark.slow
async def test_it_does_not_wait_for_slack(world: World):
    await world.service()
    await world.roll_out(version="1.1.0")
    world.rehearsal.slack.faults.add(SlackFault(status=503, times=1000))
    went = await roll_back("shop", "production", "", "customers call", ME)

    assert went.seconds < 5
    assert world.live() == {world.first(): 100}
    assert any(note.startswith("slack: ") for note in went.notes)
    assert world.last().reason == "by a person: customers call"
