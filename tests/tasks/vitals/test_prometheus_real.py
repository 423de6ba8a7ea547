"""A real Prometheus that scrapes a rehearsed Cloud Run: what it tells is what the load balancer counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc.aio
import pytest
from aiohttp import web
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcAsyncIOTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from prometheus_client import generate_latest
from prometheus_real import EVERY, RealPrometheus, running
from rehearsed import NAME, Laptop, catalogue, share, template
from rehearsed_aws import lab

from rehearsal.aws.metrics import dimensions, labels_of
from rehearsal.cloud import Rehearsal
from rehearsal.cloud_run import Pace
from rehearsal.splitter import Fault, Place
from surefoot.release import Revision
from tasks.vitals.prometheus import Settings
from tasks.vitals.prometheus.source import Prometheus

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

STABLE, CANARY = (Revision(name, "", ready=True) for name in ("shop-good", "shop-better"))
_USERS = 'service="rehearsal/laptop/shop",address="public",revision="$revision"'


@dataclass
class World:
    """A rehearsed service with two revisions, its users, Prometheus, and the source that asks it."""

    laptop: Laptop
    url: str
    prometheus: RealPrometheus
    source: Prometheus

    async def visit(self, times: int) -> None:
        """Send requests, and return when all were answered."""
        for _ in range(times):
            await self.laptop.read(self.url)

    def counted(self) -> list[tuple[int, int]]:
        """Return what the load balancer counted of users so far: requests and failures, stable's first."""
        tally = self.laptop.rehearsal.cloud.reconciler.tally
        both = [tally.at(Place("rehearsal/laptop/shop", "public", each.name)) for each in (STABLE, CANARY)]
        return [(counts.requests, counts.failures) for counts in both]

    def hurt(self, fault: Fault | None) -> None:
        reconciler = self.laptop.rehearsal.cloud.reconciler
        reconciler.hurt(self.laptop.rehearsal.cloud.services[NAME], CANARY.name, fault, previews=False)

    async def split(self, stable: int, canary: int) -> None:
        traffic = [share(STABLE.name, stable), share(CANARY.name, canary)]
        await self.laptop.update("traffic", traffic=traffic)


@asynccontextmanager
async def world(prometheus: Path, folder: Path) -> AsyncIterator[World]:
    async with (
        Rehearsal.start(catalogue(), folder, pace=Pace(traffic_lag_s=0.02, speed=160)) as rehearsal,
        grpc.aio.insecure_channel(rehearsal.grpc_endpoint.removeprefix("grpc://")) as channel,
        aiohttp.ClientSession() as browser,
    ):
        services = run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))
        revisions = run_v2.RevisionsAsyncClient(transport=RevisionsGrpcAsyncIOTransport(channel=channel))
        laptop = Laptop(rehearsal, services, revisions, browser)
        await laptop.create()
        traffic = [share(STABLE.name, 100), share(CANARY.name, 0)]
        service = await laptop.update("template", "traffic", template=template("better", CANARY.name), traffic=traffic)
        with running(prometheus, folder, rehearsal.control_url) as real:
            settings = Settings(
                url=real.url,
                requests=f"rehearsal_requests_total{{{_USERS}}}",
                latency=f"rehearsal_request_seconds_bucket{{{_USERS}}}",
                scrape_interval=EVERY,
                delay="1ms",
                stale_after="10s",
            )
            source = Prometheus.connect(settings, sleep=lambda _: real.scraped())
            try:
                yield World(laptop, service.uri, real, source)
            finally:
                await source.close()


def told(look):
    """Return requests and failures of both sides, when all of their latencies are there too."""
    sides = (look.stable, look.canary)
    assert [(side.blind, side.latency_ms.total) for side in sides] == [("", side.requests) for side in sides]
    return [(side.requests, side.errors) for side in sides]


def since(before, now):
    return [tuple(b - a for a, b in zip(*sides, strict=True)) for sides in zip(before, now, strict=True)]


@pytest.mark.slow
def test_a_real_prometheus_tells_exactly_what_the_load_balancer_counted(require, tmp_path):
    async def story(binary):
        async with world(binary, tmp_path) as here:
            await here.visit(40)
            await here.prometheus.scraped()
            await here.split(75, 25)

            before = here.counted()
            here.source.begin()
            await here.prometheus.scraped()
            here.hurt(Fault(error_share=0.3))
            await here.visit(200)
            first = await here.source.look(STABLE, CANARY, 1)
            after_first = here.counted()
            assert told(first) == since(before, after_first)
            assert [requests for requests, _ in told(first)] == [150, 50]
            assert 5 <= first.canary.errors <= 25
            assert first.canary.classes == (("5xx", first.canary.errors),)
            assert first.canary.examples == (("500", first.canary.errors),)

            here.hurt(Fault(error_share=1.0, status=404))
            await here.visit(40)
            second = await here.source.look(STABLE, CANARY, 1)
            after_second = here.counted()
            assert told(second) == since(after_first, after_second) == [(30, 0), (10, 0)]
            assert second.canary.classes == (("4xx", 10),)

            here.hurt(None)
            here.prometheus.stop()
            here.source._sleep = lambda _: asyncio.sleep(0)
            await here.visit(20)
            dark = await here.source.look(STABLE, CANARY, 1)
            assert dark.stable.blind == dark.canary.blind == "prometheus cannot be reached"

            here.prometheus.start()
            here.source._sleep = lambda _: here.prometheus.scraped()
            await here.visit(20)
            third = await here.source.look(STABLE, CANARY, 1)
            assert told(third) == since(after_second, here.counted()) == [(30, 0), (10, 0)], "nothing was lost"

            await here.visit(40)
            await here.split(50, 50)
            here.source.begin()
            cut = here.counted()
            await here.prometheus.scraped()
            await here.visit(20)
            fourth = await here.source.look(STABLE, CANARY, 1)
            assert told(fourth) == since(cut, here.counted()) == [(10, 0), (10, 0)], "nothing from before the shift"

    asyncio.run(story(require("prometheus")))


@pytest.mark.slow
def test_what_is_slower_is_seen_as_slower_as_finely_as_the_buckets_are(require, tmp_path):
    async def story(binary):
        async with world(binary, tmp_path) as here:
            await here.visit(1)
            await here.prometheus.scraped()
            await here.split(50, 50)
            here.source.begin()
            await here.prometheus.scraped()
            here.hurt(Fault(latency_s=0.05))
            await here.visit(60)
            look = await here.source.look(STABLE, CANARY, 1)
            assert told(look) == [(30, 0), (30, 0)]
            assert look.canary.latency_ms.quantile(0.5) >= 50
            assert look.stable.latency_ms.quantile(0.5) < 50

    asyncio.run(story(require("prometheus")))


@pytest.mark.slow
def test_behind_a_load_balancer_a_revision_is_known_by_its_target_group(require, serving, tmp_path):
    async def story(binary):
        async with lab() as at:
            tally = at.balancer.tally
            tally.more = labels_of(at.balancer)

            async def metrics(_):
                return web.Response(body=generate_latest(tally.registry))

            for group, revision in ((at.blue, "shop:1"), (at.green, "shop:2")):
                await at.healthy(group, await at.serve(revision, group))
            await at.balancer.set_weights(at.rule, {at.blue: 75, at.green: 25})
            async with serving({"/metrics": metrics}) as url:
                with running(binary, tmp_path, url) as real:
                    return await counted(at, real)

    async def counted(at, real):
        await at.seen(4)
        await real.scraped()
        users = 'address="public",target_group="$target_group",load_balancer="$load_balancer"'
        settings = Settings(
            url=real.url,
            requests=f"rehearsal_requests_total{{{users}}}",
            latency=f"rehearsal_request_seconds_bucket{{{users}}}",
            scrape_interval=EVERY,
            delay="1ms",
            stale_after="10s",
        )
        source = Prometheus.connect(settings, sleep=lambda _: real.scraped())
        try:
            await real.scraped()
            await at.seen(80)
            sides = [
                Revision(name, "", ready=True, labels=dict(zip(("load_balancer", "target_group"), key, strict=True)))
                for name, key in (("old", dimensions(at.rule, at.blue)), ("new", dimensions(at.rule, at.green)))
            ]
            return await source.look(*sides, 1)
        finally:
            await source.close()

    assert told(asyncio.run(story(require("prometheus")))) == [(60, 0), (20, 0)]


def test_a_mistake_in_a_query_is_prometheus_own_words(require, tmp_path):
    async def story(binary):
        with running(binary, tmp_path, "http://127.0.0.1:1") as real:
            both = {"requests": 'a{a=~"$revision"}', "latency": 'b{a="$revision"}'}
            source = Prometheus.connect(Settings(url=real.url, scrape_interval=EVERY, **both), sleep=asyncio.sleep)
            try:
                unknown = await source.look(STABLE, CANARY, 0.1)
                bad = Revision("(", "", ready=True)
                source._settings = source._settings.model_copy(update={"requests": 'a{a=~"$revision",b=~"("}'})
                return unknown, await source.look(bad, CANARY, 0.1)
            finally:
                await source.close()

    unknown, wrong = asyncio.run(story(require("prometheus")))

    assert unknown.canary.blind == "nothing was scraped of shop-good yet"
    assert wrong.canary.blind.startswith("prometheus answered 400: bad_data: ")
    assert "error parsing regexp" in wrong.canary.blind
