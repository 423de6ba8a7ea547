"""What Cloud Monitoring's filters, points and distributions say, without a call."""

from datetime import UTC, datetime

import pytest
from google.api.distribution_pb2 import Distribution
from google.api.metric_pb2 import Metric
from google.api.monitored_resource_pb2 import MonitoredResource
from google.cloud import monitoring_v3

from tasks.vitals.aggregated import Unseen
from tasks.vitals.cloud_monitoring.reading import buckets, counted, filter_of
from tasks.vitals.minutes import Window

NOON = 1_800_000_000.0
WINDOW = Window(NOON, NOON + 120, NOON)


def distribution(counts, number=None, **options):
    return Distribution(
        count=sum(counts) if number is None else number,
        bucket_counts=counts,
        bucket_options=Distribution.BucketOptions(**options),
    )


EXPONENTIAL = {"exponential_buckets": {"num_finite_buckets": 3, "growth_factor": 2.0, "scale": 10.0}}
LINEAR = {"linear_buckets": {"num_finite_buckets": 2, "width": 10.0, "offset": 0.0}}
EXPLICIT = {"explicit_buckets": {"bounds": [10.0, 40.0]}}


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (distribution([1, 2, 3, 4, 5], **EXPONENTIAL), [(5, 1), (14.142, 2), (28.284, 3), (56.569, 4), (80, 5)]),
        (distribution([0, 7], **EXPONENTIAL), [(14.142, 7)]),  # the API leaves empty buckets at the end out
        (distribution([0, 2, 3, 1], **LINEAR), [(5, 2), (14.142, 3), (20, 1)]),
        (distribution([1, 2, 3], **EXPLICIT), [(5, 1), (20, 2), (40, 3)]),
        (distribution([], **EXPLICIT), []),
        (Distribution(), []),
    ],
)
def test_each_bucket_is_told_by_what_stands_for_it(told, read):
    assert list(buckets(told)) == read


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (distribution([1, 2], number=4, **EXPLICIT), "of 4 latencies has 3 in its buckets"),
        (distribution([], number=4), "of 4 latencies has 0 in its buckets"),
        (distribution([1, 2]), "does not say what its buckets are"),
        (distribution([1, 1, 1, 1], **EXPLICIT), "a bucket 3 beyond its 2 bounds"),
        (distribution([3], explicit_buckets={"bounds": []}), "one bucket for all"),
    ],
)
def test_a_distribution_that_makes_no_sense_is_not_read(told, why):
    with pytest.raises(Unseen, match=why):
        list(buckets(told))


def test_every_name_in_a_filter_is_in_quotes_that_it_cannot_leave():
    told = filter_of("a/b", "acme", "europe-west1", 'shop" OR metric.type = "x', ('one\\"', "two"))

    assert told == (
        'metric.type = "a/b" AND resource.type = "cloud_run_revision" AND resource.labels.project_id = "acme"'
        ' AND resource.labels.location = "europe-west1"'
        r' AND resource.labels.service_name = "shop\" OR metric.type = \"x"'
        r' AND resource.labels.revision_name = one_of("one\\\"", "two")'
    )


def moment(seconds):
    return datetime.fromtimestamp(NOON + seconds, UTC)


def series(*points, revision="shop-1", **labels):
    """Return a time series of (began, ended, count)."""
    return monitoring_v3.TimeSeries(
        metric=Metric(labels=labels or {"response_code_class": "2xx"}),
        resource=MonitoredResource(labels={"revision_name": revision}),
        points=[
            monitoring_v3.Point(
                interval=monitoring_v3.TimeInterval(start_time=moment(began), end_time=moment(ended)),
                value=monitoring_v3.TypedValue(int64_value=count),
            )
            for began, ended, count in points
        ],
    )


def test_a_point_belongs_to_the_window_that_it_ended_in():
    later = Window(NOON + 120, NOON + 180, NOON)
    told = [series((-60, 0, 1), (0, 60, 10), (60, 120, 100), (120, 180, 1000))]

    assert counted("shop-1", told, [], WINDOW).requests == 110
    assert counted("shop-1", told, [], later).requests == 1000


def test_points_that_are_not_made_at_whole_minutes_are_counted_once_and_none_is_lost():
    """What began before a shift is not of what it changed, though it ended after it."""
    told = [series((-37, 23, 1), (23, 83, 10), (83, 143, 100), (143, 203, 1000))]
    windows = [Window(NOON + start, NOON + start + 60, NOON) for start in (0, 60, 120, 180)]

    assert [counted("shop-1", told, [], window).requests for window in windows] == [0, 10, 100, 1000]


def test_requests_are_added_up_by_class_and_a_code_says_its_class_too():
    told = [
        series((0, 60, 90), (60, 120, 91), response_code_class="2xx", response_code="200"),
        series((0, 60, 3), response_code_class="5xx", response_code="500"),
        series((0, 60, 4), response_code_class="5xx", response_code="503"),
        series((0, 60, 5), response_code="404"),
        series((0, 60, 6), response_code="0"),
        series((0, 60, 1000), revision="shop-2"),
    ]
    seen = counted("shop-1", told, [], WINDOW)

    assert (seen.requests, seen.errors, seen.classes, seen.points) == (199, 7, {"5xx": 7, "4xx": 5}, 6)
