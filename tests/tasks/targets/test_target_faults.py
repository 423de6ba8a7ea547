"""Every fault the platform's API knows, at each call of each verb: never a half-made change, never a wrong belief."""

import pytest

from surefoot.errors import Interfered, TargetError, Unavailable
from surefoot.target import Live
from surefoot.traffic import Traffic

pytestmark = pytest.mark.anyio

campaign = pytest.mark.campaign
# Faults after which the verb has to come through by itself, since nothing was refused for good.
PASSING = [
    pytest.param({"code": "UNAVAILABLE", "lost": True}, id="unavailable, reply lost"),
    pytest.param({"code": "RESOURCE_EXHAUSTED", "retry_after_s": 0.05}, id="quota"),
    pytest.param({"delay_s": 0.05}, id="slow", marks=campaign),
    pytest.param({"code": "UNAVAILABLE"}, id="unavailable", marks=campaign),
    pytest.param({"code": "DEADLINE_EXCEEDED", "lost": True}, id="deadline exceeded, reply lost", marks=campaign),
    pytest.param({"code": "INTERNAL"}, id="internal", marks=campaign),
    pytest.param({"code": "INTERNAL", "lost": True}, id="internal, reply lost", marks=campaign),
    pytest.param({"code": "UNKNOWN", "lost": True}, id="unknown, reply lost", marks=campaign),
    pytest.param({"code": "CANCELLED", "lost": True}, id="cancelled, reply lost", marks=campaign),
]
# Faults that may end the verb with an error, which then has to be true.
ENDING = [
    pytest.param({"code": "PERMISSION_DENIED"}, id="permission denied"),
    pytest.param({"code": "ABORTED"}, id="aborted", marks=campaign),
    pytest.param({"code": "NOT_FOUND"}, id="not found", marks=campaign),
    pytest.param({"code": "INVALID_ARGUMENT"}, id="invalid argument", marks=campaign),
    pytest.param({"code": "FAILED_PRECONDITION"}, id="failed precondition", marks=campaign),
    pytest.param({"code": "UNIMPLEMENTED"}, id="unimplemented", marks=campaign),
    pytest.param({"code": "UNAUTHENTICATED"}, id="unauthenticated", marks=campaign),
]
INSIDE = {code: {"code": code, "inside": True} for code in ("UNAVAILABLE", "INTERNAL", "FAILED_PRECONDITION")}


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
    world = await make_world(poll_every="200ms", **settings)
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
        world.arm(**fault, after=number)
        try:
            result = await verb(target, world, before)
        except TargetError as problem:
            result = problem
        met = not world.disarm()
    return result, met


async def each_call(verb, make_world, fault):
    """Yield world and result with the fault at the first, second, … call of the verb, until it has no more calls."""
    for number in range(30):
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
    assert len(world.revisions()) <= 2


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("verb", [look, stage, shift])
async def test_a_fault_that_passes_is_not_felt(make_world, verb, fault):
    async for world, result in each_call(verb, make_world, fault):
        assert isinstance(result, Live), result
        assert is_done(verb, world, result)
        assert len(world.revisions()) <= 2


@pytest.mark.parametrize("fault", ENDING)
@pytest.mark.parametrize("verb", [look, stage, shift])
async def test_a_fault_that_ends_it_leaves_a_state_that_the_same_verb_finishes(make_world, verb, fault):
    async for world, result in each_call(verb, make_world, fault):
        if isinstance(result, Live):
            assert is_done(verb, world, result)
        await assert_recovers(verb, world)


@pytest.mark.parametrize("fault", INSIDE.values(), ids=INSIDE)
@pytest.mark.parametrize("verb", [stage, shift])
async def test_an_error_inside_the_operation_is_told_and_nothing_has_changed(make_world, verb, fault):
    world = await ready_for(verb, make_world)
    result, met = await attempt(verb, world, {**fault, "method": "UpdateService"}, 0)

    assert met
    assert isinstance(result, TargetError)
    assert isinstance(result, Unavailable) == (fault["code"] == "UNAVAILABLE")
    assert world.wished() in ({"": 100}, {world.stable: 100})
    await assert_recovers(verb, world)


@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_reply_that_is_lost_is_looked_after_and_not_written_again(make_world, verb):
    world = await ready_for(verb, make_world)
    accepted = world.writes()
    await attempt(verb, world, {"method": "UpdateService", "code": "UNAVAILABLE", "lost": True}, 0)

    assert world.writes() == accepted + 1


@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_write_that_is_aborted_though_nobody_wrote_is_made_again(make_world, verb):
    world = await ready_for(verb, make_world)
    result, met = await attempt(verb, world, {"method": "UpdateService", "code": "ABORTED"}, 0)

    assert met
    assert isinstance(result, Live)
    assert is_done(verb, world, result)


async def test_a_read_that_lags_behind_at_any_call_is_not_taken_for_somebodys_write(make_world):
    async for world, result in each_call(shift, make_world, {"method": "GetService", "stale": True}):
        assert isinstance(result, Live), result
        assert is_done(shift, world, result)


@pytest.mark.parametrize("method", ["GetService", "UpdateService"])
@pytest.mark.parametrize("verb", [stage, shift])
async def test_another_writer_at_any_call_keeps_what_they_wrote(make_world, verb, method):
    met = True
    number = 0
    while met and number < 10:
        world = await ready_for(verb, make_world)
        fault = {"method": method, "writer": "priya@example.com", "writer_traffic": {world.stable: 100}}
        result, met = await attempt(verb, world, fault, number)
        if met and method == "UpdateService":
            assert isinstance(result, Interfered), result
        if met and isinstance(result, TargetError):
            assert "priya@example.com" in str(result)
            assert world.told().last_modifier == "priya@example.com"
        number += 1
    assert 1 < number < 10


@pytest.mark.parametrize("verb", [stage, shift])
async def test_a_platform_that_stays_away_ends_in_unavailable_and_the_verb_can_be_finished_later(make_world, verb):
    world = await ready_for(verb, make_world, change_within="500ms")
    result, met = await attempt(verb, world, {"method": "UpdateService", "code": "UNAVAILABLE", "times": 500}, 0)

    assert met
    assert isinstance(result, Unavailable)
    await assert_recovers(verb, world)
