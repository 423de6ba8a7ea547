"""From merge to the question about production: runs on a real Prefect server, executed in this process."""

import asyncio

import pytest
from prefect_real import RealPrefect
from rollout_world import World

from flows.watchdog import look_after
from surefoot.errors import SurefootError
from tasks.deploy import Unfinished
from tasks.site import Run
from tasks.store import ledger, releases

pytestmark = pytest.mark.anyio

COMMIT = "4e1c9aa0aaaa"


async def staged(prefect: RealPrefect, world: World, name: str, version: str) -> tuple[str, str]:
    """Run a release through staging; return the run and the name of the state that it ended in."""
    await world.service(name, staging=True, approval={})
    given = {"service": name, "image": str(world.image(version)), "commit": COMMIT, "version": version}
    run = await asyncio.to_thread(prefect.start, "deploy-staging", **given)
    return run, await prefect.execute(run)


def questions(prefect: RealPrefect, name: str) -> list[str]:
    """Return the production runs that were started for a service."""
    found = prefect.http.post("/flow_runs/filter", json={"limit": 200, "sort": "START_TIME_DESC"}).raise_for_status()
    release = f"{name}-1-1-0"
    return [run["id"] for run in found.json() if str(run["parameters"].get("release", "")).startswith(release)]


async def test_what_is_well_in_staging_is_verified_there_and_asked_about_once(world: World, prefect: RealPrefect):
    run, state = await staged(prefect, world, "story-a", "1.1.0")
    release = world.release("story-a", "1.1.0", COMMIT)
    known = world.keep(releases.find, "story-a/staging", release.id)
    await look_after(Run("the-watchdog"))
    asked = await asyncio.to_thread(questions, prefect, "story-a")

    assert state == "Done"
    assert prefect.run(run)["state"]["message"] == "story-a 1.1.0 is live in staging"
    assert known.verified_at is not None
    assert known.evidence["smoked"] == {"preview": "2 of 2", "public": "2 of 2"}
    assert len(asked) == 1
    assert world.live("story-a") == {world.first("story-a"): 100}, "production waits for a person"


async def test_what_is_bad_in_staging_is_asked_about_nowhere(world: World, prefect: RealPrefect):
    run, state = await staged(prefect, world, "story-b", "1.2.0-smoke")
    known = world.keep(releases.find, "story-b/staging", world.release("story-b", "1.2.0-smoke", COMMIT).id)
    await look_after(Run("the-watchdog"))

    assert state == "PutBack"
    assert "GET /order: status is 500, expected 200" in prefect.run(run)["state"]["message"]
    assert known.verified_at is None
    assert await asyncio.to_thread(questions, prefect, "story-b") == []


@pytest.mark.slow
async def test_a_release_that_is_live_but_could_not_be_closed_is_not_put_back_and_the_watchdog_closes_it(world: World):
    await world.service()
    world.arm(method="UpdateService", after=4, times=1000, code="PERMISSION_DENIED")
    ended = await world.roll_out(version="1.1.0")
    world.disarm()
    before = world.live()
    done = await world.recover()

    assert isinstance(ended.problem, Unfinished)
    assert isinstance(ended.problem, SurefootError)
    assert "shop 1.1.0 is live, but its rollout could not be ended there" in ended.why
    assert before == world.live() == {ended.canary: 100}
    assert done == ["shop 1.1.0 is live in production; its run had died before it could say so"]
    assert (world.last().phase, world.mark()) == ("promoted", "")
    assert world.keep(ledger.unconcluded, world.last().id) == []
