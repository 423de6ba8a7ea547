"""Every fault of the cloud's API at each call of a rollout: promoted or put back, never in between, and said so."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rollout_world import WATCHED, Ended, World

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]

campaign = pytest.mark.campaign
SHORT = ({"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
CODES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
# What may happen to any call: refused with each code, or carried out with the reply lost; told when to come back; late.
FAULTS = {
    **{code.lower(): {"code": code} for code in CODES},
    **{f"{code.lower()}, reply lost": {"code": code, "lost": True} for code in CODES},
    "quota": {"code": "RESOURCE_EXHAUSTED", "retry_after_s": 0.1},
    "late": {"delay_s": 0.3},
}
# What may happen to a write besides: the operation fails, or a reply never comes.
WRITE_FAULTS = {
    **{f"{code.lower()}, inside": {"code": code, "inside": True} for code in ("UNAVAILABLE", "INTERNAL", "ABORTED")},
    "hangs": {"delay_s": 30.0},
    "hangs, carried out": {"code": "UNAVAILABLE", "lost": True, "delay_s": 30.0},
}
# A sample for every day; the campaign has all of them, at every call.
FAST = ("unavailable, reply lost", "permission_denied", "aborted", "internal, inside")
EVERY = {**FAULTS, **WRITE_FAULTS}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAST)
async def test_a_fault_at_any_write_ends_promoted_or_put_back(world: World, fault: str):
    await over_each_call(world, "1.1.0", {**EVERY[fault], "method": "UpdateService"}, steps=SHORT)


@campaign
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_at_any_call_ends_promoted_or_put_back(world: World, fault: str):
    await over_each_call(world, "1.1.0", FAULTS[fault], steps=SHORT)


@campaign
@pytest.mark.parametrize("fault", WRITE_FAULTS)
async def test_a_fault_of_any_write_ends_promoted_or_put_back(world: World, fault: str):
    await over_each_call(world, "1.1.0", {**WRITE_FAULTS[fault], "method": "UpdateService"}, steps=SHORT)


@campaign
@pytest.mark.parametrize("fault", ["stale", "unavailable", "permission_denied"])
async def test_a_fault_while_users_are_watched_ends_promoted_or_put_back(world: World, fault: str):
    what = {"stale": True, "method": "GetService"} if fault == "stale" else FAULTS[fault]
    await over_each_call(world, "1.1.0", what, steps=WATCHED)


@campaign
@pytest.mark.parametrize("fault", ["unavailable, reply lost", "internal", "late", "aborted"])
async def test_no_fault_lets_a_bad_release_through(world: World, fault: str):
    async for ended in each_call(world, "1.2.0-errors", FAULTS[fault], steps=WATCHED):
        await assert_said(world, ended)
        assert ended.phase != "promoted"
        assert world.live(ended.service) == {world.first(ended.service): 100}


@campaign
@pytest.mark.parametrize("traffic", ["theirs", "ours"])
@pytest.mark.parametrize("method", ["GetService", "UpdateService", "GetOperation", "ListRevisions"])
async def test_another_writer_at_any_call_keeps_what_they_wrote(world: World, method: str, traffic: str):
    await world.service(steps=SHORT)
    first = world.first()
    fault: dict[str, Any] = {"method": method, "writer": "priya@example.com"}
    if traffic == "theirs":
        fault["writer_traffic"] = {first: 100}
    async for ended in each_call(world, "1.1.0", fault, steps=SHORT, fresh=True):
        name = ended.service
        by = world.told(name).last_modifier
        await assert_said(world, ended, recover=False)
        recovered = await world.recover(name)
        if ended.phase == "not put back":
            assert by == "priya@example.com"
            assert "priya@example.com" in ended.why
            assert recovered == []
            assert world.told(name).last_modifier == "priya@example.com"


async def over_each_call(world: World, version: str, fault: dict[str, Any], **plan: Any) -> None:
    ends = []
    async for ended in each_call(world, version, fault, **plan):
        await assert_said(world, ended)
        ends.append(ended.phase)
    print(f"\n{len(ends)} calls: {', '.join(f'{sum(e == end for e in ends)} {end}' for end in sorted(set(ends)))}")
    assert ends, "the fault has to be met at least once"


async def each_call(world: World, version: str, fault: dict[str, Any], **plan: Any) -> AsyncIterator[Ended]:
    """Yield how a rollout ends with the fault at its first, second, … call, until it has no more calls."""
    plan.pop("fresh", None)
    for number in itertools.count():
        assert number < 80, "a rollout never runs out of calls"
        name = f"shop{number}"
        await world.service(name, target={"change_within": "3s"}, **plan)
        world.arm(**fault, after=number)
        ended = await world.roll_out(name, version)
        if world.disarm():
            return
        yield ended


async def assert_said(world: World, ended: Ended, *, recover: bool = True) -> None:
    """What the store, the cloud and the channel say is one thing: promoted, put back, or nothing was begun."""
    name, canary = ended.service, ended.canary
    first = world.first(name)
    if ended.attempt is None:
        assert (world.live(name), world.mark(name)) == ({first: 100}, "")
        return
    if recover and ended.phase != "promoted":
        await world.recover(name)
    row = world.last(f"{name}/production")
    said = "\n".join(world.said())
    if row.phase == "promoted":
        assert (world.live(name), world.mark(name)) == ({canary: 100}, ""), ended.why
        assert f"{row.release.short} is live in production" in said
        return
    if recover:
        assert row.phase == "put back", ended.why
        assert (world.live(name), world.mark(name)) == ({first: 100}, ""), ended.why
    assert row.phase in ("put back", "not put back")
    assert f"{row.release.short} → production" in said.replace("*", "")
    assert len([each for each in world.revisions(name) if each != first]) <= 1
    entries = world.entries(row.id)
    assert all(sum(other.action == each.action for other in entries) == 2 for each in entries if each.action)
