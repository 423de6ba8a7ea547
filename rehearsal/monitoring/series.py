"""A meter's minutes as Cloud Monitoring writes them: points of a minute, in one time series a status code."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.api.distribution_pb2 import Distribution
from google.api.metric_pb2 import Metric, MetricDescriptor
from google.api.monitored_resource_pb2 import MonitoredResource
from google.cloud import monitoring_v3

from rehearsal.meter import Minute

COUNT = "run.googleapis.com/request_count"
LATENCIES = "run.googleapis.com/request_latencies"
_FINITE, _GROWTH, _SCALE = 66, 1.4, 1.0
_BOUNDS_MS = [_SCALE * _GROWTH**power for power in range(_FINITE + 1)]


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: its labels, and its points, the newest first."""

    labels: dict[str, str]
    resource: dict[str, str]
    points: list[monitoring_v3.Point] = field(default_factory=list)

    def message(self, metric: str, points: Sequence[monitoring_v3.Point]) -> monitoring_v3.TimeSeries:
        """Return it as the API tells it, with some of its points."""
        counted = metric == COUNT
        return monitoring_v3.TimeSeries(
            metric=Metric(type=metric, labels=self.labels),
            resource=MonitoredResource(type="cloud_run_revision", labels=self.resource),
            metric_kind=MetricDescriptor.MetricKind.DELTA,
            value_type=MetricDescriptor.ValueType.INT64 if counted else MetricDescriptor.ValueType.DISTRIBUTION,
            points=points,
        )


def written(metric: str, resource: dict[str, str], minutes: Iterable[Minute]) -> Iterator[Series]:
    """Yield the time series of a revision's minutes, one for each status code."""
    found: dict[int, Series] = {}
    for minute in sorted(minutes, key=lambda minute: minute.start, reverse=True):
        for code, value in _values(metric, minute):
            labels = {"response_code": str(code), "response_code_class": f"{code // 100}xx"}
            series = found.setdefault(code, Series(labels, resource))
            series.points.append(monitoring_v3.Point(interval=_interval(minute), value=value))
    yield from found.values()


def _values(metric: str, minute: Minute) -> Iterator[tuple[int, monitoring_v3.TypedValue]]:
    if metric == COUNT:
        for code, count in minute.codes.items():
            yield code, monitoring_v3.TypedValue(int64_value=count)
    elif minute.lengths:
        # The meter does not know which code took how long: all of a minute's stand under its most frequent one.
        code = max(minute.codes, key=lambda code: minute.codes[code])
        yield code, monitoring_v3.TypedValue(distribution_value=_distribution(minute))


def _distribution(minute: Minute) -> Distribution:
    buckets = [0] * (_FINITE + 2)
    for seconds, count in minute.lengths:
        buckets[bisect_right(_BOUNDS_MS, seconds * 1000)] += count
    while not buckets[-1]:  # as the API leaves them out
        buckets.pop()
    total = sum(buckets)
    exponential = Distribution.BucketOptions.Exponential(
        num_finite_buckets=_FINITE, growth_factor=_GROWTH, scale=_SCALE
    )
    return Distribution(
        count=total,
        mean=sum(seconds * 1000 * count for seconds, count in minute.lengths) / total,
        bucket_options=Distribution.BucketOptions(exponential_buckets=exponential),
        bucket_counts=buckets,
    )


def _interval(minute: Minute) -> monitoring_v3.TimeInterval:
    return monitoring_v3.TimeInterval(
        start_time=datetime.fromtimestamp(minute.start, UTC), end_time=datetime.fromtimestamp(minute.end, UTC)
    )
