"""What was seen of one revision over a window."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

# How a request went wrong: a server's error, no answer in time, no connection or one that broke, an answer that is not
# what a check expects, and a refusal of what was asked (which is no failure of the service unless it grows).
CLASSES = ("5xx", "timeout", "connection", "unexpected", "4xx")

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Latencies as (milliseconds, how many) pairs, sorted by milliseconds, each value once."""

    counts: tuple[tuple[float, int], ...] = ()

    @classmethod
    def of(cls, counts: Iterable[tuple[float, int]]) -> "Histogram":
        """Return the histogram of (milliseconds, how many) pairs in any order, equal values added up."""
        total: dict[float, int] = {}
        for value, number in counts:
            total[value] = total.get(value, 0) + number
        return cls(tuple(sorted(total.items())))

    @property
    def total(self) -> int:
        """Return how many latencies there are."""
        return sum(number for _, number in self.counts)

    def quantile(self, q: float) -> float:
        """Return the smallest latency (ms) that a share `q` (0 to 1) does not exceed; ValueError when empty."""
        if not self.counts or not 0 <= q <= 1:
            raise ValueError(f"there is no quantile {q} of {self.total} latencies")
        wanted, seen = q * self.total, accumulate(number for _, number in self.counts)
        return next(value for (value, _), so_far in zip(self.counts, seen, strict=True) if so_far >= wanted)

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram.of((*self.counts, *other.counts))


@dataclass(frozen=True, slots=True)
class Vitals:
    """Requests, errors and latency of one revision over `seconds`.

    `errors` counts requests that failed as their users see it: 5xx, time-outs, resets. `classes` counts requests by
    how they went wrong (`CLASSES`), those that are nobody's failure (4xx) too, so it need not add up to `errors`.
    `examples` are the most frequent failures in words, most frequent first. `blind` says why nothing could be seen; it
    is empty otherwise.
    """

    requests: int = 0
    errors: int = 0
    latency_ms: Histogram = field(default_factory=Histogram)
    seconds: float = 0.0
    examples: Counts = ()
    blind: str = ""
    classes: Counts = ()

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.requests:
            raise ValueError(f"{self.errors} errors of {self.requests} requests cannot be")
        for name, number in self.classes:
            if name not in CLASSES or not 0 <= number <= self.requests:
                raise ValueError(f"{number} {name} of {self.requests} requests cannot be; classes are {CLASSES}")

    @property
    def error_rate(self) -> float:
        """Return errors per request (0 to 1), 0 when there was no request."""
        return self.errors / self.requests if self.requests else 0.0

    def __add__(self, other: "Vitals") -> "Vitals":
        return Vitals(
            self.requests + other.requests,
            self.errors + other.errors,
            self.latency_ms + other.latency_ms,
            self.seconds + other.seconds,
            added(self.examples, other.examples),
            self.blind or other.blind,
            added(self.classes, other.classes),
        )


@dataclass(frozen=True, slots=True)
class Look:
    """Stable and canary over the same window, side by side: what was seen since the look before.

    `share` is the canary's share (0 to 1) of the requests that a splitter sent both; 0 where nobody split any, as with
    requests of our own.
    """

    stable: Vitals
    canary: Vitals
    share: float = 0.0

    def __add__(self, other: "Look") -> "Look":
        return Look(self.stable + other.stable, self.canary + other.canary, other.share)


def added(counts: Counts, others: Counts) -> Counts:
    """Return both added up, the most frequent first."""
    total: dict[str, int] = {}
    for what, number in (*counts, *others):
        total[what] = total.get(what, 0) + number
    return tuple(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))
