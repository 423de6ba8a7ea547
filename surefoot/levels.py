"""Latencies of both sides, weighed alike, on one scale: as fine as a histogram of three digits."""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from surefoot.vitals import Histogram, Look

Row = NDArray[np.float64]

# From 10 µs to 11 minutes in steps of half a percent: a shift of 1 % is still seen, and any sum has the same size.
_SHORTEST_MS = 0.01
_RATIO = 1.005
_STEPS = 3_600
_LOG_RATIO = log(_RATIO)


def row(histogram: Histogram) -> Row:
    """Return how many latencies fall on each step of the scale."""
    if not histogram.counts:
        return np.zeros(_STEPS)
    values, numbers = np.array(histogram.counts, dtype=float).T
    steps = np.rint(np.log(np.maximum(values, _SHORTEST_MS) / _SHORTEST_MS) / _LOG_RATIO).astype(int)
    counted: Row = np.bincount(np.minimum(steps, _STEPS - 1), numbers, _STEPS).astype(float)
    return counted


def milliseconds(step: float) -> float:
    """Return the latency of a step of the scale."""
    return _SHORTEST_MS * exp(step * _LOG_RATIO)


def step_of(milliseconds: float) -> int:
    """Return the step a latency falls on."""
    return min(_STEPS - 1, round(log(max(milliseconds, _SHORTEST_MS) / _SHORTEST_MS) / _LOG_RATIO))


def quantile_step(cumulative: Row, q: float) -> int:
    """Return the lowest step up to which a share `q` of the cumulated values lies."""
    return int(np.searchsorted(cumulative, q * cumulative[-1] * (1 - 1e-12)))


@dataclass(frozen=True, slots=True)
class Window:
    """One look's latencies of both sides, and over how many seconds."""

    canary: Row
    stable: Row
    seconds: float

    @classmethod
    def of(cls, look: Look) -> "Window":
        """Return a look's latencies."""
        return cls(row(look.canary.latency_ms), row(look.stable.latency_ms), look.stable.seconds)

    def __add__(self, other: "Window") -> "Window":
        return Window(self.canary + other.canary, self.stable + other.stable, self.seconds + other.seconds)


class Levels:
    """All latencies so far. Stable's are weighed as if it had had the canary's part of each look's traffic.

    So a time of day that is slow for both is in both alike, though the canary's share grows from step to step.
    """

    def __init__(self) -> None:
        self.canary = np.zeros(_STEPS)
        self.stable = np.zeros(_STEPS)
        self.every = np.zeros(_STEPS)
        self.latest: Window | None = None
        self.window: Window | None = None
        self._spread = 0.0

    def add(self, look: Look) -> None:
        """Take in one look; `latest` is then its part, and `window` too where both sides had answers.

        `every` are all of the canary's answers, those that had none of stable beside them too.
        """
        self.latest = window = Window.of(look)
        self.every = self.every + window.canary
        canary, stable = float(window.canary.sum()), float(window.stable.sum())
        self.window = window if canary and stable else None
        if self.window:
            self.canary = self.canary + window.canary
            self.stable = self.stable + window.stable * (canary / stable)
            self._spread += canary * canary / stable

    @property
    def canary_total(self) -> float:
        """Return how many answers of the canary there are."""
        return float(self.canary.sum())

    @property
    def stable_total(self) -> float:
        """Return how many answers of stable tell as much as its weighed ones do."""
        return self.canary_total**2 / self._spread if self._spread else 0.0
