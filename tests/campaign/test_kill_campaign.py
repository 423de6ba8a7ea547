"""kill -9 after every write of a run: the watchdog brings everything to an end that somebody answers for."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect_real import ROOT, RealPrefect
from rollout_world import World, world
from rollout_world_ecs import EcsWorld, ecs

from flows.watchdog import look_after
from tasks.site import Run
from tasks.store import approvals, lease, ledger, outbox, releases, rollouts

pytestmark = [pytest.mark.anyio, pytest.mark.campaign, pytest.mark.timeout(3000)]

__all__ = ["ecs", "world"]

STEPS = ({"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
DYING = Path(__file__).with_name("dying.py")
COMMIT = "4e1c9aa0aaaa"
POSTMAN = "outbox:#releases"


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_a_run_killed_after_any_write_is_finished_or_put_back(
    prefect: RealPrefect, world: World, monkeypatch: pytest.MonkeyPatch, environment: str
):
    await kill_after_each_write(prefect, world, monkeypatch, environment)


@pytest.mark.parametrize("environment", ["staging", "production"])
async def test_on_ecs_too(prefect: RealPrefect, ecs: EcsWorld, monkeypatch: pytest.MonkeyPatch, environment: str):
    await kill_after_each_write(prefect, ecs, monkeypatch, environment)


async def test_on_ecs_a_run_killed_at_any_write_and_never_started_again_is_put_back_by_ecs_itself(
    prefect: RealPrefect, ecs: EcsWorld, monkeypatch: pytest.MonkeyPatch
):
    """Nobody comes by afterwards: a pause of 30 minutes is over after 7.5 s here, and ECS goes back."""
    more = {"target": {"hook_timeout": "30m"}}
    points = await live_and_die(prefect, ecs, monkeypatch, "whole", "staging", "", **more)
    here = [point for point in points if point.startswith("cloud: ")]
    ended: dict[str, str] = {}
    for number, point in enumerate(here):
        name = f"alone{number}"
        await live_and_die(prefect, ecs, monkeypatch, name, "staging", point, **more)
        service, phase = f"{name}-st", ecs.last(f"{name}/staging").phase
        async with asyncio.timeout(60):
            while (status := (await ecs.deployments(service))[0]["status"]) in AT_WORK:  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.1)
        ended[point] = f"{status}, {phase}"
        # Only what had passed everything, and was told so, may stay.
        passed = status == "SUCCESSFUL" and phase in ("baking", "promoted")
        kept = await ecs.images(service)
        assert kept == {str(ecs.image("1.1.0" if passed and await ecs.made("1.1.0", service) else "1.0.0")): 100}, point
    print("\n" + "\n".join(f"  {point}: {how}" for point, how in ended.items()))
    assert sum(how.startswith("ROLLBACK_SUCCESSFUL") for how in ended.values()) >= 5


AT_WORK = ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")


async def kill_after_each_write(
    prefect: RealPrefect, world: World, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.setenv("SUREFOOT_LEASE", "1s")
    points = await live_and_die(prefect, world, monkeypatch, "whole", environment, "")
    assert world.last(f"whole/{environment}").phase == "promoted"
    died = []
    for number, point in enumerate(points):
        name = f"{environment[:4]}{number}"
        await live_and_die(prefect, world, monkeypatch, name, environment, point)
        if await is_killed(prefect, name):
            died.append(point)
            await watch_over(prefect, name)
            await assert_all_well(world, name, environment, point)
            assert_asked_once(world, name, environment, point)
    report(died, points)
    assert len(died) >= 15


RUNS: dict[str, str] = {}


async def live_and_die(
    prefect: RealPrefect,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    environment: str,
    point: str,
    **more: Any,
) -> list[str]:
    """Start a run and let its process die at a point; return the points it has come to."""
    await world.service(name, staging=True, approval={"within": "1h"}, steps=STEPS, **more)
    monkeypatch.setenv("SUREFOOT_SERVICES", str(world.services / f"{name}.yaml"))
    image = world.image("1.1.0")
    if environment == "production":
        release = verified(world, name)
        run = await asyncio.to_thread(prefect.start, "deploy-production", service=name, release=release)
    else:
        given = {"service": name, "image": str(image), "commit": COMMIT, "version": "1.1.0"}
        run = await asyncio.to_thread(prefect.start, "deploy-staging", **given)
    RUNS[name] = run
    note = world.folder / f"{name}.points"
    environ = {**prefect.environ, **world.environ, "SUREFOOT_LEASE": "1s"}
    environ |= {"SUREFOOT_SERVICES": os.environ["SUREFOOT_SERVICES"], "PYTHONPATH": str(ROOT)}
    with (world.folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(DYING), run, str(note), *([point] if point else []), env=environ, stdout=log, stderr=log
        )
        try:
            code = await asyncio.wait_for(process.wait(), 120)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    text = (world.folder / f"{name}.log").read_text()
    assert code in ((0, -signal.SIGKILL) if point else (0,)), text[-3000:]
    if code:  # what the worker does within a second of its child's end
        await asyncio.to_thread(prefect.set_state, run, "CRASHED")
    return note.read_text().splitlines() if note.exists() else []


def verified(world: World, name: str) -> str:
    """Write into the store that staging has verified the release."""
    release, key = world.release(name, "1.1.0", COMMIT), f"{name}/staging"
    seq = world.keep(releases.register, key, release, datetime.now(UTC), f"seed-{name}")
    world.keep(releases.verify, key, seq, {"smoked": {}, "verdicts": []}, datetime.now(UTC))
    return release.id


async def is_killed(prefect: RealPrefect, name: str) -> bool:
    return await asyncio.to_thread(prefect.state, RUNS[name]) == "Crashed"


async def watch_over(prefect: RealPrefect, name: str) -> None:
    """Let the watchdog come by as often as it has something to do; what it starts again is executed."""
    async with asyncio.timeout(90):
        for environment in ("staging", "production"):
            while await is_held(name, environment):  # noqa: ASYNC110 (nobody tells when a lease runs out)
                await asyncio.sleep(0.1)
        while True:
            await let_the_postman_go()
            done = await look_after(Run("the-watchdog"))
            assert "! " not in done, done
            ran = await execute_scheduled(prefect, name)
            if done == "nothing was left behind" and not ran:
                return


async def let_the_postman_go() -> None:
    """Let the 40 s pass for which a dead sender of notices keeps others from sending."""
    from tasks.site import open_store  # noqa: PLC0415

    async with open_store() as store:
        held = await store.run(lease.holder_of, POSTMAN)
        if held is not None:
            await store.run(lease.renew, held, datetime.now(UTC) - timedelta(minutes=1), 1.0)


async def is_held(name: str, environment: str) -> bool:
    from tasks.site import open_store  # noqa: PLC0415

    async with open_store() as store:
        held = await store.run(lease.holder_of, f"{name}/{environment}")
    return held is not None and held.until > datetime.now(UTC)


async def execute_scheduled(prefect: RealPrefect, name: str) -> int:
    """Be the worker: execute what is scheduled for a service; the production run that died is answered, once asked."""
    body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 50, "sort": "START_TIME_DESC"}
    found = (await asyncio.to_thread(prefect.http.post, "/flow_runs/filter", json=body)).raise_for_status().json()
    mine = [run["id"] for run in found if run["parameters"].get("service") == name]
    for run in mine:
        state = await prefect.execute(run)
        if state == "Suspended" and run == RUNS[name]:
            await asyncio.to_thread(prefect.resume, run, decision="approve", name="ana", comment="")
    return len(mine)


async def assert_all_well(world: World, name: str, environment: str, point: str) -> None:
    """All traffic on one ready revision, ledger whole, no rollout or mark left, everything said."""
    service_id = name if environment == "production" else f"{name}-st"
    live, row = await world.images(service_id), world.last(f"{name}/{environment}")
    entries = world.entries(row.id)
    where = f"{point}: {row.phase}, {row.reason}, live {live}"
    assert row.phase in ("promoted", "put back"), where
    assert live == {str(world.image("1.1.0" if row.phase == "promoted" else "1.0.0")): 100}, where
    assert await world.serves(service_id), where
    assert await world.marked(service_id) == "", where
    assert await world.made("1.1.0", service_id) <= 1, where
    assert world.keep(ledger.unconcluded, row.id) == [], where
    assert entries[-1].kind in ("rollout ended", "release verified"), where
    assert [each.key for each in world.keep(rollouts.open_rollouts)] == [], where
    assert world.keep(outbox.backlog, "#releases")[0] == 0, where
    said = [text for text in world.said() if f"{row.release.short} " in text.replace("*", "")]
    end = "is live in" if row.phase == "promoted" else "was put back"
    assert any(end in text for text in said), (where, said)


def assert_asked_once(world: World, name: str, environment: str, point: str) -> None:
    """People were asked once; nobody is asked about what was put back in staging."""
    if environment == "production":
        asked, wanted = count(world, f"{name}/production", "approval asked"), 1
    else:
        wanted = int(world.last(f"{name}/staging").phase == "promoted")
        asked = len(world.keep(approvals.waiting, f"{name}/production"))
    assert asked == wanted, f"{point}: asked {asked} times"


def count(world: World, key: str, kind: str) -> int:
    runs = {each.id for each in world.keep(rollouts.history, key)}
    return sum(world.kinds(each).count(kind) for each in runs)


def report(died: list[str], points: list[str]) -> None:
    print(f"\nkilled at {len(died)} of {len(points)} points:")
    for point in died:
        print(f"  {point}")
