"""What every target has to do, held against a rehearsed platform."""

import asyncio

import pytest

from surefoot.errors import Interfered, Refused, StageFailed, Unavailable
from surefoot.traffic import Traffic

pytestmark = pytest.mark.anyio

# Enough to stage on a busy machine, and no more; ECS starts tasks and looks at their health meanwhile.
BRIEFLY = {"cloud_run": "600ms", "ecs": "3s"}


async def staged(target, world, version="1.1.0", **mark):
    """Stage a release and return its revision's name, what was seen before, and what is seen now."""
    release, before = world.release(version), await target.live()
    live = await target.stage(release, world.mark(before, release, **mark), before)
    return release.revision_name(world.service), before, live


async def test_live_is_what_serves(world):
    async with world.target() as target:
        live = await target.live()

    assert live.traffic == Traffic.all_on(world.stable)
    assert live.settled
    assert live.mark is None
    assert live.at is not None
    assert live.revisions[world.stable].ready
    assert await world.answers_as(live.url) == world.stable


async def test_a_staged_release_is_previewable_and_gets_no_user_traffic(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)

    assert live.traffic == before.traffic == Traffic.all_on(world.stable)
    assert live.revisions[canary].ready
    assert live.revisions[canary].image == str(world.release("1.1.0").image)
    assert await world.answers_as(live.revisions[canary].preview) == canary
    assert await world.answers_as(live.url) == world.stable


async def test_stable_is_previewable_beside_the_staged_release(world):
    async with world.target() as target:
        canary, _, live = await staged(target, world)

    assert await world.answers_as(live.revisions[world.stable].preview) == world.stable
    assert live.revisions[world.stable].preview != live.revisions[canary].preview


async def test_staging_twice_writes_once_and_makes_one_revision(world):
    async with world.target() as target:
        _, _, first = await staged(target, world)
        written = world.writes()
        _, _, second = await staged(target, world)

    assert world.writes() == written == 1
    assert await world.revisions() == 2
    assert (second.traffic, second.version) == (first.traffic, first.version)


async def test_another_machine_that_stages_meanwhile_waits_for_the_same_revision(world):
    release = world.release("1.1.0")
    async with world.target() as one, world.target() as other:
        seen = await one.live()
        mark = world.mark(seen, release)
        lives = await asyncio.gather(one.stage(release, mark, seen), other.stage(release, mark, seen))

    assert world.writes(accepted=True) == 1 or not world.guarded
    assert await world.revisions() == 2
    assert all(live.revisions[release.revision_name(world.service)].preview for live in lives)


async def test_shift_returns_when_users_get_it(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        wanted = before.traffic.toward(canary, 100)
        live = await target.shift(wanted, live.mark, live)

    assert live.traffic == wanted
    assert live.settled
    assert {await world.answers_as(live.url) for _ in range(5)} == {canary}


async def test_a_split_is_observed_in_whole_percents(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, world.least), live.mark, live)

    assert dict(live.traffic.shares) == {world.stable: 100 - world.least, canary: world.least}


async def test_the_mark_travels_with_the_traffic_and_ends_with_the_rollout(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        mark = world.mark(before, world.release("1.1.0"), percent=20)
        live = await target.shift(before.traffic.toward(canary, 20), mark, live)
        climbing = live.mark
        over = await target.shift(before.traffic, None, live)

    assert climbing == mark
    assert over.mark is None
    assert over.traffic == before.traffic


async def test_a_new_mark_on_the_same_traffic_returns_when_it_is_settled_though_the_reply_was_lost(world):
    async with world.target() as target:
        _, before, live = await staged(target, world)
        world.slow_down(traffic_lag_s=0.2)
        world.arm("away", on=world.marking, lost=True)
        mark = world.mark(before, world.release("1.1.0"), rollout="r-2")
        live = await target.shift(before.traffic, mark, live)

    assert live.settled
    assert live.mark == mark


async def test_a_shift_that_is_already_so_writes_nothing(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        wanted = before.traffic.toward(canary, 50)
        live = await target.shift(wanted, live.mark, live)
        written = world.writes()
        again = await target.shift(wanted, live.mark, live)

    assert world.writes() == written
    assert again.version == live.version


async def test_the_way_back_needs_one_write_and_no_second_look_at_revisions(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        live = await target.shift(before.traffic.toward(canary, 50), live.mark, live)
        written = world.writes()
        back = await target.shift(before.traffic, None, live)

    assert back.traffic == before.traffic
    assert back.revisions[canary].ready == world.keeps
    assert world.writes() == written + 1


async def test_a_stale_look_is_refused_and_nothing_changes(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await world.meddle()
        told = await world.state()
        with pytest.raises(Interfered, match=f"{world.stranger} wrote to shop1"):
            await target.shift(before.traffic.toward(canary, 10), live.mark, live)

    assert await world.state() == told


async def test_staging_on_a_stale_look_is_refused_and_makes_no_revision(world):
    release = world.release("1.1.0")
    async with world.target() as target:
        seen = await target.live()
        await world.meddle()
        there = await world.revisions()
        with pytest.raises(Interfered, match=world.stranger):
            await target.stage(release, world.mark(seen, release), seen)

    assert await world.revisions() == there


async def test_a_writer_between_our_look_and_our_write_keeps_what_they_wrote(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await world.meddling()
        with pytest.raises(Interfered, match=world.stranger):
            await target.shift(before.traffic.toward(canary, 10), live.mark, live)

    assert await world.theirs_stand()


async def test_a_writer_while_we_wait_stops_us(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        await world.meddling(on="look", after=1)
        with pytest.raises(Interfered, match=world.stranger):
            await target.shift(before.traffic.toward(canary, 10), live.mark, live)

    assert await world.theirs_stand()


async def test_of_two_owners_that_write_at_once_one_is_refused(world):
    async with world.target() as one, world.target() as other:
        canary, before, live = await staged(one, world)
        results = await asyncio.gather(
            one.shift(before.traffic.toward(canary, 10), live.mark, live),
            other.shift(before.traffic.toward(canary, 20), live.mark, live),
            return_exceptions=True,
        )

    assert sorted(type(result).__name__ for result in results) == ["Interfered", "Live"]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("1.3.0-crash", "crashed"),
        ("1.3.0-hang", "hung"),
        ("9.9.9-missing", "missing"),
    ],
)
async def test_a_release_that_cannot_start_is_stage_failed_with_the_clouds_reason(world, version, reason):
    async with world.target() as target:
        with pytest.raises(StageFailed, match=getattr(world, reason)) as failed:
            await staged(target, world, version)
        live = await target.live()

    assert f"No user was sent to it: 100 % on {world.stable}" in str(failed.value)
    assert live.traffic == Traffic.all_on(world.stable)
    assert live.settled
    assert await world.answers_as(live.url) == world.stable


async def test_a_release_that_failed_once_fails_again_without_a_write(world):
    async with world.target() as target:
        with pytest.raises(StageFailed):
            await staged(target, world, "1.3.0-crash")
        written = world.writes()
        with pytest.raises(StageFailed, match="failed before"):
            await staged(target, world, "1.3.0-crash")

    assert world.writes() == written


async def test_after_a_failed_stage_the_way_back_and_the_next_release_work(world):
    async with world.target() as target:
        before = await target.live()
        with pytest.raises(StageFailed):
            await staged(target, world, "1.3.0-crash")
        restored = await target.shift(before.traffic, None, await target.live())
        canary, _, live = await staged(target, world, "1.1.0")
        live = await target.shift(Traffic.all_on(canary), live.mark, live)

    assert restored.mark is None
    assert restored.traffic == before.traffic
    assert live.traffic == Traffic.all_on(canary)


async def test_an_owner_with_an_older_fence_is_refused(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world, fence=7)
        late = world.mark(before, world.release("1.1.0"), fence=6)
        with pytest.raises(Interfered, match="its fence is 6, and a newer owner has written here with 7"):
            await target.shift(before.traffic.toward(canary, 10), late, live)

    assert Traffic.all_on(world.stable) == live.traffic


async def test_the_highest_fence_outlives_its_rollout(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world, fence=7)
        live = await target.shift(before.traffic, None, live)
        late = world.mark(before, world.release("1.1.0"), fence=6)
        with pytest.raises(Interfered, match="overtaken"):
            await target.shift(before.traffic.toward(canary, 10), late, live)


async def test_staging_waits_until_somebody_elses_change_is_over(world):
    release = world.release("1.1.0")
    async with world.target() as target:
        world.slow_down(traffic_lag_s=30)
        await world.meddle(wait=False)
        there = await world.revisions()
        seen = await target.live()
        with pytest.raises(Unavailable, match="still on its way"):
            await target.stage(release, world.mark(seen, release), seen)

    assert not seen.settled
    assert await world.revisions() == there


async def test_the_way_back_does_not_wait_for_a_change_that_is_on_its_way(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.slow_down(traffic_lag_s=0.3)
        shifting = asyncio.create_task(target.shift(before.traffic.toward(canary, 50), live.mark, live))
        await world.until_written(world.moving)
        shifting.cancel()
        seen = await target.live()
        back = await target.shift(before.traffic, None, seen)

    assert not seen.settled
    assert back.traffic == before.traffic


@pytest.mark.slow
async def test_a_change_that_is_never_observed_is_given_up_in_time(make_world, kind):
    world = await make_world(change_within=BRIEFLY[kind])
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.slow_down(traffic_lag_s=60)
        with pytest.raises(Unavailable, match="not observed in time"):
            await target.shift(before.traffic.toward(canary, 50), live.mark, live)


@pytest.mark.slow
async def test_a_write_that_hangs_is_given_up_in_time(make_world, kind):
    world = await make_world(change_within=BRIEFLY[kind])
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.arm(on="write", delay_s=60, times=9)
        with pytest.raises(Unavailable, match=world.silent):
            await target.shift(before.traffic.toward(canary, 50), live.mark, live)


async def test_a_busy_platform_is_left_alone_for_as_long_as_it_asks(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.arm("busy", on="write", retry_after_s=0.7, times=2)
        began = asyncio.get_running_loop().time()
        live = await target.shift(before.traffic.toward(canary, 50), live.mark, live)

    assert asyncio.get_running_loop().time() - began >= world.pauses_s
    assert live.traffic.percent(canary) == 50


async def test_a_refused_call_is_told_with_what_would_help(world):
    async with world.target() as target:
        canary, before, live = await staged(target, world)
        world.arm("forbidden", on="write")
        with pytest.raises(Refused, match=world.forbidden):
            await target.shift(before.traffic.toward(canary, 50), live.mark, live)


async def test_a_service_that_does_not_exist_is_refused_with_where_to_look(world):
    elsewhere = world.elsewhere("nothing-here")
    async with elsewhere.target() as target:
        with pytest.raises(Refused, match=world.nowhere):
            await target.live()


async def test_every_call_is_told_before_it_is_made(world):
    calls = []
    async with world.target(calls.append) as target:
        await target.live()

    assert {call.split()[0] for call in calls} == world.looks
