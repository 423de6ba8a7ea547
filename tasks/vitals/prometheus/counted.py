"""One revision's counters over a window, as vitals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from surefoot.vitals import Counts, Histogram, Vitals
from tasks.vitals.prometheus.growth import Growth
from tasks.vitals.prometheus.series import Contradiction, Series, Unseen

_EXAMPLES_MAX = 5
# Requests are on their way at either end of a window; so many may be in one counter and not yet in the other.
_FEW, _APART = 5, 0.05
_SAID = {"timeout": "timeout", "connection": "connection", "0": "connection", "000": "connection"}
_FAILED = ("5xx", "timeout", "connection")
_SCRAPE = frozenset(("__name__", "job", "instance"))


@dataclass(frozen=True, slots=True)
class Counters:
    """One revision's counters: requests, how long they took, and those that failed (None: their code says it).

    `asked` are the labels that were asked for by name; they are all alike, so no example shows them.
    """

    name: str
    requests: Sequence[Series]
    latency: Sequence[Series]
    errors: Sequence[Series] | None = None
    asked: frozenset[str] = frozenset()

    @property
    def name_of_latency(self) -> str:
        """Return what its latency is called where counters have no number."""
        return f"the latency of {self.name}"

    @property
    def name_of_errors(self) -> str:
        """Return what its errors are called."""
        return f"the errors of {self.name}"


def vitals_of(side: Counters, growth: Growth, code: str, seconds: float, bounds: Sequence[float]) -> Vitals:
    """Return what a revision's counters say of a window; Unseen where they contradict each other."""
    requests = growth.total(side.name)
    errors, classes, examples = (_by_code if side.errors is None else _by_counter)(side, growth, code)
    if errors > requests:
        raise Contradiction(f"{errors:,} errors of {requests:,} requests of {side.name}")
    latency = histogram(side, growth, bounds)
    _check_alike(side.name, requests, requests - errors - classes.get("4xx", 0), latency.total)
    return Vitals(
        requests,
        errors,
        latency,
        seconds,
        _frequent_first(examples)[:_EXAMPLES_MAX],
        classes=_frequent_first(classes),
    )


def _by_code(side: Counters, growth: Growth, code: str) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return failures as the requests' own codes tell them: how many, by class, and in words."""
    classes = growth.by(side.name, lambda each: class_of(each.labels.get(code, "")))
    examples = growth.by(side.name, lambda each: _example(each.labels, code, side.asked))
    return sum(classes.get(name, 0) for name in _FAILED), classes, examples


def _by_counter(side: Counters, growth: Growth, code: str) -> tuple[int, dict[str, int], dict[str, int]]:
    """Return failures as a counter of their own tells them; a server that counts its failures counts its answers."""
    classes = growth.by(side.name, lambda each: class_of(each.labels.get(code, ""), sure=False))
    errors = growth.total(side.name_of_errors)
    return errors, {"5xx": errors, "4xx": classes.get("4xx", 0)}, {}


def class_of(code: str, *, sure: bool = True) -> str:
    """Return how a request went wrong by its code, "" for one that went well; Unseen for what says neither."""
    if code in _SAID:
        return _SAID[code]
    if len(code) == 3 and code[0] in "12345" and (code[1:] == "xx" or code[1:].isdecimal()):
        return f"{code[0]}xx" if code[0] in "45" else ""
    if sure:
        what = f"the code {code!r}" if code else "a request without a code"
        raise Unseen(f"{what} does not say whether it failed; name the label with the status in code, or write errors")
    return ""


def common_bounds(sides: Iterable[Sequence[Series]]) -> tuple[float, ...]:
    """Return the upper bounds (s) that all histograms have, so that a changed set of buckets can be compared."""
    sets: dict[tuple[int, frozenset[tuple[str, str]]], set[float]] = {}
    for number, side in enumerate(sides):
        for each in side:
            sets.setdefault((number, _group(each)), set()).add(_bound(each))
    bounds = sorted(set.intersection(*sets.values())) if sets else []
    if len(bounds) < 2 or bounds[-1] != math.inf:
        raise Unseen("the latency's buckets have no bounds in common; they are _bucket counters with the label le")
    return tuple(bounds)


def histogram(side: Counters, growth: Growth, bounds: Sequence[float]) -> Histogram:
    """Return a revision's latencies: each stands in the geometric middle of its bucket, as fine as the buckets are."""
    whole = growth.by(side.name_of_latency, lambda each: repr(_bound(each)))
    counts: list[tuple[float, int]] = []
    below, so_far = 0.0, 0
    for bound in bounds:
        within = whole[repr(bound)] - so_far
        if within < 0:
            raise Contradiction(f"fewer of {side.name} within {bound:g} s than within {below:g} s")
        if within:
            counts.append((_middle_ms(below, bound), within))
        below, so_far = bound, whole[repr(bound)]
    return Histogram.of(counts)


def _middle_ms(low: float, high: float) -> float:
    if high == math.inf:
        return float(f"{low * 1000:.3g}")
    return float(f"{(math.sqrt(low * high) if low > 0 else high / 2) * 1000:.3g}")


def _bound(series: Series) -> float:
    try:
        return float(series.labels["le"])
    except (KeyError, ValueError):
        raise Unseen("the latency has no label le; select a histogram's _bucket counters") from None


def _group(series: Series) -> frozenset[tuple[str, str]]:
    return series.key - {("le", series.labels.get("le", ""))}


def _check_alike(name: str, requests: int, answered: int, latencies: int) -> None:
    """Failures may be timed or not; a request that went well is."""
    allowed = _FEW + _APART * max(requests, latencies)
    if not answered - allowed <= latencies <= requests + allowed:
        raise Contradiction(f"{latencies:,} latencies of {requests:,} requests of {name}")


def _example(labels: Mapping[str, str], code: str, asked: frozenset[str]) -> str:
    if class_of(labels.get(code, "")) not in _FAILED:
        return ""
    where = [labels[name] for name in sorted(labels.keys() - _SCRAPE - asked - {code})]
    return f"{' '.join(where)} → {labels[code]}" if where else labels[code]


def _frequent_first(counts: Mapping[str, int]) -> Counts:
    found = ((name, number) for name, number in counts.items() if name and number)
    return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0])))
