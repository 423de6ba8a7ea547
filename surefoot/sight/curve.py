"""From the chance of catching a harm to the smallest one that is caught often enough."""

from collections.abc import Callable, Sequence
from math import inf
from statistics import NormalDist

# What is said to be seen is caught in so many rollouts.
POWER = 0.8
# Harms tried between half of the plan's, below which nothing is put back, and the most there can be; then the way
# between the two next to the answer is halved where it is expected.
_TRIED, _REFINED = 12, 1
_LEAST = 1e-6
_NORMAL = NormalDist()

Caught = Callable[[float], tuple[list[float], list[float]]]


class Curve:
    """The chance that a harm was caught by each part's end, the larger the harm the better."""

    def __init__(self, caught: Caught, harm: float, most: float) -> None:
        self.harm = harm
        self._caught = caught
        low = harm / 2
        self._tried = [low * (most / low) ** (number / (_TRIED - 1)) for number in range(_TRIED)]
        self._known: dict[float, tuple[list[float], list[float]]] = {}

    def at(self, jump: float) -> Sequence[float]:
        """Return the chance that so much harm was caught by the end of each part."""
        return self._all(jump)[0]

    def bound(self, part: int) -> int:
        """Return how many it takes by the end of a part, where about as many are expected; 0 where no number does."""
        bound = self._all(self.smallest(part) or self.harm)[1][part]
        return 0 if bound == inf else int(bound)

    def smallest(self, part: int) -> float | None:
        """Return the smallest harm that is caught by the end of a part in 8 of 10 rollouts; None where none is."""
        low, high = 0, _TRIED - 1
        if self.at(self._tried[high])[part] < POWER:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.at(self._tried[middle])[part] >= POWER else (middle, high)
        below, above = self._tried[low], self._tried[high]
        for _ in range(_REFINED):
            between = self._between(below, above, part)
            below, above = (below, between) if self.at(between)[part] >= POWER else (between, above)
        return self._between(below, above, part)

    def _all(self, jump: float) -> tuple[list[float], list[float]]:
        if jump not in self._known:
            self._known[jump] = self._caught(jump)
        return self._known[jump]

    def _between(self, below: float, above: float, part: int) -> float:
        """Return where it is 8 of 10, were the chance a normal distribution's between the two."""
        low, wanted, high = (_deviations(chance) for chance in (self.at(below)[part], POWER, self.at(above)[part]))
        share = (wanted - low) / (high - low) if high > low else 1.0
        return below + (above - below) * min(1.0, max(0.0, share))


def _deviations(chance: float) -> float:
    return _NORMAL.inv_cdf(min(1 - _LEAST, max(_LEAST, chance)))
