"""Every fault the platform's API knows, at each call of each verb: never a half-made change, never a wrong belief."""

import re

import pytest
from target_world import AT_ONCE

from surefoot.errors import Interfered, TargetError, Unavailable
from surefoot.target import Live
from surefoot.traffic import Traffic

pytestmark = pytest.mark.anyio

campaign = pytest.mark.campaign
# Faults after which the verb has to come through by itself, since nothing was refused for good.
PASSING = [
    pytest.param({"problem": "away", "lost": True}, id="unavailable, reply lost"),
    pytest.param({"problem": "busy", "retry_after_s": 0.05}, id="quota"),
    pytest.param({"delay_s": 0.05}, id="slow", marks=campaign),
    pytest.param({"problem": "away"}, id="unavailable", marks=campaign),
    pytest.param({"problem": "deadline", "lost": True}, id="deadline exceeded, reply lost", marks=campaign),
    pytest.param({"problem": "internal"}, id="internal", marks=campaign),
    pytest.param({"problem": "internal", "lost": True}, id="internal, reply lost", marks=campaign),
    pytest.param({"problem": "unknown", "lost": True}, id="unknown, reply lost", marks=campaign),
    pytest.param({"problem": "cancelled", "lost": True}, id="cancelled, reply lost", marks=campaign),
]
# Faults that may end the verb with an error, which then has to be true.
ENDING = [
    pytest.param({"problem": "forbidden"}, id="permission denied"),
    pytest.param({"problem": "conflict"}, id="aborted", marks=campaign),
    pytest.param({"problem": "missing"}, id="not found", marks=campaign),
    pytest.param({"problem": "invalid"}, id="invalid argument", marks=campaign),
    pytest.param({"problem": "precondition"}, id="failed precondition", marks=campaign),
    pytest.param({"problem": "unimplemented"}, id="unimplemented", marks=campaign),
    pytest.param({"problem": "stranger"}, id="unauthenticated", marks=campaign),
]
INSIDE = ("away", "internal", "precondition")
# What another person may be in the middle of, and still no write of theirs is written over.
WRITES = {
    "cloud_run": {verb: ["look", "write"] for verb in ("stage", "shift")},
    # Between our look and UpdateService nothing guards ECS: whoever deploys then is deployed over, as by any tool.
    "ecs": {"stage": ["look"], "shift": ["look", "write"]},
}
# A look at ECS takes five calls, and each is to meet each fault: that is for the campaign.
quick_on_cloud_run = pytest.mark.parametrize("kind", ["cloud_run", pytest.param("ecs", marks=campaign)])
only_cloud_run = pytest.mark.parametrize("kind", ["cloud_run"])


async def look(target, world, before):
    return await target.live()


async def stage(target, world, before):
    release = world.release("1.1.0")
    return await target.stage(release, world.mark(before, release), before)


async def shift(target, world, before):
    mark = world.mark(before, world.release("1.1.0"), percent=100)
    return await target.shift(Traffic.all_on(canary_of(world)), mark, before)


def canary_of(world):
    return world.release("1.1.0").revision_name(world.service)


async def ready_for(verb, make_world, **settings):
    """Return a new service in the state that a verb begins with, on a platform that answers at once."""
    world = await make_world(AT_ONCE, poll_every="200ms", **settings)
    world.slow_down(traffic_lag_s=0)
    if verb is shift:
        async with world.target() as target:
            await stage(target, world, await target.live())
    return world


def is_done(verb, world, seen):
    canary = canary_of(world)
    if verb is shift:
        return seen.traffic == Traffic.all_on(canary)
    done = {
        look: lambda: True,
        stage: lambda: bool(seen.revisions[canary].preview),
    }
    return seen.traffic == Traffic.all_on(world.stable) and done[verb]()


async def attempt(verb, world, fault, number):
    """Make the verb's call `number` meet the fault; return what came of it and whether the fault was met."""
    async with world.target() as target:
        before = await target.live()
        if "meddling" in fault:
            await world.meddling(on=fault["meddling"], after=number)
        else:
            world.arm(**fault, after=number)
        try:
            result = await verb(target, world, before)
        except TargetError as problem:
            result = problem
        met = not world.disarm()
    return result, met


async def each_call(verb, make_world, fault):
    """Yield world and result with the fault at the first, second, … call of the verb, until it has no more calls."""
    for number in range(80):
        world = await ready_for(verb, make_world)
        result, met = await attempt(verb, world, fault, number)
        if not met:
            assert number, "the fault has to be met at least once"
            return
        yield world, result
    raise AssertionError("the verb never runs out of calls")


async def assert_recovers(verb, world):
    """Whatever happened: a new look and the same verb again come through, with one revision for the release."""
    async with world.target() as target:
        again = await verb(target, world, await target.live())
    assert is_done(verb, world, again)
    assert await world.revisions() <= 2


@quick_on_cloud_run
@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("verb", [look, stage, shift])
async def test_a_fault_that_passes_is_not_felt(make_world, verb, fault):
    async for world, result in each_call(verb, make_world, fault):
        assert isinstance(result, Live), result
        assert is_done(verb, world, result)
        assert await world.revisions() <= 2


@quick_on_cloud_run
@pytest.mark.parametrize("fault", ENDING)
@pytest.mark.parametrize("verb", [look, stage, shift])
async def test_a_fault_that_ends_it_leaves_a_state_that_the_same_verb_finishes(make_world, verb, fault):
    async for world, result in each_call(verb, make_world, fault):
        if isinstance(result, Live):
            assert is_done(verb, world, result)
        await assert_recovers(verb, world)


@only_cloud_run
@pytest.mark.parametrize("problem", INSIDE)
@pytest.mark.parametrize("verb", [stage, shift])
async def test_an_error_inside_the_operation_is_told_and_nothing_has_changed(make_world, verb, problem):
    world = await ready_for(verb, make_world)
    result, met = await attempt(verb, world, {"problem": problem, "on": "write", "inside": True}, 0)

    assert met
    assert isinstance(result, TargetError)
    assert isinstance(result, Unavailable) == (problem == "away")
    assert world.wished() in ({"": 100}, {world.stable: 100})
    await assert_recovers(verb, world)


@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_reply_that_is_lost_is_looked_after_and_not_written_again(make_world, verb):
    world = await ready_for(verb, make_world)
    writes = await written_by(verb, await ready_for(verb, make_world), {})
    lost = await written_by(verb, world, {"problem": "away", "on": "write", "lost": True})

    assert lost == writes


async def written_by(verb, world, fault):
    """Return how many writes a verb makes."""
    before = world.writes()
    if fault:
        await attempt(verb, world, fault, 0)
    else:
        async with world.target() as target:
            await verb(target, world, await target.live())
    return world.writes() - before


@only_cloud_run
@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_write_that_is_aborted_though_nobody_wrote_is_made_again(make_world, verb):
    world = await ready_for(verb, make_world)
    result, met = await attempt(verb, world, {"problem": "conflict", "on": "write"}, 0)

    assert met
    assert isinstance(result, Live)
    assert is_done(verb, world, result)


@only_cloud_run
async def test_a_read_that_lags_behind_at_any_call_is_not_taken_for_somebodys_write(make_world):
    async for world, result in each_call(shift, make_world, {"on": "look", "stale": True}):
        assert isinstance(result, Live), result
        assert is_done(shift, world, result)


@quick_on_cloud_run
@pytest.mark.parametrize("call", ["look", "write"])
@pytest.mark.parametrize("verb", [stage, shift])
async def test_another_writer_at_any_call_keeps_what_they_wrote(make_world, kind, verb, call):
    if call not in WRITES[kind][verb.__name__]:
        pytest.skip("nothing guards this write: see the adapter's own words")
    met = True
    number = 0
    while met and number < 12:
        world = await ready_for(verb, make_world)
        result, met = await attempt(verb, world, {"meddling": call}, number)
        if met and call == "write":
            assert isinstance(result, Interfered), result
        if met and isinstance(result, TargetError):
            assert re.search(world.stranger, str(result)), result
            assert await world.theirs_stand()
        number += 1
    assert 1 < number < 12


@pytest.mark.slow
@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_platform_that_stays_away_ends_in_unavailable_and_the_verb_can_be_finished_later(make_world, verb):
    world = await ready_for(verb, make_world, change_within="500ms")
    result, met = await attempt(verb, world, {"problem": "away", "on": "write", "times": 500}, 0)

    assert met
    assert isinstance(result, Unavailable)
    await assert_recovers(verb, world)
