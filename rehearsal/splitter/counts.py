"""What was seen of each revision at each address, counted once and shown at scrape."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

PUBLIC = "public"
# Upper bounds in seconds, from 1 ms to 10 s, each a tenth above the one before; the last bucket has no bound. Fine
# enough to see a release that is a fifth slower.
BOUNDS_S = tuple(float(f"{0.001 * 1.1**number:.3g}") for number in range(98))


@dataclass(slots=True)
class Counts:
    """What one revision did at one address since it was first routed to. Latency is to the answer's last byte."""

    codes: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    in_flight: int = 0

    def saw(self, code: int, seconds: float, bytes_in: int, bytes_out: int) -> None:
        """Count one request with its status code, length in seconds, and body bytes each way."""
        self.codes[code] = self.codes.get(code, 0) + 1
        self.buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.seconds += seconds
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    @property
    def requests(self) -> int:
        """Return how many requests have ended."""
        return sum(self.codes.values())

    @property
    def failures(self) -> int:
        """Return how many of them failed for the one who asked: 5xx, cut answers among them as 502."""
        return self.by_class().get("5xx", 0)

    def by_class(self) -> dict[str, int]:
        """Return requests by status class, such as `{"2xx": 940, "5xx": 3}`."""
        classes: dict[str, int] = {}
        for code, count in sorted(self.codes.items()):
            classes[f"{code // 100}xx"] = classes.get(f"{code // 100}xx", 0) + count
        return classes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request was counted: the service, its address (`public`, or a tag), and the revision that had it.

    Requests that no revision had, since none was ready, are counted under the revision ``""``.
    """

    service: str
    address: str
    revision: str


def _nothing_more(_: Place) -> Mapping[str, str]:
    return {}


@dataclass(slots=True, eq=False)
class Tally:
    """All counts of a cloud by place; also a collector of its own Prometheus registry.

    `more` says what else a platform's metrics know a place by: on ECS its target group and load balancer.
    """

    places: dict[Place, Counts] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    more: Callable[[Place], Mapping[str, str]] = _nothing_more

    def __post_init__(self) -> None:
        self.registry.register(self)

    def at(self, place: Place) -> Counts:
        """Return the counts of a place, from zero when it is new."""
        return self.places.setdefault(place, Counts())

    def collect(self) -> Iterator[Metric]:
        """Yield requests, latency, bytes and requests in flight of every place."""
        requests = CounterMetricFamily("rehearsal_requests", "Requests ended.")
        seconds = HistogramMetricFamily("rehearsal_request_seconds", "Length of requests.")
        bodies = CounterMetricFamily("rehearsal_body_bytes", "Body bytes.")
        in_flight = GaugeMetricFamily("rehearsal_requests_in_flight", "Requests begun and not ended.")
        for place, counts in self.places.items():
            at = {"service": place.service, "revision": place.revision, "address": place.address, **self.more(place)}
            for code, count in sorted(counts.codes.items()):
                requests.add_sample("rehearsal_requests_total", {**at, "code": str(code)}, count)
            for bound, count in _cumulative(counts.buckets):
                seconds.add_sample("rehearsal_request_seconds_bucket", {**at, "le": bound}, count)
            seconds.add_sample("rehearsal_request_seconds_count", at, counts.requests)
            seconds.add_sample("rehearsal_request_seconds_sum", at, counts.seconds)
            for direction, count in (("in", counts.bytes_in), ("out", counts.bytes_out)):
                bodies.add_sample("rehearsal_body_bytes_total", {**at, "direction": direction}, count)
            in_flight.add_sample("rehearsal_requests_in_flight", at, counts.in_flight)
        yield from (requests, seconds, bodies, in_flight)


def _cumulative(buckets: list[int]) -> list[tuple[str, int]]:
    return list(zip((*map(str, BOUNDS_S), "+Inf"), accumulate(buckets), strict=True))
