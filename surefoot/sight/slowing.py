"""How surely so much slower a release is caught at a quantile: by the judge's own suspicion, at looks as expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np

from surefoot.levels import Levels, Row, milliseconds, quantile_step, row
from surefoot.luck import Luck, Share, alike
from surefoot.sight.stretches import Part
from surefoot.suspicion import Suspicion
from surefoot.vitals import Histogram, Look, Vitals
from surefoot.walk import Walk

# Where nothing is known of the latencies: log-normal, as wide as their mean (a coefficient of variation of 1).
_USUAL_MS = 100.0
_WIDTH = sqrt(log(2))
# As the judge: so many slow answers are cut together, and the odds to be slow are held to fall no flatter or steeper.
_FEWEST, _FLATTEST, _STEEPEST = 3, 0.1, 30.0
_LEAST = 1e-9
# How many steps on both sides tell how steep it is.
_NEAR = 10
# Each turn's latencies lie between those of the turns before: multiples of the golden section do.
_FIRST, _GOLDEN = 0.5, (sqrt(5) - 1) / 2
_STEP = log(milliseconds(1) / milliseconds(0))


def shape_of(latency_ms: Histogram) -> Row:
    """Return the share of answers on each step of the scale."""
    known = row(latency_ms)
    if known.sum():
        shares: Row = known / known.sum()
        return shares
    normal = NormalDist(log(_USUAL_MS), _WIDTH)
    below = np.array([normal.cdf(log(milliseconds(step + 0.5))) for step in range(len(known))])
    return np.diff(below, prepend=0.0)


def drawn(shape: Row, requests: int, turn: int = 0) -> Histogram:
    """Return so many latencies, spread as the shape is; at each turn others of the same spread."""
    if not requests:
        return Histogram()
    places = (np.arange(requests) + (_FIRST + turn * _GOLDEN) % 1) / requests
    steps, numbers = np.unique(np.searchsorted(np.cumsum(shape) * (1 - 1e-12), places), return_counts=True)
    return Histogram(
        tuple((milliseconds(step), number) for step, number in zip(steps.tolist(), numbers.tolist(), strict=True))
    )


def bounds_of(
    parts: Sequence[Part], shape: Row, levels: Levels, suspicion: Suspicion, spends: Sequence[float]
) -> list[float | None]:
    """Return from which level (ms) on a suspicion puts a canary back at each part's end, seeing a healthy one.

    `levels` are the suspicion's, and `spends` what it may spend by then.
    """
    bounds: list[float | None] = []
    for number, (part, spend) in enumerate(zip(parts, spends, strict=True)):
        canary, stable = (
            Vitals(requests, 0, drawn(shape, requests, number), part.seconds) for requests in (part.canary, part.stable)
        )
        look = Look(stable, canary)
        levels.add(look)
        suspicion.add(look, part.look / parts[-1].look)
        suspicion.crosses(spend)
        bounds.append(suspicion.find().bound)
    return bounds


class Slowing:
    """One rollout's looks at one quantile, where stable's answers have a shape.

    `least` is the least slowdown that matters, relative. `bounds_ms` are the canary's levels from which the judge puts
    it back at each part's end, None where no level is.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        shape: Row,
        q: float,
        least: float,
        bounds_ms: Sequence[float | None],
        *,
        users: bool,
    ) -> None:
        self._parts, self._q, self._users = parts, q, users
        self._slower = np.concatenate([[1.0], 1 - np.cumsum(shape)])
        self._steps = np.arange(len(self._slower))
        self._tilts: dict[tuple[float, float], float] = {}
        self._cuts = tuple(self._all_cuts())
        self._level_ms = milliseconds(quantile_step(np.cumsum(shape), q))
        self._bounds = list(self._all_bounds(least, bounds_ms))

    def caught(self, jump: float) -> tuple[list[float], list[float]]:
        """Return the chance that a release slower by `jump` (0.25: a quarter) was caught by each part's end.

        And how many slow answers that takes there.
        """
        walk, caught = Walk(), []
        for cut, bound in zip(self._cuts, self._bounds, strict=True):
            if cut is not None:
                walk.go(cut.shifted(self._tilt(0.0 if self._users and cut.ours else log(1 + jump), cut.share)))
            walk.stop(bound)
            caught.append(float(walk.spent[0]))
        return caught, self._bounds

    def _all_cuts(self) -> Iterator["Cut | None"]:
        """Yield what is cut at each part's end: None where there are too few slow answers yet."""
        now = _NOTHING
        for part in self._parts:
            if part.canary and part.stable:
                now = now.plus(part, self._q)
            yield now if now.above >= _FEWEST else None
            now = _NOTHING if now.above >= _FEWEST else now

    def _all_bounds(self, matters: float, bounds_ms: Sequence[float | None]) -> Iterator[float]:
        """Yield from how many slow answers on the canary fails, at each part's end.

        As many as its level says, and as the least slowdown that matters makes.
        """
        usual, slope, answers, least = _odds(1 - self._q), self._steepness(), 0, 0.0
        for part, cut, bound_ms in zip(self._parts, self._cuts, bounds_ms, strict=True):
            answers += part.canary if part.stable else 0
            if cut is not None:
                least += _mean(cut.shifted(self._tilt(log(1 + matters), cut.share)))
            odds = usual + slope * log(bound_ms / self._level_ms) if bound_ms else inf
            yield ceil(max(least, answers / (1 + exp(-odds))) - 1e-6) if bound_ms else inf

    def _tilt(self, shift: float, share: float) -> float:
        """Return how much higher the canary's odds are to be slow: a logarithm.

        Slow is what lies above the quantile of both together, `share` of them being the canary's.
        """
        if (shift, share) not in self._tilts:
            canary = np.interp(self._steps - shift / _STEP, self._steps, self._slower)
            both = share * canary + (1 - share) * self._slower
            at = float(np.interp(self._q - 1, -both, self._steps))
            odds = [_odds(np.interp(at, self._steps, side)) for side in (canary, self._slower)]
            self._tilts[shift, share] = odds[0] - odds[1]
        return self._tilts[shift, share]

    def _steepness(self) -> float:
        """Return how steeply the odds to be slow fall with the latency, logarithms both."""
        at = float(np.interp(self._q - 1, -self._slower, self._steps))
        near = [_odds(np.interp(at + apart, self._steps, self._slower)) for apart in (-_NEAR, _NEAR)]
        return min(_STEEPEST, max(_FLATTEST, (near[0] - near[1]) / (2 * _NEAR * _STEP)))


def _mean(share: Share) -> float:
    return float(share.chances[0] @ (share.start + share.step * np.arange(len(share.chances[0]))))


@dataclass(frozen=True, slots=True)
class Cut:
    """Looks that are cut together: `above` of both sides' answers are slow."""

    canary: int = 0
    stable: int = 0
    above: int = 0
    looks: int = 0
    seconds: float = 0.0
    ours: bool = False

    def plus(self, part: Part, q: float) -> "Cut":
        """Return it with one part more."""
        canary, stable = self.canary + part.canary, self.stable + part.stable
        above = round((canary + stable) * (1 - q))
        return Cut(canary, stable, above, self.looks + part.looks, self.seconds + part.seconds, part.ours)

    @property
    def share(self) -> float:
        """Return the canary's part of the answers."""
        return self.canary / (self.canary + self.stable)

    def shifted(self, tilt: float) -> Share:
        """Return what falls to the canary, its odds to be slow being so much higher."""
        return alike(self.above, self.canary, self.stable, (0.0,), (Luck(tilt=tilt),))


_NOTHING = Cut()


def _odds(rate: float) -> float:
    kept = min(1 - _LEAST, max(_LEAST, float(rate)))
    return log(kept / (1 - kept))
