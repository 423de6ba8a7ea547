"""Stops and broken parts at the moments that hurt: in the way back, at the very end, and where nobody looks."""

import asyncio
from datetime import UTC, datetime

import pytest
from rollout_world import World

from flows.watchdog import look_round
from surefoot.errors import Unhealthy
from surefoot.traffic import Traffic
from tasks.site import Run
from tasks.store import ledger, rollouts
from tasks.store.rollouts import Attempt

pytestmark = pytest.mark.anyio

SHORT = ({"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
WATCHED = ({"traffic": "50%", "watch": "1s"}, {"traffic": "100%", "watch": "0s"})


async def test_a_stop_that_comes_during_the_way_back_does_not_end_it(world: World):
    await world.service(steps=WATCHED)
    world.arm(method="UpdateService", after=2, delay_s=1.5)
    climbing = asyncio.create_task(world.roll_out(version="1.2.0-errors"))
    await world.until_entry("restore: intended")
    climbing.cancel()
    ended = await climbing

    assert isinstance(ended.problem, Unhealthy)
    assert (world.live(), world.mark()) == ({world.first(): 100}, "")
    assert (world.last().phase, world.kinds(world.last().id)[-2:]) == ("put back", ["restore: done", "rollout ended"])
    assert any("was put back" in said for said in world.said())


async def test_a_stop_at_the_very_end_comes_too_late_and_the_release_is_promoted(world: World):
    await world.service(steps=SHORT)
    world.arm(method="UpdateService", after=3, delay_s=1.5)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("finish: intended")
    climbing.cancel()
    ended = await climbing

    assert (ended.problem, ended.phase) == (None, "promoted")
    assert (world.live(), world.mark()) == ({ended.canary: 100}, "")


@pytest.mark.slow
async def test_a_store_that_is_damaged_in_the_middle_does_not_stop_the_way_back(world: World):
    await world.service(steps=WATCHED)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("shift: done")
    with world.store.open("r+b") as file:
        file.write(b"\0" * 3 * 4096)
    world.store.with_name(world.store.name + "-wal").write_bytes(b"")
    with pytest.raises(Exception, match=r"not a database|malformed"):  # this test's own look at the store
        await climbing

    assert (world.live(), world.mark()) == ({world.first(): 100}, "")


@pytest.mark.slow
async def test_a_store_that_goes_away_at_the_very_end_puts_nothing_back(world: World):
    await world.service(steps=SHORT)
    world.arm(method="UpdateService", after=3, delay_s=1.5)
    climbing = asyncio.create_task(world.roll_out())
    await world.until_entry("finish: intended")
    world.lose_store()
    with pytest.raises(Exception, match="cannot be made"):
        await climbing
    world.find_store()

    assert set(world.live().values()) == {100}
    assert world.first() not in world.live()
    world.expire()
    assert await world.recover() == ["shop 1.1.0 is live in production; its run had died before it could say so"]
    assert world.keep(ledger.unconcluded, world.last().id) == []


async def test_a_file_with_mistakes_keeps_the_watchdog_from_nothing_else(world: World):
    await world.service()
    (world.services / "cart.yaml").write_text("name: cart\nenvironments: [\n")
    broken, *others = await look_round(Run("the-watchdog"))

    assert broken.startswith(f"! {world.services / 'cart.yaml'} cannot be used, so nobody looks after its service: ")
    assert others == []


async def test_an_open_rollout_whose_place_no_file_has_is_named(world: World):
    await world.service()
    moment, release = datetime.now(UTC), world.release("gone", "1.1.0")
    attempt = Attempt(
        "gone/production/x",
        "gone/production",
        release,
        "run",
        "",
        Traffic.all_on("gone-1"),
        "gone-2",
        1,
        moment,
        moment,
    )
    world.keep(rollouts.begin, attempt)
    (said,) = await look_round(Run("the-watchdog"))

    assert said.startswith("! the rollout of gone 1.1.0 in gone/production is open at 0 %, and no service file has")
    assert said.endswith("(the way back is 100 % on gone-1)")
