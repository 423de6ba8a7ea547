"""Slower than stable, at one quantile; or as fast in the middle, and wider apart."""

from collections import deque
from collections.abc import Sequence
from math import exp, inf, log, log1p, sqrt
from statistics import NormalDist

import numpy as np

from surefoot.bounds import ranks, ratio
from surefoot.levels import Levels, Row, Window, milliseconds, quantile_step
from surefoot.luck import Luck, alike
from surefoot.suspicion import SHOWN, SURE, Finding, by_luck, times_until
from surefoot.units import shown_ms
from surefoot.verdict import Outcome
from surefoot.vitals import Look
from surefoot.walk import Walk, boundary

# A difference below this part of the harm is no harm, however certain.
_MARGIN = 0.5
# Two copies of one program differ for good by about this part of their latency (another host, another neighbour), and
# by as much again from minute to minute: run-to-run spreads of 1 to 2 % were measured on real services.
_LASTING = 0.015
_PASSING = 0.01
# Gauss-Hermite nodes and weights for a normally distributed lasting difference.
_NODES = (-2.856970, -1.355626, 0.0, 1.355626, 2.856970)
_WEIGHTS = np.array((0.011257, 0.222076, 0.533333, 0.222076, 0.011257))
_MINUTE_S = 60.0
# What passes in less than this nobody has measured; an instant would be infinitely restless.
_SHORTEST_S = 0.5
_MOST_MINUTES = 120
# The median of chi-squared with one degree of freedom.
_MEDIAN_OF_SQUARE = 0.4549
# Slow answers that a stretch of looks needs before it is cut: fewer, and the cut would be the slowest answer itself.
_FEWEST = 3
# How steeply the odds of being slow fall with the latency: steeper than this is a service that answers in one time.
_STEEPEST = 30.0
# Of a ratio's logarithm: beyond it nothing is known of the ratio, and its exponential is no number any more.
_NOTHING_KNOWN = 300.0


class Slowness:
    """Slow answers, counted like failures: those above the quantile of both sides together, stretch by stretch.

    The quantile test of Westenberg and Mood (Conover, Practical Nonparametric Statistics, 4.3), exact whatever the
    shape of the latencies, in a walk over all looks.
    """

    def __init__(
        self, name: str, q: float, harm: float, weight: float, levels: Levels, floor_ms: float, *, required: bool
    ) -> None:
        self.name, self.weight, self.required = name, weight, required
        self._q, self._levels = q, levels
        self._relative, self._floor_ms = harm, floor_ms
        self._walk = Walk(len(_NODES))
        self._open: Window | None = None
        self._minute: Window | None = None
        self._own: deque[tuple[float, float]] = deque(maxlen=_MOST_MINUTES)
        self._apart: deque[tuple[float, float]] = deque(maxlen=_MOST_MINUTES)
        self._from_minutes = _PASSING**2
        # What passes from stretch to stretch, variances of the ratio's logarithm added up, and how many there were.
        self._passed, self._stretches = 0.0, 0
        self._slow, self._expected = 0, 0.0
        self._at: float = inf
        self._luck: float | None = None

    def add(self, look: Look, way: float) -> None:  # noqa: ARG002 (the levels have taken the look in already)
        """Take in the levels' latest look; looks with few answers are put together to a stretch."""
        window = self._levels.window
        if window is None:
            return
        self._open = self._open + window if self._open else window
        self._minute = self._minute + window if self._minute else window
        if self._minute.seconds > _MINUTE_S * 0.95:
            self._learn(self._minute)
            self._minute = None
        together = np.cumsum(self._open.canary + self._open.stable)
        if together[-1] * (1 - self._q) >= _FEWEST:
            self._cut(self._open, together)
            self._open = None

    def _cut(self, window: Window, together: Row) -> None:
        """Count the answers above the quantile of both, on the side of it where a share nearer to 1 - q is."""
        step = quantile_step(together, self._q)
        total = together[-1]
        above, at = total - together[step], total - (together[step - 1] if step else 0.0)
        wanted = total * (1 - self._q)
        if at < total and (not above or abs(log(at / wanted)) < abs(log(above / wanted))):
            step, above = step - 1, at
        if not above:
            return
        canary, stable = round(window.canary.sum()), round(window.stable.sum())
        slow = round(window.canary[step + 1 :].sum())
        slope, spread = self._slope(step), self._spread(window.seconds, above / total, step)
        lucks = [Luck(spread, node * _LASTING * slope) for node in _NODES]
        self._walk.go(alike(round(above), canary, stable, [above / total] * len(lucks), lucks))
        self._slow += slow
        self._expected += above * canary / total
        self._passed += 2 * self._passing(window.seconds)
        self._stretches += 1

    def _slope(self, step: int) -> float:
        """Return how much the logarithm of the odds to be slower falls when the latency grows e-fold."""
        latencies = self._levels.stable + self._levels.canary
        total, around = latencies.sum(), (max(0, step - 10), step + 10)
        odds = [(latencies[at + 1 :].sum() + 0.5) / (latencies[: at + 1].sum() + 0.5) for at in around]
        reach = log(milliseconds(around[1]) / milliseconds(around[0]))
        return float(min(_STEEPEST, max(0.0, log(odds[0] / odds[1]) / reach))) if total else 0.0

    def _spread(self, seconds: float, slow: float, step: int) -> float:
        """Return the squared variation of the rate of slow answers from one stretch to the next."""
        each = (1 - slow) * self._slope(step)
        return each * each * self._passing(seconds)

    def _passing(self, seconds: float) -> float:
        """Return the variance of a side's own logarithm of latency from one stretch of so many seconds to the next."""
        return self._from_minutes * max(1.0, _MINUTE_S / max(seconds, _SHORTEST_S) if seconds else 1.0)

    def _learn(self, minute: Window) -> None:
        """Keep stable's level in a minute and how far the canary's is from it, with the variance of so few answers.

        Stable's own moves may be waves that hit both, and the canary's unrest must not excuse it: what passes without
        anybody's fault is what is seen in both.
        """
        levels = []
        for side in (minute.stable, minute.canary):
            total = float(side.sum())
            step = quantile_step(np.cumsum(side), self._q)
            slope = self._slope(step)
            if total * (1 - self._q) < _FEWEST or not slope:
                return
            levels.append((log(milliseconds(step)), 1 / (total * slope**2 * self._q * (1 - self._q))))
        (stable, unsure), (canary, also) = levels
        self._own.append((stable, unsure))
        self._apart.append((canary - stable, unsure + also))
        self._from_minutes = max(_PASSING**2, min(_moves(self._own), _moves(self._apart) / 2))

    def crosses(self, may_spend: float) -> bool:
        """Say whether more are slow than luck can make, and enough slower to matter."""
        self._at, chance_of = boundary(self._walk, _WEIGHTS, may_spend)
        self._walk.stop(self._at)
        self._luck = None
        if self._slow >= self._at and self._worse() >= self._least:
            self._luck = chance_of(self._slow)
        return self._luck is not None

    def find(self) -> Finding:
        """Conclude: certain and large enough is a failure, ruled out is well, anything else needs more."""
        if not self._levels.canary_total:
            return Finding(Outcome.INCONCLUSIVE, f"no {self.name} to compare yet", factor=inf)
        canary, stable = (self._level(side) for side in (self._levels.canary, self._levels.stable))
        text, bound = f"{self.name} {shown_ms(canary)} ms vs {shown_ms(stable)} ms", self._bound(stable)
        if self._luck is not None:
            proof = f"{_times(canary / stable, *self._ratio(1.0, SHOWN))} times as slow{by_luck(self._luck)}"
            return Finding(Outcome.FAIL, text, proof, bound=bound, levels=(canary, stable))
        factor = self._factor(canary / stable)
        outcome = Outcome.PASS if factor <= 1 else Outcome.INCONCLUSIVE
        return Finding(outcome, text, factor=factor, bound=bound, levels=(canary, stable))

    @property
    def _harm(self) -> float:
        """Return the logarithm of how many times as slow as stable is too slow."""
        return log1p(max(self._relative, self._floor_ms / self._level(self._levels.stable)))

    @property
    def _least(self) -> float:
        """Return the logarithm of how many times as slow as stable is the least that matters."""
        return max(log1p(self._relative) * _MARGIN, log1p(self._floor_ms / self._level(self._levels.stable)))

    def _worse(self) -> float:
        return log(self._level(self._levels.canary) / self._level(self._levels.stable))

    def _level(self, side: Row) -> float:
        return milliseconds(quantile_step(np.cumsum(side), self._q))

    def _bound(self, stable: float) -> float | None:
        """Return about from which level on the canary fails (ms)."""
        answers = self._levels.canary_total
        if self._at > answers or not self._expected:
            return None
        step = quantile_step(np.cumsum(self._levels.stable), self._q)
        share = min(max(self._at / answers, 0.5 / answers), 1 - 0.5 / answers)
        usual = min(max(self._expected / answers, 0.5 / answers), 1 - 0.5 / answers)
        beyond = (log(share / (1 - share)) - log(usual / (1 - usual))) / max(self._slope(step), 0.1)
        return stable * exp(max(beyond, self._least))

    def _factor(self, worse: float) -> float:
        """Return how many times as many answers would rule the harm out, or prove it, if all goes on like this."""
        if worse >= exp(self._harm):
            return 2.0
        return times_until(lambda times: self._ratio(times)[1] < exp(self._harm))

    def _ratio(self, factor: float, sure: float = SURE) -> tuple[float, float]:
        """Return the bounds of canary's level over stable's, were there so many times as many answers."""
        low, high = ratio(
            self._bounds(self._levels.canary, self._levels.canary_total * factor, sure),
            self._bounds(self._levels.stable, self._levels.stable_total * factor, sure),
        )
        unsure = NormalDist().inv_cdf(sure) * sqrt(self._passed / factor) / self._stretches if self._stretches else 0.0
        wider = exp(min(unsure, _NOTHING_KNOWN))
        return low / wider, high * wider

    def _bounds(self, side: Row, total: float, sure: float) -> tuple[float, float, float]:
        low, high = ranks(self._q, total, sure)
        cumulative = np.cumsum(side)
        return (
            log(milliseconds(quantile_step(cumulative, low))) if low > 0 else -inf,
            log(milliseconds(quantile_step(cumulative, self._q))),
            log(milliseconds(quantile_step(cumulative, high))) if high < 1 else inf,
        )


def _times(seen: float, low: float, high: float) -> str:
    """Return how many times as slow, as far as it is bounded: `1.31 to 1.86`, `at least 1.6`, `about 1.5`."""
    if high < inf:
        return f"{low:.2f} to {high:.2f}"
    return f"at least {low:.1f}" if low > 1 else f"about {seen:.1f}"


def _moves(levels: Sequence[tuple[float, float]]) -> float:
    """Return the variance from one minute to the next beyond what few answers make, by the median of the moves."""
    if len(levels) < 4:
        return 0.0
    values, unsure = np.array(levels).T
    moves, own = np.diff(values) ** 2, unsure[1:] + unsure[:-1]
    return max(0.0, float(np.median(moves) / _MEDIAN_OF_SQUARE - own.mean()) / 2)
