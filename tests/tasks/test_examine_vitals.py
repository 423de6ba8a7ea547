"""The doctor's look at where vitals come from: it answers and we may ask, or what to do about it."""

import asyncio

import httpx
import pytest
from prometheus_stood import CANARY, STABLE, Stood, of

from rehearsal.aws import Front
from rehearsal.aws.metrics import Metrics
from rehearsal.faults import ApiFault, AwsFault
from rehearsal.monitoring import Monitoring
from surefoot.check import Check, Request
from surefoot.release import Revision
from surefoot.rollout import Plan, Step
from surefoot.service import Environment, Place, SecretRef, VitalsRule
from tasks.doctor.finding import NotSeen, examined, ill, well
from tasks.doctor.vitals import vitals
from tasks.vitals import Metrics as Source

PLAN = Plan((Step(100, 600.0),))
ON_CLOUD_RUN = {"project": "acme", "region": "europe-west1", "service": "shop"}
LIVE = Revision("shop-1", "", ready=True, labels={"load_balancer": "app/shop/9", "target_group": "targetgroup/blue/1"})


def seen(place, live=LIVE):
    async def known():
        if isinstance(live, Exception):
            raise live
        return live

    return examined([vitals(place, known)])


def on_cloud_run(rule):
    return Environment(
        "shop", "production", Place("cloud_run", ON_CLOUD_RUN), PLAN, (Check("up", (Request("/"),)),), vitals=rule
    )


def monitored(*faults, live=LIVE):
    async def story():
        cloud = Monitoring()
        for fault in faults:
            cloud.faults.add(fault)
        async with cloud.serve() as endpoint:
            return await seen(on_cloud_run(VitalsRule("cloud_monitoring", {"endpoint": endpoint})), live)

    return asyncio.run(story())


def watched(*faults):
    async def story():
        front = Front({}, {}, cloudwatch=Metrics().handlers)
        for fault in faults:
            front.faults.add(fault)
        async with front.serve() as url:
            settings = {"region": "eu-west-1", "cluster": "main", "service": "shop", "endpoint": url}
            place = Environment("shop", "production", Place("ecs", settings), PLAN, vitals=VitalsRule("cloudwatch"))
            return await seen(place)

    return asyncio.run(story())


def test_our_own_requests_need_nothing():
    place = on_cloud_run(VitalsRule())
    assert asyncio.run(seen(place)) == [well("vitals", "our own requests, by the checks; nothing else is needed")]


def test_a_platform_that_answers_is_well_although_nobody_has_asked_the_service_for_anything():
    assert monitored() == [well("vitals", "cloud_monitoring answers")]
    assert watched() == [well("vitals", "cloudwatch answers")]


def test_a_right_that_is_missing_is_named_with_what_grants_it():
    denied = monitored(ApiFault(code="PERMISSION_DENIED"))
    assert denied == [
        ill("vitals", "Cloud Monitoring: PERMISSION_DENIED", "grant roles/monitoring.viewer on the project acme")
    ]
    [refused] = watched(AwsFault(code="AccessDeniedException"))
    assert (refused.well, refused.seen) == (False, "CloudWatch: not allowed to call cloudwatch:GetMetricData")
    assert "permissions.json" in refused.mend


def test_where_it_is_not_known_what_is_live_nothing_is_asked():
    [found] = monitored(live=NotSeen("it is not known what is live"))
    assert (found.well, found.seen) == (None, "it is not known what is live")


def reached(stood, revision=STABLE):
    async def story():
        source: Source = stood.source()
        try:
            return await source.reach(revision)
        finally:
            await source.close()

    return asyncio.run(story())


def test_a_prometheus_that_scrapes_the_counters_is_well():
    assert reached(Stood(lambda _: of("shop-1"))) == ""


def test_counters_that_were_never_scraped_are_named():
    assert (
        reached(Stood(lambda _: of("shop-1")), CANARY)
        == 'nothing was scraped of requests_total{service="shop",revision="shop-2"}'
    )


@pytest.mark.parametrize("status", [401, 500])
def test_a_prometheus_that_refuses_is_quoted(status):
    stood = Stood(lambda _: of("shop-1"))
    stood.broken = lambda _: httpx.Response(status, json={"status": "error", "error": "not today"})
    assert reached(stood) == f"prometheus answered {status}: not today"


def test_a_token_that_is_nowhere_is_said_with_what_puts_it_there(monkeypatch):
    monkeypatch.delenv("METRICS_TOKEN", raising=False)
    selectors = {"requests": 'r{revision="$revision"}', "latency": 's_bucket{revision="$revision"}'}
    rule = VitalsRule("prometheus", {"url": "http://127.0.0.1:9", **selectors}, SecretRef(env="METRICS_TOKEN"))
    unset = "the environment variable METRICS_TOKEN is not set"
    assert asyncio.run(seen(on_cloud_run(rule))) == [ill("vitals", unset, "export METRICS_TOKEN=TOKEN")]
