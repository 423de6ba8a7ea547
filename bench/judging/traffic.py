"""Users' traffic to stable and canary, simulated: requests, failures and latencies in ticks of five seconds.

One `Cell` is one situation. What a run of it brings depends on the cell's name, the seed and the run's number only, not
on which cells are measured beside it or on how many processes measure. Every rule is shown the same traffic, cut into
looks of its own length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from surefoot.vitals import Histogram, Look, Vitals

TICK_S = 5
# Runs made at once: with latencies a run is some megabytes while it is made.
BATCH = 100
BATCH_WITH_LATENCY = 20
# Latencies are told apart when they differ by one percent, from 1 ms to 22 s.
_STEP = 0.01
_BUCKETS = 1000
LEVELS_MS = np.round(np.exp((np.arange(_BUCKETS) + 0.5) * _STEP), 3)
_MEAN_MS = 60.0
_WAVE = 0.10
BLIND = "the metrics source did not answer"

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """One situation.

    `per_s` requests a second reach both sides together, `shares` of them the canary (each for an equal part of the
    watch). `base` of the requests fail on stable. On the canary that is `times` as many, and it fails `broken` of what
    is left. `burst` is the shape of the gamma distribution that failures' rates are drawn from, anew every `lasts_s`
    (0: a look), for each side or for both `together`; 0 is plain Poisson. `outages` are one to three times as long, and
    both sides fail 20 to 60 % in them. `cv` is the spread of latencies between requests (0: latency is not looked at),
    `slower` the canary's shift, `drift` the spread between two sides that are alike. `source` is how metrics are read:
    well, "down" from a third to two thirds of the watch, "flaky" (30 % of queries fail), or both. `like` names the cell
    whose traffic it has, where it differs from that one only in how it is seen.
    """

    name: str
    per_s: float = 10.0
    shares: tuple[float, ...] = (0.1,)
    looks: int = 30
    minutes: int = 30
    base: float = 0.005
    times: float = 1.0
    broken: float = 0.0
    burst: float = 0.0
    together: bool = False
    outages: bool = False
    lasts_s: int = 0
    cv: float = 0.0
    slower: float = 0.0
    drift: float = 0.0
    source: str = ""
    like: str = ""

    @property
    def ticks(self) -> int:
        """Return how many ticks the watch has."""
        return self.minutes * 60 // TICK_S

    @property
    def good(self) -> bool:
        """Return whether the canary is as stable is."""
        return self.times == 1 and not self.broken and not self.slower

    @property
    def batch(self) -> int:
        """Return how many runs are made at once."""
        return BATCH_WITH_LATENCY if self.cv else BATCH


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a batch of runs brought: arrays of (run, tick, side), canary second.

    `spoiled` (run, tick) are the canary's failures that stable would not have had; `latency` counts (run, tick, side,
    level), and is empty where latency is not looked at; `blind` (run, tick) is where a query made at the tick's end
    fails, and `down` where what happened in a tick was never recorded.
    """

    requests: Ints
    errors: Ints
    spoiled: Ints
    latency: NDArray[np.uint16]
    blind: NDArray[np.bool_]
    down: NDArray[np.bool_]
    shares: NDArray[np.float64]


def batches(cell: Cell, repeats: int) -> list[tuple[int, int]]:
    """Return the number of each batch, and how many of its runs are wanted."""
    whole, rest = divmod(repeats, cell.batch)
    return [*((number, cell.batch) for number in range(whole)), *([(whole, rest)] if rest else [])]


def simulate(cell: Cell, batch: int, seed: int) -> Traffic:
    """Return a batch of runs."""
    rng = _generator(seed, cell.like or cell.name, batch)
    shares = np.repeat(cell.shares, -(-cell.ticks // len(cell.shares)))[: cell.ticks]
    rates = cell.per_s * TICK_S * np.stack([1 - shares, shares], axis=-1)
    requests = rng.poisson(rates, (cell.batch, *rates.shape))
    base = _failing(cell, rng)
    worse = np.minimum(1, base[..., 1] * cell.times)
    # Of the requests that would have been well: how many the release spoils.
    spoils = 1 - (1 - worse) / np.maximum(1 - base[..., 1], 1e-9) * (1 - cell.broken)
    errors = rng.binomial(requests, base)
    spoiled = rng.binomial(requests[..., 1] - errors[..., 1], np.clip(spoils, 0, 1))
    errors[..., 1] += spoiled
    blind, down = _source(cell, _generator(seed, f"source of {cell.name}", batch))
    return Traffic(requests, errors, spoiled, _latency(cell, requests, rng), blind, down, shares)


def _generator(seed: int, name: str, batch: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(name.encode()), batch]))


def _failing(cell: Cell, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the share of requests that fails by itself: (run, tick, side)."""
    runs, lasts = cell.batch, cell.lasts_s // TICK_S or cell.ticks // cell.looks
    rates = np.full((runs, cell.ticks, 2), cell.base)
    parts = -(-cell.ticks // lasts)
    if cell.burst:
        drawn = rng.gamma(cell.burst, 1 / cell.burst, (runs, parts, 1 if cell.together else 2))
        rates *= np.repeat(drawn, lasts, axis=1)[:, : cell.ticks]
    if cell.outages:
        begins = rng.integers(0, parts, runs)
        ends = begins + rng.integers(1, 4, runs)
        levels = np.repeat(rng.uniform(0.2, 0.6, (runs, parts)), lasts, axis=1)[:, : cell.ticks]
        at = np.arange(cell.ticks)[None, :] // lasts
        out = (at >= begins[:, None]) & (at < ends[:, None])
        rates = np.where(out[..., None], levels[..., None], rates)
    return np.asarray(np.minimum(rates, 1.0))


def _source(cell: Cell, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where a query fails, and where nothing was recorded."""
    down = np.zeros((cell.batch, cell.ticks), bool)
    if "down" in cell.source:
        down[:, cell.ticks // 3 : cell.ticks * 2 // 3] = True
    fails = rng.random(down.shape) < (0.3 if "flaky" in cell.source else 0.0)
    return down | fails, down


def _latency(cell: Cell, requests: Ints, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return log-normal latencies, counted by level: waves of a minute hit both sides, a run's own drift one."""
    if not cell.cv:
        return np.zeros((*requests.shape, 0), np.uint16)
    runs, ticks, _ = requests.shape
    sigma = float(np.sqrt(np.log1p(cell.cv**2)))
    minute = 60 // TICK_S
    waves = np.repeat(rng.normal(0, _WAVE, (runs, -(-ticks // minute))), minute, axis=1)[:, :ticks]
    sides = rng.normal(0, cell.drift / np.sqrt(2), (runs, 1, 2))
    sides[..., 1] += np.log1p(cell.slower)
    middle = np.log(_MEAN_MS) - sigma**2 / 2 + waves[..., None] + sides
    cells = np.repeat(np.arange(requests.size), requests.ravel())
    drawn = middle.ravel()[cells] + sigma * rng.standard_normal(cells.size)
    levels = np.clip((drawn / _STEP).astype(np.int64), 0, _BUCKETS - 1)
    counted = np.bincount(cells * _BUCKETS + levels, minlength=requests.size * _BUCKETS)
    return counted.astype(np.uint16).reshape(*requests.shape, _BUCKETS)


def looks_of(traffic: Traffic, run: int, looks: int) -> list[Look]:
    """Return one run as that many looks; a look whose query fails at its end, or whose time was lost, is blind."""
    length = traffic.shares.size // looks
    blind = traffic.blind[run, length - 1 :: length] | (_by_look(traffic.down[run], looks) > 0)
    counts = [_by_look(each[run], looks).tolist() for each in (traffic.requests, traffic.errors)]
    latency = _by_look(traffic.latency[run], looks)
    shares = (_by_look(traffic.shares, looks) / length).tolist()
    return [
        _unseen(length, share) if unseen else _look(length, share, requests, errors, levels)
        for unseen, share, requests, errors, levels in zip(blind.tolist(), shares, *counts, latency, strict=True)
    ]


def _by_look(values: NDArray[Any], looks: int) -> NDArray[Any]:
    """Return (tick, …) added up over each look."""
    length, rest = len(values) // looks, values.shape[1:]
    return np.asarray(values[: length * looks].reshape(looks, length, *rest).sum(axis=1))


def _unseen(ticks: int, share: float) -> Look:
    nothing = Vitals(seconds=float(ticks * TICK_S), blind=BLIND)
    return Look(nothing, nothing, share)


def _look(ticks: int, share: float, requests: list[int], errors: list[int], levels: Ints) -> Look:
    stable, canary = (
        Vitals(requests[side], errors[side], _histogram(levels[side]), float(ticks * TICK_S)) for side in (0, 1)
    )
    return Look(stable, canary, share)


def _histogram(counts: Ints) -> Histogram:
    if not counts.size:
        return Histogram()
    (levels,) = counts.nonzero()
    return Histogram(tuple(zip(LEVELS_MS[levels].tolist(), counts[levels].tolist(), strict=True)))


def levels_of(latencies_ms: NDArray[np.float64]) -> Histogram:
    """Return latencies counted to three digits, as our probes count them."""
    digits = 10.0 ** (np.floor(np.log10(latencies_ms)) - 2)
    values, counts = np.unique(np.round(latencies_ms / digits) * digits, return_counts=True)
    return Histogram.of(zip(np.round(values, 6).tolist(), counts.tolist(), strict=True))


def rollouts(cell: Cell, repeats: int, seed: int) -> Iterator[list[Look]]:
    """Yield `repeats` runs of a cell, each as the cell's looks."""
    for number, wanted in batches(cell, repeats):
        traffic = simulate(cell, number, seed)
        yield from (looks_of(traffic, run, cell.looks) for run in range(wanted))


def documents(cell: Cell, repeats: int, seed: int, limits: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the same as documents that `surefoot judge` takes, with the limits to be judged by."""
    for looks in rollouts(cell, repeats, seed):
        rows = [{"seconds": look.stable.seconds, "share": look.share, **_sides(look)} for look in looks]
        yield {"false_alarm": 0.01, "planned_looks": cell.looks, "limits": limits, "looks": rows}


def _sides(look: Look) -> dict[str, Any]:
    return {"stable": _side(look.stable), "canary": _side(look.canary)}


def _side(vitals: Vitals) -> dict[str, Any]:
    if vitals.blind:
        return {"blind": vitals.blind}
    counts = [list(pair) for pair in vitals.latency_ms.counts]
    return {"requests": vitals.requests, "errors": vitals.errors, "latency_ms": counts}
