"""Runs as a real worker starts them: cancelled, left alone by worker and server, and twenty at the same moment."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from prefect_real import RealPrefect
from rollout_world import World

from flows.watchdog import look_after
from tasks.site import Run
from tasks.store import lease, ledger, outbox, releases, rollouts

pytestmark = [pytest.mark.anyio, pytest.mark.campaign, pytest.mark.timeout(900)]

LONG = ({"traffic": "25%", "watch": "60s"}, {"traffic": "100%", "watch": "0s"})
PAUSED = ({"traffic": "25%", "watch": "6s"}, {"traffic": "100%", "watch": "0s"})
SHORT = ({"traffic": "50%", "watch": "0s"}, {"traffic": "100%", "watch": "0s"})
AT_ONCE = 20
KEY = "shop/production"


async def test_a_cancel_in_prefect_at_25_percent_has_all_users_back_within_10_s(world: World, worker_here: RealPrefect):
    prefect = worker_here
    await world.service(steps=LONG)
    run = await started(prefect, world, "1.1.0")
    await until(lambda: world.live() == {world.first(): 75, canary(world): 25}, 120)
    asked = time.monotonic()
    await asyncio.to_thread(prefect.cancel, run)
    await until(lambda: (world.live(), world.mark()) == ({world.first(): 100}, ""), 30)
    took_s = time.monotonic() - asked
    state = await asyncio.to_thread(prefect.wait, run, "Cancelled", within_s=60)

    print(f"\nall users were back {took_s:.1f} s after the Cancel; the run ended as {state}")
    assert took_s <= 10
    assert world.last(KEY).phase == "put back"
    assert any("cancelled" in said for said in world.said())


async def test_a_run_whose_worker_and_process_are_killed_is_put_back_by_the_watchdog(
    world: World, worker_here: RealPrefect, monkeypatch: pytest.MonkeyPatch
):
    prefect = worker_here
    monkeypatch.setenv("SUREFOOT_LEASE", "2s")
    await world.service(steps=LONG)
    run = await started(prefect, world, "1.1.0")
    await until(lambda: world.live() == {world.first(): 75, canary(world): 25}, 120)
    await asyncio.to_thread(kill_all_of, prefect, world)
    assert await asyncio.to_thread(prefect.state, run) == "Running", "nobody is left who could say that it crashed"
    await until(lambda: has_run_out(world), 30)
    done = await look_after(Run("the-watchdog"))

    assert "shop 1.1.0 was put back in production: its run died at 25 %" in done
    assert_settled(world, "put back", world.first())


async def test_a_worker_that_is_killed_alone_leaves_its_run_to_finish_or_to_the_watchdog(
    world: World, worker_here: RealPrefect, monkeypatch: pytest.MonkeyPatch
):
    prefect = worker_here
    monkeypatch.setenv("SUREFOOT_LEASE", "2s")
    await world.service(steps=PAUSED)
    await started(prefect, world, "1.1.0")
    await until(lambda: world.live() == {world.first(): 75, canary(world): 25}, 120)
    await asyncio.to_thread(prefect.kill, "worker")
    await until(lambda: has_run_out(world), 60)
    await look_after(Run("the-watchdog"))

    row = world.last(KEY)
    assert_settled(world, row.phase, canary(world) if row.phase == "promoted" else world.first())


async def test_a_server_that_is_killed_in_the_middle_stops_no_rollout(world: World, worker_here: RealPrefect):
    prefect = worker_here
    await world.service(steps=PAUSED)
    run = await started(prefect, world, "1.1.0")
    await until(lambda: world.live() == {world.first(): 75, canary(world): 25}, 120)
    await asyncio.to_thread(prefect.kill_server)
    await until(lambda: world.last(KEY).ended_at is not None, 120)
    prefect.start_server()  # not in a thread: the leash that it is on is held by the thread that starts it
    state = await asyncio.to_thread(prefect.wait, run, "Done", "Crashed", "Failed", within_s=120)

    print(f"\nthe rollout ended {world.last(KEY).phase} without a server; afterwards its run is {state}")
    assert_settled(world, "promoted", canary(world))


async def test_of_twenty_releases_at_the_same_moment_the_newest_is_live_and_none_met_another(
    world: World, worker_here: RealPrefect
):
    prefect = worker_here
    await world.service(steps=SHORT)
    commits = [f"{number:07x}aaaa" for number in range(1, AT_ONCE + 1)]
    asked = [await asyncio.to_thread(prefect.start, "deploy-production", **wanted(world, each)) for each in commits]
    states = [await asyncio.to_thread(prefect.wait, run, *ENDS, within_s=600) for run in asked]

    print(f"\n{', '.join(f'{states.count(each)} {each}' for each in sorted(set(states)))}")
    newest = world.release("shop", "1.1.0", commits[-1]).revision_name("shop")
    assert states[-1] == "Done"
    assert set(states[:-1]) <= {"Superseded", "Done"}
    assert_settled(world, "promoted", newest)
    assert_one_after_another(world)


ENDS = ("Done", "Superseded", "Refused", "PutBack", "NotPutBack", "Interfered", "Crashed", "Failed", "Cancelled")


async def started(prefect: RealPrefect, world: World, version: str) -> str:
    """Ask for a rollout to production, which wants no approval here; return the run."""
    given = wanted(world, "4e1c9aa0aaaa", version)
    return await asyncio.to_thread(prefect.start, "deploy-production", **given)


def wanted(world: World, commit: str, version: str = "1.1.0") -> dict[str, str]:
    """Write into the store that staging has verified the release; return a run's parameters."""
    release, moment = world.release("shop", version, commit), datetime.now(UTC)
    seq = world.keep(releases.register, "shop/staging", release, moment, f"seed-{release.id}")
    world.keep(releases.verify, "shop/staging", seq, {"smoked": {}, "verdicts": []}, moment)
    return {"service": "shop", "release": release.id}


def canary(world: World) -> str:
    return world.release("shop", "1.1.0", "4e1c9aa0aaaa").revision_name("shop")


async def until(true: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 (another process decides when)
            await asyncio.sleep(0.05)


def has_run_out(world: World) -> bool:
    held = world.keep(lease.holder_of, KEY)
    return held is None or held.until < datetime.now(UTC)


def kill_all_of(prefect: RealPrefect, world: World) -> None:
    """End worker and run at once, as a power cut does: the run's process is found by the folder it works on."""
    mine = f"SUREFOOT_STORE={world.store}".encode()
    everything = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]
    runs = [pid for pid in everything if pid != os.getpid() and mine in environment_of(pid)]
    prefect.kill("worker")
    for pid in runs:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def assert_settled(world: World, phase: str, revision: str) -> None:
    """One ready revision has all users, nothing is open or marked, the ledger is whole, all was told."""
    row = world.last(KEY)
    assert row.phase == phase, row.reason
    assert (world.live(), world.mark()) == ({revision: 100}, "")
    assert world.keep(rollouts.open_rollouts) == []
    assert world.keep(ledger.unconcluded, row.id) == []
    assert world.keep(outbox.backlog, "#releases")[0] == 0
    end = {"promoted": "is live in production", "put back": "was put back"}[phase]
    assert any(end in said and row.release.short in said for said in world.said())


def assert_one_after_another(world: World) -> None:
    """In the ledger each rollout ends before the next begins; in the cloud no write falls between another's two."""
    spans = []
    for row in reversed(world.keep(rollouts.history, KEY, limit=AT_ONCE)):
        entries = world.entries(row.id)
        spans.append((entries[0].seq, entries[-1].seq, entries[0].at, entries[-1].at))
    assert all(one[1] < other[0] for one, other in pairwise(sorted(spans)))
    writes = [call.at for call in world.rehearsal.front.journal.of("UpdateService")]
    owners = [[began <= at <= ended for _, _, began, ended in spans] for at in writes]
    assert all(sum(mine) == 1 for mine in owners), "a write that belongs to no rollout, or to two"
