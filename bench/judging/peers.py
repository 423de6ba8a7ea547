"""The peers' published rules, derived anew from their documentation: none of this is their code.

Each rule takes a batch of runs and says when it would have put each back. Settings are the ones in the documentation;
where another one is kinder to the peer, the kinder one is taken, with a word about it. Where no documentation says what
happens (a query that fails), what the program was seen to do counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm

from judging.traffic import LEVELS_MS, TICK_S, Traffic

MINUTE = 60 // TICK_S
NEVER = np.inf

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# When each run is put back, in seconds from the beginning; infinity where it is not.
Rule = Callable[[Traffic], Floats]


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a shift between two samples, and its estimate, for each run."""

    low: Floats
    estimate: Floats
    high: Floats


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return part / whole, and NaN where the whole is 0, as Prometheus does."""
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def _by(ticks: int, values: NDArray[Any]) -> NDArray[Any]:
    """Return (run, tick, …) added up over each so many ticks."""
    runs, length, *rest = values.shape
    return np.asarray(values[:, : length // ticks * ticks].reshape(runs, length // ticks, ticks, *rest).sum(axis=2))


def points(traffic: Traffic, ticks: int, quantile: float = 0.95) -> Floats:
    """Return a time series of both sides, (run, point, side): error rates, or a quantile where there are latencies."""
    lost = _by(ticks, traffic.down) > 0
    if traffic.latency.shape[-1]:
        counts = _by(ticks, traffic.latency.astype(np.int32)).cumsum(axis=-1)
        reached = (counts >= quantile * counts[..., -1:]).argmax(axis=-1)
        values = np.where(counts[..., -1] > 0, LEVELS_MS[reached], np.nan)
    else:
        values = _ratio(_by(ticks, traffic.errors), _by(ticks, traffic.requests))
    return np.where(lost[..., None], np.nan, values)


def _unanswered(traffic: Traffic) -> Bools:
    """Return (run, minute): the query made at the minute's end fails."""
    return traffic.blind[:, MINUTE - 1 :: MINUTE]


def _first(alarms: Bools, seconds: float = 60.0, begins: float = 0.0) -> Floats:
    """Return when the first alarm of (run, look) is, in seconds."""
    return np.where(alarms.any(axis=1), begins + (alarms.argmax(axis=1) + 1) * seconds, NEVER)


def _ties(values: Floats) -> Floats:
    """Return the sum of t³ - t over each group of t equal values in a row; NaN is no value."""
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    return np.asarray(np.where(np.isnan(values), 0, equal**2 - 1).sum(axis=1))


def rank_interval(canary: Floats, stable: Floats, confidence: float) -> Interval:
    """Return the rank-sum test's interval for the shift from stable to canary: rows are runs, NaN is no value.

    Normal approximation with ties and a continuity correction of a half. The test's statistic is a step function of the
    shift that steps at the differences of pairs, so its roots are order statistics of these.
    """
    n, m = (~np.isnan(canary)).sum(axis=1), (~np.isnan(stable)).sum(axis=1)
    pairs, everything = n * m, np.maximum(n + m, 2)
    differences = canary[:, :, None] - stable[:, None, :]
    order = -np.sort(-np.nan_to_num(differences.reshape(len(canary), -1), nan=-np.inf), axis=1)
    ties = (_ties(canary) + _ties(stable)) / (everything * (everything - 1))
    sigma = np.sqrt(np.maximum(pairs / 12 * (everything + 1 - ties), 0))
    reach = 0.5 + norm.isf((1 - confidence) / 2) * sigma

    def at(rank: Floats) -> Floats:
        place = np.clip(np.ceil(rank), 1, np.maximum(pairs, 1)).astype(int) - 1
        return np.where(pairs > 0, np.take_along_axis(order, place[:, None], axis=1)[:, 0], 0.0)

    # The statistic is 0 between the two differences in the middle: their mean, as Hodges and Lehmann have it.
    middle = (at((pairs + 1) // 2) + at(pairs // 2 + 1)) / 2
    return Interval(at(pairs / 2 + reach), middle, at(pairs / 2 - reach))


def kayenta_high(canary: Floats, stable: Floats) -> Bools:
    """Return which runs Kayenta's NetflixACAJudge v1.0 calls High: (run, point), NaN removed.

    The interval at 98 % has to lie above a quarter of the shift's own estimate, and the ratio of the means above 1;
    where a mean is 0 there is no ratio, and it is not asked. Two constant sides that differ get noise, and so are High.
    """
    interval = rank_interval(canary, stable, 0.98)
    seen = (~np.isnan(canary)).any(axis=1) & (~np.isnan(stable)).any(axis=1)
    means = np.nan_to_num(_mean(canary)), np.nan_to_num(_mean(stable))
    larger = (means[0] >= means[1]) | (means[0] == 0) | (means[1] == 0)
    return np.asarray(seen & (interval.low > 0.25 * np.abs(interval.estimate)) & larger)


def _mean(values: Floats) -> Floats:
    return _ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1))


def kayenta_at_the_end(traffic: Traffic) -> Floats:
    """One judgement on a point a minute, when the watch is over."""
    series = points(traffic, MINUTE)
    alarms = kayenta_high(series[..., 1], series[..., 0])
    return np.where(alarms, series.shape[1] * 60.0, NEVER)


def kayenta_each_minute(traffic: Traffic) -> Floats:
    """A judgement every minute on all points so far, from the fifth on; fewer than five have no power or no level."""
    series = points(traffic, MINUTE)
    looks = [kayenta_high(series[:, :n, 1], series[:, :n, 0]) for n in range(5, series.shape[1] + 1)]
    return _first(np.stack(looks, axis=1), begins=240.0)


def argo(traffic: Traffic) -> Floats:
    """Argo Rollouts: `successCondition: result[0] >= 0.95`, `failureLimit: 3`, so the fourth failure aborts.

    The documentation measures every 5 minutes, which would be six times in the watch: a minute is kinder. A success
    rate of no requests is NaN, which is not >= 0.95. A query that fails is repeated every 10 s; the fifth failure on
    end is an error, which aborts too. Where latency is looked at, p95 <= 500 ms, as no example of it is documented.
    """
    values = points(traffic, MINUTE)[..., 1]
    well = values <= (500.0 if traffic.latency.shape[-1] else 0.05)
    again = [np.roll(traffic.blind, -2 * n, axis=1)[:, MINUTE - 1 :: MINUTE] for n in range(5)]
    errors = np.logical_and.reduce(again)
    failed = (~well & ~_unanswered(traffic)).cumsum(axis=1) > 3
    return np.minimum(_first(failed), _first(errors, begins=40.0))


def flagger(threshold: int) -> Rule:
    """Flagger: each minute `request-success-rate` min 99 and `request-duration` (p99) max 500.

    The `threshold`th failed check puts back: the documentation has 5 and 10. No values, and a query that fails, are
    failed checks; none is ever forgotten in a rollout.
    """

    def rule(traffic: Traffic) -> Floats:
        rates = _ratio(_by(MINUTE, traffic.errors), _by(MINUTE, traffic.requests))[..., 1]
        well = (rates <= 0.01) & (_by(MINUTE, traffic.down) == 0) & ~_unanswered(traffic)
        if traffic.latency.shape[-1]:
            well &= points(traffic, MINUTE, 0.99)[..., 1] <= 500.0
        return _first((~well).cumsum(axis=1) >= threshold)

    return rule


def pipecd(failure_limit: int) -> Rule:
    """PipeCD: each minute a Mann-Whitney test at 0.05 on that minute's points, one every 5 s; deviation HIGH.

    The documentation says that `failureLimit` is 1 unless set; in the program it was seen to be 0. A query that fails
    is a failure, so are points on one side only; none at all, or all alike, pass.
    """

    def rule(traffic: Traffic) -> Floats:
        series = points(traffic, 1)
        runs, ticks, _ = series.shape
        cut = series[:, : ticks // MINUTE * MINUTE].reshape(-1, MINUTE, 2)
        some = np.asarray((~np.isnan(cut)).any(axis=1))
        alarms = (mann_whitney(cut[..., 1], cut[..., 0]) < 0.05) | (some[:, 0] != some[:, 1])
        failed = alarms.reshape(runs, -1) | _unanswered(traffic)
        return _first(failed.cumsum(axis=1) > failure_limit)

    return rule


def mann_whitney(canary: Floats, stable: Floats) -> Floats:
    """Return the chance of canary's values lying this much above stable's: rows are tests, NaN is no value.

    One-sided, normal approximation with ties and a continuity correction: 1 where all values are alike or missing.
    """
    n, m = (~np.isnan(canary)).sum(axis=1), (~np.isnan(stable)).sum(axis=1)
    above = (canary[:, :, None] > stable[:, None, :]).sum(axis=(1, 2))
    alike = (canary[:, :, None] == stable[:, None, :]).sum(axis=(1, 2))
    ties = _ties(np.concatenate([canary, stable], axis=1))
    return _one_sided(above + alike / 2, n, m, ties)


def _one_sided(u: Floats, n: NDArray[Any], m: NDArray[Any], ties: Floats) -> Floats:
    everything = np.maximum(n + m, 2.0)
    variance = n * m / 12 * (everything + 1 - ties / (everything * (everything - 1)))
    z = (u - n * m / 2 - 0.5) / np.sqrt(np.maximum(variance, 1e-300))
    return np.where(variance > 1e-9, norm.sf(z), 1.0)


def pooled(traffic: Traffic) -> Floats:
    """Return, for each minute, the chance of what was seen up to it if both sides are alike: (run, minute).

    Fisher's exact test on all requests so far, one-sided; where latency is looked at, Mann-Whitney on all requests.
    """
    known = _by(MINUTE, traffic.down) == 0
    if traffic.latency.shape[-1]:
        return _pooled_ranks(_by(MINUTE, traffic.latency.astype(np.int64)) * known[..., None, None])
    errors = (_by(MINUTE, traffic.errors) * known[..., None]).cumsum(axis=1)
    requests = (_by(MINUTE, traffic.requests) * known[..., None]).cumsum(axis=1)
    return np.asarray(hypergeom.sf(errors[..., 1] - 1, requests.sum(-1), errors.sum(-1), requests[..., 1]))


def _pooled_ranks(counts: NDArray[np.int64]) -> Floats:
    so_far = counts.cumsum(axis=1).astype(float)
    stable, canary = so_far[..., 0, :], so_far[..., 1, :]
    u = (canary * (stable.cumsum(axis=-1) - stable / 2)).sum(axis=-1)
    both = stable + canary
    return _one_sided(u, canary.sum(axis=-1), stable.sum(axis=-1), (both**3 - both).sum(axis=-1))


def pooled_at_the_end(traffic: Traffic) -> Floats:
    """One pooled test at 0.01, when the watch is over."""
    chances = pooled(traffic)
    return np.where(chances[:, -1] < 0.01, chances.shape[1] * 60.0, NEVER)


def pooled_each_minute(traffic: Traffic) -> Floats:
    """The same test every minute, at 0.01 each time: what looking often costs."""
    return _first(pooled(traffic) < 0.01)


PEERS: dict[str, Rule] = {
    "Kayenta, at the end": kayenta_at_the_end,
    "Kayenta, each minute": kayenta_each_minute,
    "Argo Rollouts": argo,
    "Flagger, threshold 5": flagger(5),
    "Flagger, threshold 10": flagger(10),
    "PipeCD, limit 0": pipecd(0),
    "PipeCD, limit 1": pipecd(1),
    "pooled 0.01, at the end": pooled_at_the_end,
    "pooled 0.01, each minute": pooled_each_minute,
}
