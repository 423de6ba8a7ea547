"""What Cloud Monitoring's points say, in our words. No I/O."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import sqrt
from typing import Any

from google.api.distribution_pb2 import Distribution
from google.cloud import monitoring_v3

from surefoot.vitals import Histogram
from tasks.vitals.aggregated import Unseen
from tasks.vitals.counted import Counted
from tasks.vitals.minutes import Window

COUNT = "run.googleapis.com/request_count"
LATENCIES = "run.googleapis.com/request_latencies"
_CLASSES = ("5xx", "4xx")

Series = Iterable[monitoring_v3.TimeSeries]


def filter_of(metric: str, project: str, region: str, service: str, revisions: Sequence[str]) -> str:
    """Return the filter for one metric of a service's revisions, every name in quotes."""
    names = ", ".join(map(_quoted, revisions))
    wanted = (
        ("metric.type", _quoted(metric)),
        ("resource.type", _quoted("cloud_run_revision")),
        ("resource.labels.project_id", _quoted(project)),  # a project may watch over others, too
        ("resource.labels.location", _quoted(region)),
        ("resource.labels.service_name", _quoted(service)),
        ("resource.labels.revision_name", f"one_of({names})"),
    )
    return " AND ".join(f"{label} = {value}" for label, value in wanted)


def counted(revision: str, counts: Series, latencies: Series, window: Window) -> Counted:
    """Return what was counted of one revision within a window; Unseen where a distribution makes no sense."""
    classes: Counter[str] = Counter()
    points = 0
    for series, point in _points(revision, counts, window):
        points += 1
        classes[_class_of(series)] += point.value.int64_value
    histogram = Histogram.of(
        pair
        for _, point in _points(revision, latencies, window)
        for pair in buckets(type(point.value).pb(point.value).distribution_value)
    )
    known = {name: classes[name] for name in _CLASSES if classes[name]}
    return Counted(classes.total(), classes["5xx"], known, histogram, points)


def buckets(told: Distribution) -> Iterator[tuple[float, int]]:
    """Yield (representative, how many) of each bucket that is not empty; Unseen where they do not add up."""
    if sum(told.bucket_counts) != told.count:
        raise Unseen(f"a distribution of {told.count:,} latencies has {sum(told.bucket_counts):,} in its buckets")
    bounds = _bounds(told.bucket_options) if told.count else []
    for number, count in enumerate(told.bucket_counts):
        if count and number > len(bounds):
            raise Unseen(f"a distribution has a bucket {number} beyond its {len(bounds)} bounds")
        if count:
            yield _representative(bounds, number), int(count)


def _points(revision: str, listed: Series, window: Window) -> Iterator[tuple[monitoring_v3.TimeSeries, Any]]:
    """Yield a revision's points that ended within the window; what began before a shift is not of what it changed.

    A point belongs to the window that it ended in, so none is counted twice, and none is lost between two.
    """
    for series in listed:
        if series.resource.labels.get("revision_name") != revision:
            continue
        for point in series.points:
            began, ended = point.interval.start_time.timestamp(), point.interval.end_time.timestamp()
            if began >= window.since and window.start < ended <= window.end:
                yield series, point


def _class_of(series: monitoring_v3.TimeSeries) -> str:
    labels = series.metric.labels
    return labels.get("response_code_class") or f"{labels.get('response_code', '')[:1]}xx"


def _bounds(options: Any) -> list[float]:
    """Return the bounds between buckets: bucket 0 is below the first, the last above the last."""
    kind = options.WhichOneof("options")
    if kind == "exponential_buckets":
        told = options.exponential_buckets
        return [told.scale * told.growth_factor**power for power in range(told.num_finite_buckets + 1)]
    if kind == "linear_buckets":
        told = options.linear_buckets
        return [told.offset + told.width * number for number in range(told.num_finite_buckets + 1)]
    if kind == "explicit_buckets":
        return list(options.explicit_buckets.bounds)
    raise Unseen("a distribution of latencies does not say what its buckets are")


def _representative(bounds: Sequence[float], number: int) -> float:
    """Return what stands for a bucket (ms): the middle of its ratio, or what is known of one that is open."""
    if not bounds:
        raise Unseen("a distribution of latencies has one bucket for all")
    low = bounds[number - 1] if number else 0.0
    high = bounds[number] if number < len(bounds) else low
    return round(sqrt(low * high) if low > 0 else high / 2, 3)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
