"""How sure a number is: bounds of rates, of their difference, and of quantiles and their ratio."""

from collections.abc import Sequence
from math import exp, inf, sqrt
from statistics import NormalDist


def wilson(bad: float, total: float, sure: float) -> tuple[float, float]:
    """Return Wilson's score bounds of a rate, each one-sided at `sure` (JASA 22, 1927)."""
    z = NormalDist().inv_cdf(sure)
    rate, spread = bad / total, z * z / total
    middle = (rate + spread / 2) / (1 + spread)
    half = z * sqrt(rate * (1 - rate) / total + spread / (4 * total)) / (1 + spread)
    # None of them, or all: what rounding leaves beside the bound is nothing.
    return max(0.0, middle - half) if bad else 0.0, min(1.0, middle + half) if bad < total else 1.0


def difference(bad: float, total: float, other_bad: float, other_total: float, sure: float) -> tuple[float, float]:
    """Return the lower and upper bound of this side's rate less the other's, each one-sided at `sure`.

    Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, method 10) from Wilson's bounds.
    """
    rate, other = bad / total, other_bad / other_total
    (low, high), (other_low, other_high) = wilson(bad, total, sure), wilson(other_bad, other_total, sure)
    below = sqrt((rate - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - rate) ** 2 + (other - other_low) ** 2)
    return rate - other - below, rate - other + above


def ranks(q: float, total: float, sure: float) -> tuple[float, float]:
    """Return the shares (0 to 1) of values between which the q-quantile lies, each one-sided at `sure`.

    Order statistics, distribution-free (Conover, Practical Nonparametric Statistics, 3.2), normal approximation with
    a half for continuity. Beyond 0 and 1: too few values to bound on that side.
    """
    reach = NormalDist().inv_cdf(sure) * sqrt(total * q * (1 - q)) + 0.5
    return q - reach / total, q + reach / total


def ratio(of_this: Sequence[float], of_other: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of one value over another, each given as (lower, estimate, upper) logarithms.

    MOVER (Zou and Donner, Statistics in Medicine 27, 2008) on logarithms.
    """
    shift = of_this[1] - of_other[1]
    below = sqrt((of_this[1] - of_this[0]) ** 2 + (of_other[2] - of_other[1]) ** 2)
    above = sqrt((of_this[2] - of_this[1]) ** 2 + (of_other[1] - of_other[0]) ** 2)
    return exp(shift - below), exp(shift + above) if above < inf else inf
