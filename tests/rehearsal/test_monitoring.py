"""ListTimeSeries as the vendor's own client sees it."""

from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions as google_errors
from google.cloud import monitoring_v3
from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcAsyncIOTransport
from grpc.aio import insecure_channel

from rehearsal.faults import ApiFault
from rehearsal.meter import Meter, Minute
from rehearsal.monitoring import Monitoring, revision_of
from rehearsal.splitter import Place

pytestmark = pytest.mark.anyio
NOON = 1_800_000_000.0
COUNT, LATENCIES = "run.googleapis.com/request_count", "run.googleapis.com/request_latencies"
PLACE = "acme/here/shop"


def meter():
    made = Meter()
    made.add((PLACE, "shop-1"), Minute(NOON, {200: 9, 500: 1}, ((0.02, 9), (0.2, 1))))
    made.add((PLACE, "shop-1"), Minute(NOON + 60, {200: 5}, ((0.02, 5),)))
    made.add((PLACE, "shop-2"), Minute(NOON + 60, {200: 2}, ((0.02, 2),)))
    return made


@asynccontextmanager
async def asking(now=NOON + 600, **more):
    cloud = Monitoring(meter(), clock=lambda: now, **more)
    async with cloud.serve() as endpoint, insecure_channel(endpoint.removeprefix("grpc://")) as channel:
        client = MetricServiceAsyncClient(transport=MetricServiceGrpcAsyncIOTransport(channel=channel))

        async def ask(where="", metric=COUNT, start=0, end=120, name="projects/acme", **told):
            interval = monitoring_v3.TimeInterval(
                start_time=datetime.fromtimestamp(NOON + start, UTC), end_time=datetime.fromtimestamp(NOON + end, UTC)
            )
            text = f'metric.type = "{metric}"{where}' if metric else where
            request = monitoring_v3.ListTimeSeriesRequest(name=name, filter=text, interval=interval, **told)
            pager = await client.list_time_series(request, retry=None, timeout=5)
            return [page async for page in pager.pages]

        yield ask, cloud


def told(pages):
    """Return (revision, code, when it ended, count) of every point, in order."""
    return [
        (series.resource.labels["revision_name"], series.metric.labels["response_code"], ended - NOON, count)
        for page in pages
        for series in page.time_series
        for point in series.points
        for ended, count in [(point.interval.end_time.timestamp(), point.value.int64_value)]
    ]


async def test_counts_are_told_a_point_a_minute_and_a_series_a_code_the_newest_first():
    async with asking() as (ask, _):
        [page] = await ask()

    assert told([page]) == [
        ("shop-1", "200", 120, 5),
        ("shop-1", "200", 60, 9),
        ("shop-1", "500", 60, 1),
        ("shop-2", "200", 120, 2),
    ]
    series = page.time_series[1]
    assert (series.metric.labels["response_code_class"], series.metric.type) == ("5xx", COUNT)
    assert series.metric_kind == MetricDescriptor.MetricKind.DELTA
    assert series.value_type == MetricDescriptor.ValueType.INT64
    assert dict(series.resource.labels) == {
        "project_id": "acme",
        "location": "here",
        "service_name": "shop",
        "configuration_name": "shop",
        "revision_name": "shop-1",
    }
    point = series.points[0].interval
    assert point.end_time.timestamp() - point.start_time.timestamp() == 60


async def test_latencies_are_distributions_of_exponential_buckets():
    async with asking() as (ask, _):
        [page] = await ask(metric=LATENCIES, end=60)

    [series] = page.time_series
    found = type(series.points[0].value).pb(series.points[0].value).distribution_value
    assert (found.count, sum(found.bucket_counts)) == (10, 10)
    assert found.mean == pytest.approx((9 * 20 + 200) / 10)
    assert len(found.bucket_counts) < 68, "empty buckets at the end are left out"
    bounds = [1.4**power for power in range(67)]
    for ms, count in ((20, 9), (200, 1)):
        [bucket] = [number for number in range(1, 67) if bounds[number - 1] <= ms < bounds[number]]
        assert found.bucket_counts[bucket] == count


@pytest.mark.parametrize(
    ("start", "end", "ended"), [(0, 60, {60}), (60, 120, {120}), (1, 60, {60}), (-60, 0, set()), (59, 119, {60})]
)
async def test_an_interval_holds_its_end_and_not_its_start(start, end, ended):
    async with asking() as (ask, _):
        pages = await ask(start=start, end=end)

    assert {when for _, _, when, _ in told(pages)} == ended


async def test_a_minute_is_shown_when_it_has_been_over_for_the_lag():
    async with asking(now=NOON + 239.9, lag_s=180.0) as (ask, _):
        assert told(await ask()) == []
    async with asking(now=NOON + 240, lag_s=180.0) as (ask, _):
        assert {when for _, _, when, _ in told(await ask())} == {60}


@pytest.mark.parametrize(
    ("where", "revisions"),
    [
        (' AND resource.labels.revision_name = "shop-2"', {"shop-2"}),
        (' AND resource.labels.revision_name = one_of("shop-1", "shop-2")', {"shop-1", "shop-2"}),
        (' AND resource.type = "cloud_run_revision" AND resource.labels.service_name = "cart"', set()),
        (r' AND resource.labels.revision_name = "shop-2\" OR \"1"', set()),
    ],
)
async def test_filters_choose_by_labels(where, revisions):
    async with asking() as (ask, _):
        assert {revision for revision, *_ in told(await ask(where))} == revisions


async def test_another_projects_numbers_are_not_told():
    async with asking() as (ask, _):
        assert told(await ask(name="projects/other")) == []


@pytest.mark.parametrize("size", [1, 3, 4])
async def test_pages_hold_so_many_points_and_together_everything(size):
    async with asking() as (ask, _):
        whole, paged = told(await ask()), await ask(page_size=size)

    assert Counter(told(paged)) == Counter(whole)
    assert [len(told([page])) for page in paged] == [min(size, 4 - start) for start in range(0, 4, size)]


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"where": ' OR resource.type = "x"'}, google_errors.InvalidArgument, "filter: cannot be read"),
        ({"where": " AND resource.type = x"}, google_errors.InvalidArgument, "filter: cannot be read"),
        ({"where": 'resource.type = "x"', "metric": ""}, google_errors.InvalidArgument, "single metric type"),
        ({"metric": "run.googleapis.com/nothing"}, google_errors.NotFound, "Cannot find metric"),
        ({"start": 60, "end": 60}, google_errors.InvalidArgument, "interval: needs a start"),
        ({"page_token": "yesterday"}, google_errors.InvalidArgument, "page_token"),
    ],
)
async def test_what_makes_no_sense_is_refused(asked, error, words):
    async with asking() as (ask, _):
        with pytest.raises(error, match=words):
            await ask(**asked)


async def test_faults_hit_and_the_journal_tells_of_every_call():
    async with asking() as (ask, cloud):
        cloud.faults.add(ApiFault(code="PERMISSION_DENIED", message="Not you.", retry_after_s=3))
        with pytest.raises(google_errors.PermissionDenied, match="Not you"):
            await ask()
        await ask()

    assert [(call.api, call.method, call.code, call.faulted) for call in cloud.journal.calls] == [
        ("monitoring", "ListTimeSeries", "PERMISSION_DENIED", True),
        ("monitoring", "ListTimeSeries", "OK", False),
    ]
    assert len(cloud.asked) == 2


async def test_an_answer_may_say_that_it_is_not_whole():
    async with asking(incomplete="one region did not answer") as (ask, _):
        [page] = await ask()

    assert page.execution_errors[0].message == "one region did not answer"


async def test_a_port_that_is_taken_is_told():
    async with Monitoring().serve() as endpoint:
        with pytest.raises(OSError, match="is it taken"):
            async with Monitoring().serve(int(endpoint.rpartition(":")[2])):
                pass


def test_only_what_a_revision_of_cloud_run_had_is_counted():
    assert revision_of(Place("acme/here/shop", "public", "shop-1")) == ("acme/here/shop", "shop-1")
    assert revision_of(Place("acme/here/shop", "public", "")) is None
    assert revision_of(Place("main/shop", "public", "shop:1")) is None
