"""Go on, hold, or go back: canary held against stable, side by side, on the requests seen so far.

Two questions are asked of every limit. *Is it worse?* is answered at a chance of a false alarm that is spent once
over the whole rollout and all limits, so looking often is free. *Was enough seen to have caught the harm that the
plan names?* is answered by a 95 % bound: only then does silence in the numbers mean that the release is well.
"""

from collections.abc import Sequence
from functools import reduce
from math import exp, inf, lgamma, log, sqrt
from operator import add
from statistics import NormalDist

from surefoot.rollout import Harm, Limits
from surefoot.units import count, percent
from surefoot.verdict import Outcome, Verdict, worst
from surefoot.vitals import Histogram, Look, Vitals

# One-sided bound for "enough was seen": the harm named by the plan would have shown in 19 of 20 rollouts.
_SURE = 0.95
# Below this share of good answers stable itself is ill, and nothing can be learnt by comparing with it.
_STABLE_ILL = 0.2
# A shift that the prober's own scheduling can make is never harm.
_FLOOR_MS = 2.0
# Nothing on a network is faster; it keeps a level of 0 ms from dividing.
_SHORTEST_MS = 0.01
_QUANTILES = ((0.5, "p50"), (0.95, "p95"))
# Failures are what users feel first: comparing them gets half of the budget, latency and limits share the rest.
_ERRORS_SHARE = 0.5
# Looking for how many more requests are needed stops here: more is "cannot be seen at this traffic".
_MOST_REQUESTS = 10_000_000


def judge(looks: Sequence[Look], harm: Harm, limits: Limits, look: int, planned_looks: int) -> Verdict:
    """Judge one step from its looks so far; `look` counts from 1 over the whole rollout."""
    if not looks:
        return Verdict(Outcome.INCONCLUSIVE, "nothing was looked at yet")
    if blind := looks[-1].stable.blind or looks[-1].canary.blind:
        return Verdict(Outcome.INCONCLUSIVE, f"could not look: {blind}")
    # A window in which nobody could see says nothing, neither good nor bad: it is left out, not counted.
    seen = reduce(add, (window for window in looks if not window.stable.blind and not window.canary.blind))
    if problem := _cannot_compare(seen):
        return Verdict(Outcome.INCONCLUSIVE, problem)
    for_errors, for_others = look_alpha(harm, limits, look, planned_looks)
    verdicts = [_errors(seen, harm.error_rate, for_errors)]
    verdicts += [_latency(seen, q, name, harm.latency, for_others) for q, name in _QUANTILES]
    return _summary([*_beyond(seen.canary, limits, for_others), *verdicts])


def look_alpha(harm: Harm, limits: Limits, look: int, planned_looks: int) -> tuple[float, float]:
    """Return the chance of a false alarm that a look may take: comparing errors, and each other question.

    The budget spent up to look k of K planned ones is `false_alarm * k / (k + K)`, so its sum stays below the budget
    however long a step is held (Bonferroni over looks and questions).
    """
    spent = [harm.false_alarm * k / (k + planned_looks) for k in (look - 1, look)]
    alpha = spent[1] - spent[0]
    others = len(_QUANTILES) + sum(limit is not None for limit in (limits.error_rate, limits.p50_ms, limits.p95_ms))
    return alpha * _ERRORS_SHARE, alpha * (1 - _ERRORS_SHARE) / others


def _beyond(canary: Vitals, limits: Limits, alpha: float) -> list[Verdict]:
    """Return what is wrong with the limits: FAIL where it is certain, INCONCLUSIVE where it only looks so."""
    found = []
    if limits.error_rate is not None and canary.error_rate > limits.error_rate:
        certain = wilson(canary.errors, canary.requests, 1 - alpha)[0] > limits.error_rate
        text = f"errors {percent(canary.error_rate)}, the limit is {percent(limits.error_rate)}"
        found.append(Verdict(Outcome.FAIL if certain else Outcome.INCONCLUSIVE, text, canary.requests))
    for (q, name), limit in zip(_QUANTILES, (limits.p50_ms, limits.p95_ms), strict=True):
        level = canary.latency_ms.quantile(q) if canary.latency_ms.counts else 0.0
        if limit is not None and level > limit:
            certain = quantile_bounds(canary.latency_ms, q, alpha)[0] > limit
            text = f"{name} {level:.0f} ms, the limit is {limit:.0f} ms"
            found.append(Verdict(Outcome.FAIL if certain else Outcome.INCONCLUSIVE, text, canary.requests))
    return found


def _cannot_compare(seen: Look) -> str:
    for side, vitals in (("stable", seen.stable), ("canary", seen.canary)):
        if not vitals.requests:
            return f"could not look: {side} got no request"
    if seen.stable.error_rate > _STABLE_ILL and seen.canary.error_rate > _STABLE_ILL:
        return f"cannot compare: stable itself fails {percent(seen.stable.error_rate)} of its requests"
    return ""


def _errors(seen: Look, harm: float, alpha: float) -> Verdict:
    stable, canary = seen.stable, seen.canary
    worse_by = canary.error_rate - stable.error_rate
    chance = fisher_tail(canary.errors, canary.requests, stable.errors, stable.requests)
    text = errors_text(seen)
    if chance < alpha and worse_by >= harm / 2:
        return Verdict(Outcome.FAIL, text + _example(seen))
    if difference_bound(canary.errors, canary.requests, stable.errors, stable.requests) < harm:
        return Verdict(Outcome.PASS, text)
    return Verdict(Outcome.INCONCLUSIVE, text, _needed(seen, harm, alpha))


def _latency(seen: Look, q: float, name: str, harm: float, alpha: float) -> Verdict:
    stable, canary = seen.stable.latency_ms, seen.canary.latency_ms
    if not stable.counts or not canary.counts:
        return Verdict(Outcome.INCONCLUSIVE, f"no {name}: nothing was answered")
    floor = _FLOOR_MS / max(stable.quantile(q), _SHORTEST_MS)
    text = f"{name} {canary.quantile(q):.0f} ms vs {stable.quantile(q):.0f} ms"
    if ratio_bounds(canary, stable, q, alpha)[0] > 1 + max(harm / 2, floor):
        return Verdict(Outcome.FAIL, text)
    if ratio_bounds(canary, stable, q, 1 - _SURE)[1] < 1 + max(harm, floor):
        return Verdict(Outcome.PASS, text)
    return Verdict(Outcome.INCONCLUSIVE, text, max(canary.total, 1))


def _summary(verdicts: list[Verdict]) -> Verdict:
    """Name the limit that decided first, then the others; INCONCLUSIVE says how much more would settle it."""
    decided = worst(verdicts)
    others = [verdict.reason for verdict in verdicts if verdict is not decided]
    if decided.outcome is Outcome.FAIL:
        return Verdict(Outcome.FAIL, "; ".join([decided.reason, *others]))
    text = "; ".join(verdict.reason for verdict in verdicts)
    if decided.outcome is Outcome.PASS:
        return Verdict(Outcome.PASS, text)
    needs = max(verdict.needs_requests for verdict in verdicts)
    if needs > _MOST_REQUESTS:
        return Verdict(Outcome.INCONCLUSIVE, f"{text}; cannot be told at this traffic", needs)
    return Verdict(Outcome.INCONCLUSIVE, f"{text}; needs about {count(needs)} more requests", needs)


def errors_text(seen: Look) -> str:
    """Return `errors 4 of 1,902 vs 68 of 35,960`, canary first, with rates where there are any errors."""
    sides = []
    for vitals in (seen.canary, seen.stable):
        rate = f" ({percent(vitals.error_rate)})" if vitals.errors else ""
        sides.append(f"{count(vitals.errors)} of {count(vitals.requests)}{rate}")
    return f"errors {sides[0]} vs {sides[1]}"


def _example(seen: Look) -> str:
    if not seen.canary.examples:
        return ""
    what, number = seen.canary.examples[0]
    return f"; {count(number)} of the {count(seen.canary.errors)}: {what}"


def fisher_tail(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """Return the chance of at least `bad` of all failures on this side if both sides fail alike.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution.
    """
    failures, everything = bad + other_bad, total + other_total
    scale = _log_choose(everything, failures)
    terms = (
        exp(_log_choose(total, k) + _log_choose(other_total, failures - k) - scale)
        for k in range(bad, min(failures, total) + 1)
        if failures - k <= other_total
    )
    return min(1.0, sum(terms))


def difference_bound(bad: int, total: int, other_bad: int, other_total: int, sure: float = _SURE) -> float:
    """Return the upper bound of this side's failure rate less the other's.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10) from Wilson's bounds.
    """
    rate, other = bad / total, other_bad / other_total
    high, low = wilson(bad, total, sure)[1], wilson(other_bad, other_total, sure)[0]
    return rate - other + sqrt((high - rate) ** 2 + (other - low) ** 2)


def wilson(bad: int, total: int, sure: float) -> tuple[float, float]:
    """Return Wilson's score bounds of a rate, each one-sided at `sure` (JASA 22, 1927)."""
    z = NormalDist().inv_cdf(sure)
    rate, spread = bad / total, z * z / total
    middle = (rate + spread / 2) / (1 + spread)
    half = z * sqrt(rate * (1 - rate) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def quantile_bounds(histogram: Histogram, q: float, alpha: float) -> tuple[float, float]:
    """Return the lower and upper bound (ms) of a quantile, each wrong with chance `alpha` at most about.

    Order statistics, distribution-free (Conover, Practical Nonparametric Statistics, 3.2), normal approximation with
    a half for continuity. Too few values to bound on a side: 0 or infinity there.
    """
    total = histogram.total
    reach = NormalDist().inv_cdf(1 - alpha) * sqrt(total * q * (1 - q)) + 0.5
    low, high = total * q - reach, total * q + reach
    return (
        histogram.quantile(low / total) if low >= 1 else 0.0,
        histogram.quantile(high / total) if high <= total else inf,
    )


def ratio_bounds(canary: Histogram, stable: Histogram, q: float, alpha: float) -> tuple[float, float]:
    """Return the lower and upper bound of canary's quantile over stable's, each wrong with chance `alpha` about.

    MOVER (Zou and Donner, Statistics in Medicine 27, 2008) on the logarithms of the two quantiles' own bounds.
    """
    of_canary, of_stable = _log_bounds(canary, q, alpha), _log_bounds(stable, q, alpha)
    shift = of_canary[1] - of_stable[1]
    below = sqrt((of_canary[1] - of_canary[0]) ** 2 + (of_stable[2] - of_stable[1]) ** 2)
    above = sqrt((of_canary[2] - of_canary[1]) ** 2 + (of_stable[1] - of_stable[0]) ** 2)
    return exp(shift - below), exp(shift + above) if above < inf else inf


def _log_bounds(histogram: Histogram, q: float, alpha: float) -> tuple[float, float, float]:
    """Return lower bound, estimate and upper bound of a quantile, as logarithms of milliseconds."""
    low, high = quantile_bounds(histogram, q, alpha)
    return _log(low), _log(histogram.quantile(q)), _log(high)


def _log(value: float) -> float:
    return log(value) if value > 0 else -inf


def _needed(seen: Look, harm: float, alpha: float) -> int:
    """Return about how many more canary requests settle it if both sides go on as they are."""
    stable, canary = seen.stable, seen.canary
    factor = 2.0
    while canary.requests * factor < _MOST_REQUESTS:
        counts = [round(number * factor) for number in (canary.errors, canary.requests, stable.errors, stable.requests)]
        clear = difference_bound(*counts) < harm
        if clear or (counts[0] * counts[3] > counts[2] * counts[1] and fisher_tail(*counts) < alpha):
            return max(1, round(canary.requests * (factor - 1)))
        factor *= 1.5
    return _MOST_REQUESTS + 1


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
