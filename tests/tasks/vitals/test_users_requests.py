"""Requests that users really made at a step of a rehearsed rollout, as the platform's own metrics tell of them."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from passing_time import NOON, Clock
from target_world import TENTHS, write_catalogue
from target_world_cloud_run import make_cloud_run
from target_world_ecs import make_ecs

from rehearsal.aws.metrics import group_of
from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import Pace
from rehearsal.meter import Meter
from rehearsal.monitoring import revision_of
from surefoot.service import Environment, VitalsRule
from surefoot.traffic import Traffic
from tasks.vitals import connect

REQUESTS = 60


def on_cloud_run(rehearsal, clock):
    """Return the tally of Cloud Run's users, what is measured from it, and what a file says of the source."""
    measured, tally = rehearsal.monitoring, rehearsal.cloud.reconciler.tally
    measured.meter, measured.clock = Meter(), clock
    return (
        tally,
        measured.meter,
        revision_of,
        VitalsRule("cloud_monitoring"),
    )


def on_ecs(rehearsal, clock):
    measured, balancer = rehearsal.aws.metrics, rehearsal.aws.balancer
    measured.meter, measured.clock = Meter(), clock
    return balancer.tally, measured.meter, group_of(balancer), VitalsRule("cloudwatch")


async def at_a_step(rehearsal, make, measured):
    """Let users come to a service of which half is on a new release; return the revisions and what was seen of them."""
    clock = Clock()
    tally, meter, keyed, rule = measured(rehearsal, clock)
    world = await make(rehearsal, "shop", TENTHS)
    async with world.target() as target:
        release, before = world.release("1.1.0"), await target.live()
        mark = world.mark(before, release)
        live = await target.stage(release, mark, before)
        half = Traffic.of({world.stable: 50, mark.canary: 50})
        live = await target.shift(half, replace(mark, percent=50), live)
    meter.take(tally, NOON - 60, keyed)
    async with aiohttp.ClientSession() as users:
        for _ in range(REQUESTS):
            async with users.get(live.url) as answer:
                assert answer.status == 200
    meter.take(tally, NOON, keyed)
    source = connect(Environment("shop", "production", world.place, world.plan, vitals=rule))
    source._clock, source._sleep = clock, clock.sleep
    source.begin()
    try:
        return await source.look(live.revisions[world.stable], live.revisions[mark.canary], 10.0)
    finally:
        await source.close()


@pytest.mark.parametrize(("make", "measured"), [(make_cloud_run, on_cloud_run), (make_ecs, on_ecs)], ids=["run", "ecs"])
def test_what_users_did_is_what_the_source_sees(make, measured, tmp_path):
    async def story():
        pace = Pace(traffic_lag_s=0.02, speed=240, least_grace_s=0.7)
        async with Rehearsal.start(write_catalogue(tmp_path), tmp_path, pace=pace) as rehearsal:
            return await at_a_step(rehearsal, make, measured)

    look = asyncio.run(story())

    assert look.stable.blind == look.canary.blind == ""
    assert look.stable.requests + look.canary.requests == REQUESTS
    assert look.share == pytest.approx(0.5, abs=0.25)
    assert look.share == look.canary.requests / REQUESTS
    for side in (look.stable, look.canary):
        assert (side.errors, side.classes, side.seconds) == (0, (), 60)
        assert side.latency_ms.total == side.requests > 0
