"""The service file's own checks against the sample shop: what they find, and what they cannot."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

import rehearsal
from rehearsal.shop.app import shop
from rehearsal.shop.settings import Settings
from surefoot.check import smoke_verdict
from surefoot.release import Address, Revision
from surefoot.verdict import Outcome
from tasks.probes import smoke
from tasks.settings import load_service
from tasks.vitals.probes import Probes

CHECKS = load_service(Path(rehearsal.__file__).with_name("shop.yaml")).environments["production"].checks


@asynccontextmanager
async def open_shop(fault: str = ""):
    settings = Settings.read({"SHOP_FAULT": fault, "K_REVISION": f"shop-{fault or 'good'}"})
    runner = web.AppRunner(shop(settings), shutdown_timeout=0.05, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def smoked(fault: str):
    async def story():
        async with open_shop(fault) as url:
            return await smoke(CHECKS, Address(url))

    return asyncio.run(story())


@pytest.mark.parametrize("fault", ["", "errors", "slow"])
def test_smoke_finds_nothing_in_a_good_shop_nor_in_what_only_traffic_brings_out(fault):
    results = smoked(fault)

    assert smoke_verdict(results).outcome is Outcome.PASS, smoke_verdict(results).reason
    assert {result.revision for result in results} == {f"shop-{fault or 'good'}"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("smoke", "order 3 of 3: POST /orders: status is 500, expected 201"),
        ("headerless", "GET /login: there is no header.content-security-policy"),
    ],
)
def test_smoke_finds_what_is_broken_for_everybody(fault, reason):
    verdict = smoke_verdict(smoked(fault))

    assert verdict.outcome is Outcome.FAIL
    assert reason in verdict.reason


def test_a_look_makes_the_whole_journey_and_sees_a_shop_that_is_slower():
    async def story():
        async with open_shop() as stable, open_shop("slow") as canary:
            sides = [
                Revision(side, "", ready=True, preview=Address(url)) for side, url in (("s", stable), ("c", canary))
            ]
            return await Probes(CHECKS, 60).look(*sides, 1.5)

    look = asyncio.run(story())

    assert (look.stable.blind, look.stable.errors, look.canary.errors) == ("", 0, 0)
    assert look.stable.requests >= 80
    assert look.canary.latency_ms.quantile(0.5) > look.stable.latency_ms.quantile(0.5) * 1.1
