"""Users' requests of Cloud Run revisions, asked for by the vendor's own client at a rehearsed Cloud Monitoring."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from google.cloud import monitoring_v3
from passing_time import NOON, Clock, blindness

from rehearsal.faults import ApiFault
from rehearsal.meter import Meter, Minute
from rehearsal.monitoring import Monitoring
from surefoot.release import Revision
from surefoot.rollout import Plan, Step
from surefoot.service import Environment, Place, VitalsRule
from tasks.targets import cloud_run
from tasks.vitals import connect, plan_problem
from tasks.vitals.aggregated import Aggregated
from tasks.vitals.cloud_monitoring.platform import CloudMonitoring

PLACE = "acme/europe-west1/shop"
TARGET = {"project": "acme", "region": "europe-west1", "service": "shop"}
STABLE, CANARY = Revision("shop-1", "", ready=True), Revision("shop-2", "", ready=True)


def metered(**revisions):
    """Return a meter of (minute, codes, lengths in ms), by revision."""
    meter = Meter()
    for revision, minutes in revisions.items():
        for number, codes, lengths in minutes:
            seconds = tuple((length / 1000, count) for length, count in lengths.items())
            meter.add((PLACE, revision.replace("_", "-")), Minute(NOON + 60 * number, codes, seconds))
    return meter


def usual(**more):
    return metered(
        shop_1=[(0, {200: 90, 404: 6, 503: 4}, {20: 90, 150: 10}), (1, {200: 100}, {20: 100})],
        shop_2=[(0, {200: 10}, {30: 10}), (1, {200: 8, 500: 2}, {30: 10})],
        **more,
    )


@asynccontextmanager
async def watching(meter, *, clock=None, answer_s=10.0, lag_s=180.0):
    clock = clock or Clock()
    cloud = Monitoring(meter, lag_s=lag_s, clock=clock)
    async with cloud.serve() as endpoint:
        platform = CloudMonitoring(cloud_run.Settings(**TARGET), endpoint)
        source = Aggregated(platform, 180.0, clock=clock, sleep=clock.sleep, answer_s=answer_s)
        try:
            yield SimpleNamespace(cloud=cloud, clock=clock, source=source, platform=platform)
        finally:
            await source.close()


def looked(meter, *, seconds=10.0, number=1, before=None, **more):
    async def story():
        async with watching(meter, **more) as at:
            if before:
                before(at)
            return [await at.source.look(STABLE, CANARY, seconds) for _ in range(number)], at

    return asyncio.run(story())


def blind(meter=None, **more):
    """Return why a look at it is blind."""
    ((look,), _) = looked(meter or usual(), **more)
    return blindness(look)


def test_both_revisions_are_seen_over_the_same_minute():
    ((look,), at) = looked(usual())

    assert at.clock.now == NOON + 60 + 180
    assert (look.stable.requests, look.stable.errors, look.stable.seconds) == (100, 4, 60)
    assert look.stable.classes == (("4xx", 6), ("5xx", 4))
    assert (look.canary.requests, look.canary.errors, look.canary.classes) == (10, 0, ())
    assert look.share == pytest.approx(10 / 110)
    assert look.stable.latency_ms.total == 100
    # The middles of Cloud Monitoring's own buckets, each 1.4 times the one before.
    assert look.stable.latency_ms.quantile(0.5) == pytest.approx(20, rel=0.2)
    assert look.stable.latency_ms.quantile(0.95) == pytest.approx(150, rel=0.2)
    assert look.canary.latency_ms.quantile(0.5) == pytest.approx(30, rel=0.2)


def test_the_next_look_goes_on_where_the_last_one_ended():
    ((first, second), _) = looked(usual(), number=2)

    assert (first.stable.requests, second.stable.requests) == (100, 100)
    assert (first.canary.errors, second.canary.errors) == (0, 2)


def test_several_whole_minutes_are_one_look():
    ((look,), _) = looked(usual(), seconds=330.0)

    assert (look.stable.requests, look.canary.requests, look.canary.errors, look.stable.seconds) == (200, 20, 2, 120)


def test_what_is_asked_for_as_it_arrives():
    _, at = looked(usual())
    View = monitoring_v3.ListTimeSeriesRequest.TimeSeriesView  # noqa: N806
    where = (
        ' AND resource.type = "cloud_run_revision" AND resource.labels.project_id = "acme"'
        ' AND resource.labels.location = "europe-west1" AND resource.labels.service_name = "shop"'
        ' AND resource.labels.revision_name = one_of("shop-1", "shop-2")'
    )

    assert [request.filter for request in at.cloud.asked] == [
        f'metric.type = "run.googleapis.com/request_count"{where}',
        f'metric.type = "run.googleapis.com/request_latencies"{where}',
    ]
    for request in at.cloud.asked:
        assert request.name == "projects/acme"
        assert request.interval.start_time.timestamp() == NOON
        assert request.interval.end_time.timestamp() == NOON + 60
        assert request.view == View.FULL
        assert "aggregation" not in request, "aligning would make up numbers"
        assert (request.page_size, request.page_token, request.order_by) == (10_000, "", "")
    assert ["surefoot" in call.agent for call in at.cloud.journal.calls] == [True, True]


def test_minutes_that_are_late_are_waited_for_and_none_of_them_is_lost():
    """A cloud that takes four minutes where three were expected: the first look is blind, the next has both minutes."""
    ((first, second), _) = looked(usual(), number=2, seconds=60.0, lag_s=240.0)

    assert first.stable.blind == "no numbers yet, of neither revision"
    assert (second.stable.requests, second.stable.seconds, second.stable.blind) == (100, 120, "")


def test_a_revision_that_nobody_asked_is_no_request_beside_one_that_was():
    ((look,), _) = looked(metered(shop_1=[(0, {200: 50}, {20: 50})]))

    assert (look.stable.requests, look.canary.requests, look.canary.blind, look.share) == (50, 0, "", 0)


def test_others_with_the_same_names_are_not_counted():
    meter = metered(shop_1=[(0, {200: 5}, {20: 5})], shop_2=[(0, {200: 5}, {20: 5})])
    for place in ("acme/europe-west1/cart", "acme/us-east1/shop", "other/europe-west1/shop"):
        meter.add((place, "shop-1"), Minute(NOON, {200: 900}, ((0.02, 900),)))
    meter.add((PLACE, "shop-3"), Minute(NOON, {200: 900}, ((0.02, 900),)))
    ((look,), _) = looked(meter)

    assert (look.stable.requests, look.canary.requests) == (5, 5)


def test_pages_are_followed(monkeypatch):
    monkeypatch.setattr(CloudMonitoring, "page", 2)
    ((look,), at) = looked(usual(), seconds=330.0)

    assert (look.stable.requests, look.stable.latency_ms.total, look.canary.requests) == (200, 200, 20)
    tokens = [request.page_token for request in at.cloud.asked]
    assert tokens == ["", "2", "4", "6", "", "2"]
    assert len({request.filter for request in list(at.cloud.asked)[:4]}) == 1


def test_pages_without_end_are_given_up(monkeypatch):
    monkeypatch.setattr(CloudMonitoring, "page", 1)
    many = dict.fromkeys(range(200, 230), 1)

    assert blind(metered(shop_1=[(0, many, {20: 30})])) == "run.googleapis.com/request_count has more than 20 pages"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("PERMISSION_DENIED", "PERMISSION_DENIED; grant roles/monitoring.viewer on the project acme"),
        ("UNAUTHENTICATED", "UNAUTHENTICATED; log in: gcloud auth application-default login"),
        ("NOT_FOUND", "NOT_FOUND; is acme the project?"),
        ("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED: the project's quota of reads is used up"),
        ("UNAVAILABLE", "UNAVAILABLE"),
        ("DEADLINE_EXCEEDED", "no answer in time"),
        ("INTERNAL", "INTERNAL"),
        ("INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("CANCELLED", "CANCELLED"),
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_a_refusal_of_either_list_blinds_both_sides_and_says_what_to_do(code, told, after):
    def arm(at):
        at.cloud.faults.add(ApiFault(code=code, message="projects/1234 secret-of-theirs", after=after))

    assert blind(before=arm) == f"Cloud Monitoring: {told}"


def test_after_a_refusal_nothing_is_lost():
    def arm(at):
        at.cloud.faults.add(ApiFault(code="UNAVAILABLE"))

    ((first, second), _) = looked(usual(), number=2, seconds=60.0, before=arm)

    assert first.stable.blind
    assert (second.stable.requests, second.canary.requests, second.stable.seconds) == (200, 20, 120)


def test_a_slow_answer_is_given_up():
    def arm(at):
        at.cloud.faults.add(ApiFault(delay_s=30.0))

    assert blind(before=arm, answer_s=0.2) == "no answer within 0.2 s"


def test_nobody_there_is_no_exception():
    async def story():
        platform = CloudMonitoring(cloud_run.Settings(**TARGET), "grpc://127.0.0.1:1")
        clock = Clock()
        source = Aggregated(platform, 180.0, clock=clock, sleep=clock.sleep)
        try:
            return await source.look(STABLE, CANARY, 10.0)
        finally:
            await source.close()

    assert asyncio.run(story()).canary.blind == "Cloud Monitoring: UNAVAILABLE"


def test_an_answer_that_says_it_is_not_whole_is_not_used():
    def arm(at):
        at.cloud.incomplete = "one region did not answer"

    assert blind(before=arm) == "run.googleapis.com/request_count is not whole: one region did not answer"


def test_counts_and_latencies_that_contradict_each_other_are_not_used():
    meter = metered(shop_1=[(0, {200: 100}, {20: 100})], shop_2=[(0, {200: 100}, {20: 60})])

    assert blind(meter) == "contradicts itself: 60 latencies of 100 requests of canary"


def environment(watch_s=600.0, **settings):
    plan = Plan((Step(10, watch_s), Step(100, 0.0)))
    vitals = VitalsRule("cloud_monitoring", {key: str(value) for key, value in settings.items()})
    return Environment("shop", "production", Place("cloud_run", TARGET), plan, vitals=vitals)


def test_the_registry_connects_it_with_what_the_target_says():
    async def story():
        source = connect(environment(lag="4m", endpoint="grpc://127.0.0.1:1"))
        try:
            return source.lag_s, source.shortest_s, source._platform._about
        finally:
            await source.close()

    assert asyncio.run(story()) == (240.0, 60.0, cloud_run.Settings(**TARGET))


def test_a_step_that_is_over_before_there_are_numbers_is_no_plan():
    assert plan_problem(environment(300.0)) == ""
    assert "10 % is watched for 4m" in plan_problem(environment(240.0))
    assert plan_problem(environment(240.0, lag="2m")) == ""


def test_plain_text_to_another_machine_is_refused():
    with pytest.raises(ValueError, match="plaintext"):
        plan_problem(environment(endpoint="grpc://monitoring.example.com:80"))
