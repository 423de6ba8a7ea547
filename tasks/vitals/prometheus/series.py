"""Series of samples as Prometheus answers them."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Key = frozenset[tuple[str, str]]
Instance = tuple[str, str]


class Unseen(Exception):
    """Why nothing is known, in words that name no secret."""


class Contradiction(Unseen):
    """Why what was seen cannot be so."""

    def __init__(self, what: str) -> None:
        super().__init__(f"contradicts itself: {what}")


@dataclass(frozen=True, slots=True)
class Point:
    """A counter's value at a scrape, seconds since the epoch by Prometheus' clock."""

    at: float
    value: int


@dataclass(frozen=True, slots=True)
class Series:
    """One counter: its labels, and its samples in order of time."""

    labels: Mapping[str, str]
    points: tuple[Point, ...]

    @property
    def key(self) -> Key:
        """Return what tells it from every other series."""
        return frozenset(self.labels.items())

    @property
    def instance(self) -> Instance:
        """Return what was scraped: job and instance, as Prometheus labels them."""
        return instance_of(self.key)

    @property
    def newest(self) -> float:
        """Return when it was scraped last."""
        return self.points[-1].at

    def until(self, moment: float) -> Point | None:
        """Return the newest sample at a moment, None where there was none yet."""
        return next((point for point in reversed(self.points) if point.at <= moment), None)


def instance_of(key: Key) -> Instance:
    """Return what a series was scraped from."""
    labels = dict(key)
    return labels.get("job", ""), labels.get("instance", "")


def read_matrix(result: Any) -> tuple[Series, ...]:
    """Return the series of a range selector's result; Unseen for anything else, and for what no counter can say."""
    if not isinstance(result, dict) or result.get("resultType") != "matrix":
        raise Unseen("prometheus answered something else than samples")
    return tuple(_series(each) for each in result["result"] if each.get("values") or each.get("histograms"))


def _series(raw: Any) -> Series:
    labels = {str(name): str(value) for name, value in raw["metric"].items()}
    if "histograms" in raw:
        raise Unseen(f"{_named(labels)} is a native histogram, and only classic ones are read")
    return Series(labels, tuple(_points(labels, raw["values"])))


def _points(labels: Mapping[str, str], values: Iterable[Any]) -> Iterator[Point]:
    for at, text in values:
        value = float(text)
        if not math.isfinite(value) or value < 0 or value != int(value):
            raise Contradiction(f"{_named(labels)} is {text}, and no counter of requests can be")
        yield Point(float(at), int(value))


def _named(labels: Mapping[str, str]) -> str:
    return labels.get("__name__", "") or "a series without a name"
